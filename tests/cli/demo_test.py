"""The demo shop: the same bytes from its generator, and through the binary the figures of an oracle of its own.

usage: demo_test.py BINARY
"""
import filecmp
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tools"), str(HERE.parent / "cdnow"), str(HERE)]
import oracle
import shop
from replay_test import comparable, differences
from tap import Tap

ROOT = HERE.parent.parent
DEMO = ROOT / "examples" / "cart-rescue"
BYTES_MAX = 2_000_000


def generated(tap, folder):
    subprocess.run([sys.executable, ROOT / "examples" / "generate.py", folder], check=True)
    for name in ("contacts.csv", "events.ndjson"):
        tap.ok(filecmp.cmp(DEMO / name, pathlib.Path(folder) / name, shallow=False),
               f"{name} is what examples/generate.py writes", f"run examples/generate.py and commit {DEMO / name}")
    size = sum((DEMO / name).stat().st_size for name in os.listdir(DEMO))
    tap.ok(size <= BYTES_MAX, "the demo stays small", size)


def replay(binary, data, *more):
    return subprocess.run([binary, "replay", "--data", data, "--journey", DEMO / "journey.json", "--contacts",
                           DEMO / "contacts.csv", "--events", DEMO / "events.ndjson", *more],
                          capture_output=True, text=True, timeout=300)


def replayed(tap, binary, title, data, *more, **options):
    expected = comparable(shop.expected(DEMO, **options))
    for turn in ("the first time", "the second time"):
        run = replay(binary, data, "--json", *more)
        if tap.ok(run.returncode == 0, f"{title}: replays {turn}", run.stderr or run.stdout):
            found = differences(comparable(json.loads(run.stdout)), expected)
            tap.ok(not found, f"{title}: every figure {turn}", "\n".join(found[:40]))


def printed_for_people(tap, binary, data):
    run = replay(binary, data)
    journey = shop.expected(DEMO)["journeys"][0]
    tap.ok(run.returncode == 0 and "Cart rescue" in run.stdout, "names the journey to people", run.stdout + run.stderr)
    for name, figures in journey["nodes"].items():
        lines = [line for line in run.stdout.splitlines() if name in line.split()]
        tap.ok(any(str(figures["entered"]) in line.replace(",", "").split() for line in lines),
               f"tells people that {figures['entered']} came to {name}", run.stdout)


def main(binary):
    tap = Tap()
    binary = os.path.abspath(binary)
    with tempfile.TemporaryDirectory(prefix="sojourn-demo-") as folder:
        generated(tap, folder)
        replayed(tap, binary, "the whole month", f"{folder}/data")
        printed_for_people(tap, binary, f"{folder}/data")
        middle = "2026-05-14T09:30:00Z"
        replayed(tap, binary, "the first half", f"{folder}/half", "--until", middle, until_ms=oracle.instant_ms(middle))
        replayed(tap, binary, "the second half over a history", f"{folder}/late", "--from", middle,
                 from_ms=oracle.instant_ms(middle))
    return tap.done()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
