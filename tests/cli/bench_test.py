"""`sojourn bench` on this machine: that it measures, checks what it measures, and writes it down; never how fast it is.

usage: bench_test.py BINARY
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tools"))
from tap import Tap

ROWS = ("journeys", "empty")
SECONDS_MAX = 200


def bench(binary, folder, *words):
    return subprocess.run([binary, "bench", *words], cwd=folder, capture_output=True, text=True, timeout=SECONDS_MAX)


def measures(tap, binary, folder):
    run = bench(binary, folder, *ROWS, "--runs", "2", "--write", "page.md")
    if not tap.ok(run.returncode == 0, "two rows are measured twice", run.stdout + run.stderr):
        return
    lines = [line for line in run.stdout.splitlines() if re.search(r"\d (/s|ms|MB|%) +\(.* to .*\)", line)]
    tap.ok(len(lines) >= 6, "each figure has its median and its spread", run.stdout)
    tap.ok(any("bare loop" in line for line in lines), "a baseline stands beside them", run.stdout)
    page = (pathlib.Path(folder) / "page.md").read_text(encoding="utf-8")
    tap.ok("## Whole passages" in page and "## Start of an empty server" in page and "Machine:" in page,
           "the page has both rows and the machine", page)
    tap.ok(page.count("median of 2") == len(ROWS), "and says of how many runs", page)
    tap.ok(sorted(os.listdir(folder)) == ["page.md"], "nothing is left behind", os.listdir(folder))


def refuses(tap, binary, folder):
    run = bench(binary, folder, "evnts")
    tap.ok(run.returncode == 2 and "evnts" in run.stderr, "a row that is none is named", run.stderr)
    run = bench(binary, folder, "empty", "--runs", "0")
    tap.ok(run.returncode == 2 and "--runs" in run.stderr, "no runs at all are refused", run.stderr)
    run = bench(binary, folder, "empty", "--in", "not-there")
    tap.ok(run.returncode == 1 and "not-there" in run.stderr, "a folder that is not there is named", run.stderr)


def main(binary):
    tap, binary = Tap(), os.path.abspath(binary)
    with tempfile.TemporaryDirectory(prefix="sojourn-bench-") as folder:
        measures(tap, binary, folder)
        refuses(tap, binary, folder)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
