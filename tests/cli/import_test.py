"""`sojourn import`, against a running server and on a closed directory; then CDNOW as history.

usage: import_test.py BINARY [CDNOW_master.txt]
"""
import collections
import gzip
import json
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tools"), HERE]
from asking import Asking
from commands import SECONDS_MAX, Commands
from serving import Serving
from tap import Tap

HEADER = "userId,event,timestamp,total:number\n"
MANY = 10  # orders of a customer who is told apart
TELL = {"name": "Tell apart", "entry": {"rules": [{"event": "Knock"}]},
        "nodes": {"apart": {"type": "split", "paths": [{"name": "many", "rule": {"did": "Order Completed", "at_least": MANY}, "next": "end"}],
                            "on": {"others": "few"}},
                  "few": {"type": "wait", "for": "1d", "next": "end"}, "end": {"type": "stop"}},
        "start": "apart"}


def check_import(tap, asking, mark):
    """`mark` makes the files of the two ways different ones."""
    commands = asking.commands

    def told(title, words, code, out=None, texts=(), **more):
        run = asking.run("import", *words, **more)
        fine = run.returncode == code and (out is None or run.stdout.startswith(out)) and all(text in run.stderr for text in texts)
        tap.ok(fine, f"{title} ({asking.way})", f"exit {run.returncode}\n{run.stdout}{run.stderr}")
        return run

    good = commands.write(f"{mark}.csv", HEADER + f"{mark},Order Completed,2026-01-01,5\n" * 3)
    told("events are taken, equal ones too", ["events", good], 0, f"{mark}.csv: 3 rows taken, 0 rejected (import ")
    told("the same file twice changes nothing", ["events", good, "--name", "other.csv"], 0, "other.csv: has been imported before")
    commands.write(f"{mark}.csv.gz", gzip.compress(open(commands.path(good), "rb").read() + b"last,Order Completed,2026-01-01,1\n"))
    told("gzip is taken", ["events", f"{mark}.csv.gz"], 0, f"{mark}.csv.gz: 4 rows taken")
    bad = commands.write(f"bad-{mark}.csv", HEADER + f"{mark},Order Completed,soon,5\n{mark},Order Completed,2026-01-01,5\n")
    told("a rejected row is told with its line and reason", ["events", bad], 1, f"bad-{mark}.csv: 1 rows taken, 1 rejected",
         [f"sojourn: bad-{mark}.csv:2: timestamp: ", f"sojourn: bad-{mark}.rejects.csv: holds the 1 rejected rows"])
    with open(commands.path(f"bad-{mark}.rejects.csv"), encoding="utf-8") as rejects:
        mended = rejects.read().replace(",soon,", ",2026-01-02,")
    told("the mended rejects are taken from standard input", ["events", "-", "--name", "mended.csv"], 0, "mended.csv: 1 rows taken", input=mended)
    people = commands.write(f"people-{mark}.ndjson", [{"userId": mark, "traits": {"plan": "pro"}}, {"traits": {}}])
    run = told("--rejects and --json", ["contacts", people, "--rejects", f"{mark}.kept", "--json"], 1)
    printed = json.loads(run.stdout)
    tap.equal(f"the import as the server has it ({asking.way})", (printed["state"], printed["kind"], printed["taken"], printed["rejected"]),
              ("done", "contacts", 1, 1))
    tap.ok("rejectedReason" in open(commands.path(f"{mark}.kept"), encoding="utf-8").read(), f"the rejects are where they were wanted ({asking.way})")
    failing = commands.write(f"failing-{mark}.csv", f"who\n{mark}\n")
    told("a file that is none fails", ["events", failing], 1, None, [f"sojourn: failing-{mark}.csv: the import is failed: line 1: there is no column"])
    told("a file that is not there", ["events", "nowhere.csv"], 1, "", ["sojourn: nowhere.csv: "])
    told("an unknown kind", ["lists", good], 2, "", ["sojourn: lists: must be events or contacts"])
    told("no file", ["events"], 2, "", ["sojourn: FILE: is missing"])
    told("contacts are never live", ["contacts", good, "--live"], 1, "", ["live"])


def check_bar(tap, asking):
    """On a terminal progress is one line, drawn over and wiped in the end."""
    name = asking.commands.write("bar.csv", HEADER + "bar,Order Completed,2026-01-01,5\n" * 1000)
    ours, theirs = os.openpty()
    run = subprocess.run([asking.commands.binary, "import", "events", name, *asking.where()], cwd=asking.commands.folder, stdout=subprocess.PIPE,
                         stderr=theirs, env=asking.environment(SOJOURN_TOKEN=asking.serving.keys["admin token"]), timeout=SECONDS_MAX, text=True)
    os.close(theirs)
    drawn = os.read(ours, 1 << 16).decode()
    os.close(ours)
    tap.equal("an import on a terminal", (run.returncode, run.stdout.split(" (")[0]), (0, "bar.csv: 1000 rows taken, 0 rejected"))
    tap.ok(drawn.startswith("\rbar.csv is being sent [") and drawn.endswith("\r\x1b[K"), "draws a bar and wipes it", repr(drawn))


def cdnow(path):
    """(customer, day) of each row, in the file's order."""
    with open(path, encoding="ascii") as rows:
        for row in rows:
            customer, day = row.split()[:2]
            if customer.isdigit():
                yield customer, f"{day[:4]}-{day[4:6]}-{day[6:]}"


def check_history(tap, commands, serving, path):
    """A journey told CDNOW as history counts it; nobody is inside because of it."""
    rows = list(cdnow(path)) if path and os.path.exists(path) else [(f"{n % 97:05}", f"1997-01-{n % 28 + 1:02}") for n in range(1500)]
    name = commands.write("cdnow.csv", "userId,event,timestamp\n" + "".join(f"{c},Order Completed,{day}\n" for c, day in rows))
    asking = Asking(commands, serving, False)
    tap.equal("a journey is published", serving.ask("POST", "/v1/journeys?publish=true", TELL)[0], 201)
    run = asking.run("import", "events", name, "--json")
    printed = json.loads(run.stdout)
    tap.equal("every row is taken", (run.returncode, printed["taken"], printed["rejected"]), (0, len(rows), 0))
    print(f"# {printed['rows_per_second']} rows/s", flush=True)
    tap.equal("and nobody enters", serving.ask("GET", "/v1/journeys/Tell%20apart/statistics")[1]["entered"], 0)
    counts = collections.Counter(customer for customer, _ in rows)
    knocking = sorted(counts)[:1000]
    batch = {"batch": [{"type": "track", "userId": customer, "event": "Knock"} for customer in knocking]}
    tap.equal("customers knock", serving.ask("POST", "/v1/batch", batch)[0], 200)
    printed = serving.ask("GET", "/v1/journeys/Tell%20apart/statistics")[1]
    few = sum(counts[customer] < MANY for customer in knocking)
    tap.equal("what they did before Sojourn knew them tells them apart", (printed["entered"], printed["in_journey"]), (len(knocking), few))


def main(binary, path=None):
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="sojourn-import-") as folder:
        commands, serving = Commands(binary, folder), Serving(binary, f"{folder}/data")
        try:
            serving.start()
            check_import(tap, Asking(commands, serving, False), "served")
            check_bar(tap, Asking(commands, serving, False))
            check_history(tap, commands, serving, path)
            serving.end()
            check_import(tap, Asking(commands, serving, True), "closed")
        finally:
            serving.abandon()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
