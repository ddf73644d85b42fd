"""Fuzz one target for as long as you like: see README.md beside this file."""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["watchdog", "asyncvarlink", "tomllib"]):
    import fuzztargets


def main() -> None:
    """Run `fuzz_with_atheris.py TARGET [CORPUS] [libFuzzer options]`."""
    target, rest = sys.argv[1], sys.argv[2:]
    corpus = Path(rest.pop(0)) if rest and not rest[0].startswith("-") else Path(f"corpus-{target}")
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(fuzztargets.seeds(target)):
        (corpus / f"seed-{number}").write_bytes(seed)
    atheris.Setup([sys.argv[0], str(corpus), *rest], fuzztargets.TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
