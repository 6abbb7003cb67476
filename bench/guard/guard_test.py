"""Holds the instructions of three fixed workloads against those that were recorded: a regression shows on any machine.

usage: guard_test.py GUARD          compares with recorded.json, which lies beside this file
       guard_test.py GUARD --record writes it anew: after a change that is meant to cost or to save

Counted by callgrind, the release build alone. More than 5 % over fails; more than 5 % under fails too, so that what was
won is written down.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "tests" / "tools"))
from tap import Tap

RECORDED = HERE / "recorded.json"
WORKLOADS = ("batch", "timers", "scan")
# The same instructions are chosen on every processor that has AVX2.
PINNED = {"SIMDJSON_FORCE_IMPLEMENTATION": "westmere", "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-ERMS,-FSRM"}
WITHIN = 0.05
SECONDS_MAX = 200
COLLECTED = re.compile(r"Collected : (\d+)")


def count(guard, workload):
    """Instructions, or what went wrong."""
    with tempfile.TemporaryDirectory(prefix="sojourn-guard-") as folder:
        run = subprocess.run(["valgrind", "--tool=callgrind", "--toggle-collect=guard_workload",
                              f"--callgrind-out-file={folder}/out", guard, workload],
                             capture_output=True, text=True, timeout=SECONDS_MAX, env={**os.environ, **PINNED})
    found = COLLECTED.search(run.stderr)
    return int(found[1]) if found and run.returncode == 0 and int(found[1]) else run.stderr[-2000:]


def main(guard, record):
    tap = Tap()
    missing = None if shutil.which("valgrind") else "valgrind is not installed"
    if "avx2" not in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8"):
        missing = "recorded on processors with AVX2, which this one has not"
    if missing:
        print(f"ok 1 # skip {missing}\n1..1")
        return 0
    counted = {workload: count(guard, workload) for workload in WORKLOADS}
    if record:
        RECORDED.write_text(json.dumps(counted, indent=2) + "\n", encoding="utf-8")
        print(RECORDED.read_text(encoding="utf-8"))
        return 0
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    for workload, instructions in counted.items():
        if not tap.ok(isinstance(instructions, int), f"{workload} is counted", instructions):
            continue
        change = instructions / recorded[workload] - 1
        tap.ok(abs(change) <= WITHIN, f"{workload} takes what was recorded, within 5 %",
               f"{instructions:,} instructions, {recorded[workload]:,} recorded: {100 * change:+.1f} %; where that is meant, "
               f"run bench/guard/guard_test.py GUARD --record and say why in the commit")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:] == ["--record"]))
