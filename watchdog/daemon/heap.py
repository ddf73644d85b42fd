"""Give back memory that nothing needs any more.

Invariant: nothing depends on it; where the C library has no such call (musl), nothing is done. Thousands of deaths
leave holes in the heap that the allocator keeps resident for a day when they are needed: 4 MiB after ten thousand
(docs/adr/0014). Deliberately not here: any other tuning.
"""

import ctypes
import gc

_ARENA_MAX = -8
"""M_ARENA_MAX of malloc.h."""


def share_one_heap() -> None:
    """Let all threads allocate from one heap: each would keep one of its own, 0.4 MiB in all.

    To be called before the first thread starts.
    """
    tune = getattr(ctypes.CDLL(None), "mallopt", None)
    if tune is not None:
        tune(_ARENA_MAX, 1)


def return_heap() -> None:
    """Return unused heap to the kernel. Takes some milliseconds, so it is for the chores."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
