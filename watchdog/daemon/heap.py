"""Give back memory that nothing needs any more.

Invariant: nothing depends on it; where the C library has no such call (musl), nothing is done. Thousands of deaths
leave holes in the heap that the allocator keeps resident for a day when they are needed: 4 MiB after ten thousand
(docs/adr/0014). Deliberately not here: any other tuning.
"""

import ctypes
import gc


def return_heap() -> None:
    """Return unused heap to the kernel. Takes some milliseconds, so it is for the chores."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
