#!/usr/bin/env python3
"""table.py FIGURES.json: print what measure.py measured as a markdown table, the fastest restart first."""
import json
import pathlib
import sys


def number(value, digits=2):
    """Two significant digits: more would be noise of one run."""
    return "-" if value is None else f"{value:.{digits}g}" if value < 100 else f"{value:.0f}"


def version(name, figures):
    """The name with the version, without words that say the name again ("supervisord 4.2.5")."""
    found = [word for word in figures["version"].split() if word[0].isdigit() or word[0] == "("]
    return f"{name} {found[0].strip('()')}" if found and found[0].strip("()") not in name else name


def row(name, figures):
    idle_ms, seconds = figures.get("cpu_ms"), figures.get("idle_s")
    rss, more = figures.get("rss_kib"), figures.get("rss_kib_100")
    cells = [
        version(name, figures),
        number(figures.get("lat_ms_median")) + (" ms" if "lat_ms_median" in figures else ""),
        number(figures.get("lat_ms_p99")) + (" ms" if "lat_ms_p99" in figures else ""),
        number(rss / 1024) + " MiB" if rss else "-",
        number(idle_ms * 60 / seconds) + " ms" if seconds else "-",
        f"{(more - rss) / 1024:+.1f} MiB" if rss and more else "-",
    ]
    return "| " + " | ".join(cells) + " |"


def main():
    figures = json.loads(pathlib.Path(sys.argv[1]).read_text())
    print("| | death -> next exec, p50 | p99 | RSS | idle CPU per minute | RSS of 100 more |")
    print("|---|---|---|---|---|---|")
    for name, found in sorted(figures.items(), key=lambda item: item[1].get("lat_ms_median", 1e9)):
        print(row(name, found))


if __name__ == "__main__":
    main()
