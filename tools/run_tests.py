#!/usr/bin/env python3
"""Builds and runs the tests, counts every case, and ends in `N passed, N failed`.

usage: run_tests.py full | check | soak | STAGE…

A test program speaks TAP, which cmocka does when asked to: each of its cases counts. One that says nothing
counts as a single case by its exit code. What does not build, ends without its last case, or has no test at
all where some are due, is a failure of its own.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORES = str(os.cpu_count() or 2)
CASE = re.compile(r"^\s*(not )?ok\b\s*(\d+)?\s*-?\s*(.*)$")
PLAN = re.compile(r"^\s*1\.\.(\d+)")
SKIP = re.compile(r"#\s*skip\b", re.I)

# Each build: its folder, its compilers, the options that meson is told.
BUILDS = {
    "release": ("gcc", "g++", ["--buildtype=release"]),
    "asan": ("gcc", "g++", ["--buildtype=debugoptimized", "-Db_sanitize=address,undefined", "-Db_lundef=false"]),
    "tsan": ("clang", "clang++", ["--buildtype=debugoptimized", "-Db_sanitize=thread", "-Db_lundef=false"]),
    "fuzz": ("clang", "clang++", ["--buildtype=debugoptimized", "-Db_sanitize=address", "-Db_lundef=false",
                                  "-Dc_args=-fsanitize=fuzzer-no-link", "-Dcpp_args=-fsanitize=fuzzer-no-link"]),
}

SANITIZERS = {"ASAN_OPTIONS": "halt_on_error=1:abort_on_error=1:detect_stack_use_after_return=1",
              "UBSAN_OPTIONS": "halt_on_error=1:abort_on_error=1:print_stacktrace=1",
              "TSAN_OPTIONS": "halt_on_error=1:abort_on_error=1:second_deadlock_stack=1"}

# stage: (build, suites, times their timeouts); `full` runs them in this order
STAGES = {
    "lint": (None, ["lint"], 1),
    "asan": ("asan", ["unit", "api"], 4),
    "tsan": ("tsan", ["thread"], 6),
    "release": ("release", ["unit", "thread", "hostile", "cdnow", "crash", "cli", "api", "guard", "clients"], 2),
    "sim": ("release", [], 2),
    "fuzz": ("fuzz", ["fuzz"], 4),
}

# How long the long ones run: the simulator is told, the others look into the environment.
MODES = {
    "full": (list(STAGES), {"SIMULATE_SECONDS": "60", "FUZZ_SECONDS": "10", "CDNOW_CASES": "all"}),
    "check": (["lint", "asan", "sim", "cdnow"], {"SIMULATE_SECONDS": "5", "CDNOW_CASES": "few"}),
    "soak": (["crash", "sim", "fuzz"], {"SIMULATE_SECONDS": "3600", "FUZZ_SECONDS": "600", "CRASH_ROUNDS": "1000"}),
}
STAGES_ALONE = {"cdnow": ("release", ["cdnow"], 2), "crash": ("release", ["crash"], 100)}


class Tally:
    def __init__(self):
        self.passed, self.failed, self.skipped = 0, 0, 0
        self.failures = []

    def fail(self, title, details=""):
        self.failed += 1
        self.failures.append(title)
        print(f"  FAILED {title}")
        for line in details.rstrip().splitlines():
            print(f"    {line}")

    def take(self, program, output, errors, code, exhausted=False):
        """Counts what a test program said, and what its end says beside that."""
        planned, seen, skipped, cases = 0, 0, 0, []
        for line in output.splitlines():
            plan, case = PLAN.match(line), CASE.match(line)
            if plan:
                planned += int(plan[1])
            elif case and case[2]:
                seen += 1
                if SKIP.search(case[3]):
                    skipped += 1
                    print(f"  skipped {program}: {case[3]}")
                else:
                    cases.append((not case[1], case[3], []))
            elif cases and line.startswith("#"):
                cases[-1][2].append(line)
        failed_before = self.failed
        for good, title, said in cases:
            if good:
                self.passed += 1
            else:
                self.fail(f"{program}: {title}", "\n".join(said))
        self.skipped += skipped
        tail = "\n".join((output.splitlines()[-15:] if not cases else []) + errors.splitlines()[-60:])
        if exhausted:
            self.fail(f"{program}: took longer than it may", tail)
        elif seen < planned or (planned == 0 and seen > 0):
            self.fail(f"{program}: ended after {seen} of {planned or 'its'} cases, exit {code}", tail)
        elif code != 0 and self.failed == failed_before:
            self.fail(f"{program}: exit {code}", tail)
        elif code == 0 and seen == 0:
            self.passed += 1
        elif self.failed > failed_before and tail:
            print("    " + tail.replace("\n", "\n    "))


def run(command, **options):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", **options)


def build(name, tally):
    """True when the folder is configured and everything in it is built."""
    c, cplusplus, options = BUILDS[name]
    folder = ROOT / "build" / name
    if not (folder / "build.ninja").exists():
        made = run(["meson", "setup", str(folder), *options], env={**os.environ, "CC": c, "CXX": cplusplus})
        if made.returncode:
            tally.fail(f"build/{name} could not be configured", (made.stdout + made.stderr)[-4000:])
            return False
    made = run(["ninja", "-C", str(folder), "-k", "0"])
    if made.returncode:
        wrong = [line for line in made.stdout.splitlines() if not re.match(r"\[\d+/\d+\]|ninja: Entering", line)]
        tally.fail(f"build/{name} did not build", "\n".join(wrong[:120]))
        return False
    return True


def logs(folder):
    """Meson names its log after the wrapper, where there is one."""
    return sorted((folder / "meson-logs").glob("testlog*.json"))


def programs(folder):
    """The results of the last `meson test`, one a test program."""
    return [json.loads(line) for log in logs(folder) for line in log.read_text(encoding="utf-8").splitlines()]


def run_suites(name, suites, patience, tally, environment):
    folder = ROOT / "build" / name
    for suite in suites:
        for log in logs(folder):
            log.unlink()
        started = time.monotonic()
        wrapped = ["--wrap", "setarch -R"] if name == "tsan" and not run(["setarch", "-R", "true"]).returncode else []
        told = run(["meson", "test", "-C", str(folder), "--no-rebuild", "--suite", suite, "--num-processes", CORES,
                    "--timeout-multiplier", str(patience), *wrapped],
                   env={**os.environ, **SANITIZERS, **environment, "CMOCKA_MESSAGE_OUTPUT": "TAP"})
        results = programs(folder)
        if not results:
            tally.fail(f"suite {suite} of build/{name} has no test", (told.stdout + told.stderr)[-1000:])
        before = tally.passed
        for result in results:
            program = f"{suite}/{result['name'].split(' / ')[-1]}"
            tally.take(program, result.get("stdout") or "", result.get("stderr") or "", result["returncode"],
                       result["result"] == "TIMEOUT")
        print(f"  {suite}: {tally.passed - before} passed in {time.monotonic() - started:.0f} s")


def run_simulator(tally, seconds):
    """Random journeys, traffic and faults against the naive oracle, for as long as the mode says."""
    program = ROOT / "build" / "release" / "tests" / "sim" / "simulate"
    if not program.exists():
        tally.fail("build/release has no simulator, the target `simulate` of tests/sim")
        return
    done = run([str(program), "--seconds", seconds])
    tally.take(f"simulate --seconds {seconds}", done.stdout, done.stderr, done.returncode)


def run_lint(tally):
    for title, command in (("lint", [sys.executable, "tools/lint.py"]),
                           ("lint_test", [sys.executable, "tests/lint/lint_test.py", "tools/lint.py", "gcc"]),
                           ("run_tests_test", [sys.executable, "tests/lint/run_tests_test.py"])):
        done = run(command)
        tally.take(title, done.stdout, done.stderr, done.returncode)


def run_stage(stage, tally, environment):
    started = time.monotonic()
    print(f"== {stage}", flush=True)
    name, suites, patience = {**STAGES, **STAGES_ALONE}[stage]
    if stage == "lint":
        run_lint(tally)
    elif build(name, tally):
        if stage == "release":
            done = run([sys.executable, "tools/lint.py", "--objects", f"build/{name}"])
            tally.take("lint", done.stdout, done.stderr, done.returncode)
        run_suites(name, suites, patience, tally, environment)
        if stage == "sim":
            run_simulator(tally, environment["SIMULATE_SECONDS"])
    print(f"   {stage} took {time.monotonic() - started:.0f} s", flush=True)


def main(wanted):
    known = {**STAGES, **STAGES_ALONE}
    if not wanted or any(word not in known and word not in MODES for word in wanted):
        print(__doc__, file=sys.stderr)
        return 2
    tally, environment = Tally(), {}
    stages = []
    for word in wanted:
        listed, told = MODES.get(word, ([word], MODES["full"][1]))
        stages += listed
        environment.update(told)
    for stage in stages:
        run_stage(stage, tally, environment)
    if tally.failures:
        print("\nFailed:\n  " + "\n  ".join(tally.failures))
    if tally.skipped:
        print(f"{tally.skipped} skipped")
    print(f"{tally.passed} passed, {tally.failed} failed", flush=True)
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
