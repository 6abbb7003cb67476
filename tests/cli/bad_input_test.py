"""Everything that may be wrong with what a replay is given: each gets an error that names its place, an exit status of
1 (2 for wrong usage), and nothing is taken.

usage: bad_input_test.py BINARY
"""
import fcntl
import json
import os
import sqlite3
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tools"), HERE]
from commands import ORDER, WAIT, Commands, figures, track
from tap import Tap

DEEP = 10_000
GOOD = [track("a", "2026-05-01T10:00:00Z"), track("b", "2026-05-01T11:00:00Z")]


def journey(**changes):
    return {**WAIT, **changes}


def nodes(**changes):
    return journey(nodes={**WAIT["nodes"], **changes})


def line(record):
    return json.dumps(record) + "\n"


def after_good(bad):
    """A bad line as the third of a file."""
    good = "".join(line(record) for record in GOOD).encode()
    return good + (bad if isinstance(bad, bytes) else line(bad).encode())


# title, which file, what is in it, what the message must hold
BAD_FILES = [
    ("an event that is cut off", "events.ndjson", after_good(b'{"type":"track","userId":"a"'), ["events.ndjson:3"]),
    ("an event with text behind it", "events.ndjson", after_good(b'{} {}\n'), ["events.ndjson:3"]),
    ("an event that is an array", "events.ndjson", after_good([]), ["events.ndjson:3", "one JSON object a line"]),
    ("events as one array", "events.ndjson", json.dumps(GOOD), ["events.ndjson", "NDJSON"]),
    ("an event that is not UTF-8", "events.ndjson", after_good(b'{"userId":"\xff\xfe"}\n'), ["events.ndjson:3", "UTF-8"]),
    ("a surrogate by itself", "events.ndjson", after_good(b'{"userId":"\\ud800"}\n'), ["events.ndjson:3"]),
    ("10,000 levels in an event", "events.ndjson",
     after_good(line(track("a", "2026-05-01T10:00:00Z"))[:-2].encode() + b',"properties":{"x":' + b"[" * DEEP + b"]" * DEEP + b"}}\n"),
     ["events.ndjson:3", "nested"]),
    ("properties of a wrong type", "events.ndjson", after_good(track("a", "2026-05-01T10:00:00Z", properties=[1])),
     ["events.ndjson:3: /properties", "an object"]),
    ("a userId of a wrong type", "events.ndjson", after_good(track({}, "2026-05-01T10:00:00Z")), ["events.ndjson:3: /userId"]),
    ("nobody", "events.ndjson", after_good({"type": "track", "event": ORDER, "timestamp": "2026-05-01T10:00:00Z"}),
     ["events.ndjson:3: /userId", "is missing"]),
    ("no time", "events.ndjson", after_good({"type": "track", "userId": "a", "event": ORDER}), ["events.ndjson:3: /timestamp"]),
    ("a time of the year 9999", "events.ndjson", after_good(track("a", "9999-12-31T23:59:59Z")),
     ["events.ndjson:3: /timestamp", "1970 to 2099"]),
    ("a misspelt key", "events.ndjson", after_good({**GOOD[0], "proprties": {}}), ["events.ndjson:3", '"properties"']),
    ("an unknown type", "events.ndjson", after_good({**GOOD[0], "type": "trakc"}), ["events.ndjson:3: /type"]),
    ("an alias", "events.ndjson", after_good({**GOOD[0], "type": "alias"}), ["events.ndjson:3: /type", "later version"]),
    ("a CSV row with too few cells", "events.csv", "userId,event,timestamp\na,E\n", ["events.csv:2", "cells"]),
    ("a CSV cell of a wrong type", "events.csv", "userId,event,timestamp,n:number\na,E,2026-05-01,x\n", ["events.csv:2: n", "number"]),
    ("a CSV quote left open", "events.csv", 'userId,event,timestamp\na,E,"2026-05-01\n', ["events.csv:2", "quote"]),
    ("a CSV file that is not UTF-8", "events.csv", b"userId,event,timestamp\n\xff,E,2026-05-01\n", ["events.csv:2", "UTF-8"]),
    ("a CSV year 9999", "events.csv", "userId,event,timestamp\na,E,9999-01-01\n", ["events.csv:2: timestamp", "1970 to 2099"]),
    ("a CSV file without userId", "events.csv", "user,event,timestamp\n", ["events.csv:1", "userId"]),
    ("no event at all", "events.ndjson", "", ["events.ndjson", "--from"]),
    ("contacts with a flat attribute", "contacts.ndjson", [{"userId": "a", "plan": "pro"}], ["contacts.ndjson:1", "traits"]),
    ("contacts with a number that is none", "contacts.csv", "userId,age:number\na,old\n", ["contacts.csv:2: age"]),
    ("a journey that is no JSON", "wait.json", '{"name": "x",', ["wait.json:1"]),
    ("a journey that is not UTF-8", "wait.json", b'{"name": "\xff"}', ["wait.json", "UTF-8"]),
    ("a journey with 10,000 levels", "wait.json", '{"name":' + "[" * DEEP + "]" * DEEP + "}", ["wait.json", "nested"]),
    ("a journey that is a number", "wait.json", "7", ["wait.json"]),
    ("a key a journey does not have", "wait.json", journey(nods={}), ["wait.json", "/nods"]),
    ("a journey with the same key twice", "wait.json", '{"name":"a","name":"b"}', ["wait.json:1"]),
    ("a duration of a wrong type", "wait.json", nodes(cool_off={"type": "wait", "for": 5, "next": "push"}),
     ["wait.json", "/nodes/cool_off/for"]),
    ("a wait of 400 days", "wait.json", nodes(cool_off={"type": "wait", "for": "400d", "next": "push"}),
     ["wait.json", "/nodes/cool_off/for"]),
    ("an edge to nowhere", "wait.json", nodes(cool_off={"type": "wait", "for": "1d", "next": "pusj"}),
     ["wait.json", "/nodes/cool_off/next", "push"]),
    ("a node that nothing leads to", "wait.json", nodes(lonely={"type": "stop"}), ["wait.json", "/nodes/lonely"]),
    ("a cycle in which nothing takes time", "wait.json",
     nodes(push={"type": "activate", "destinations": ["crm"], "next": "again"},
           again={"type": "split", "paths": [{"name": "on", "rule": {"did": ORDER, "at_least": 9}, "next": "done"}],
                  "on": {"others": "push"}}), ["wait.json", "/nodes/"]),
    ("no entry rule", "wait.json", journey(entry={"rules": []}), ["wait.json", "/entry"]),
    ("two journeys of one name", "other.json", WAIT, ["other.json", "wait.json"]),
    ("an action that is no JSON", "actions.ndjson", "{\n", ["actions.ndjson:1"]),
    ("an action with an unknown key", "actions.ndjson",
     [{"at": "2026-05-02T00:00:00Z", "action": "pause", "journey": "Wait", "holds": "all"}], ["actions.ndjson:1", "hold"]),
    ("an action that comes with a later version", "actions.ndjson",
     [{"at": "2026-05-02T00:00:00Z", "action": "publish", "journey": "Wait"}], ["actions.ndjson:1: /action", "pause, resume and stop"]),
    ("an unknown action", "actions.ndjson", [{"at": "2026-05-02T00:00:00Z", "action": "puase", "journey": "Wait"}],
     ["actions.ndjson:1: /action", "pause"]),
    ("a hold that comes with a later version", "actions.ndjson",
     [{"at": "2026-05-02T00:00:00Z", "action": "pause", "journey": "Wait", "hold": "entry"}], ["actions.ndjson:1: /hold", "entries"]),
    ("a policy that comes with a later version", "actions.ndjson",
     [{"at": "2026-05-02T00:00:00Z", "action": "resume", "journey": "Wait", "policy": "spread"}], ["actions.ndjson:1: /policy"]),
    ("an action on another journey", "actions.ndjson", [{"at": "2026-05-02T00:00:00Z", "action": "stop", "journey": "Wiat"}],
     ["actions.ndjson:1: /journey", '"Wait"']),
    ("an action without a time", "actions.ndjson", [{"action": "stop", "journey": "Wait"}], ["actions.ndjson:1: /at", "missing"]),
    ("an action of the year 9999", "actions.ndjson", [{"at": "9999-01-01T00:00:00Z", "action": "stop", "journey": "Wait"}],
     ["actions.ndjson:1: /at", "1970 to 2099"]),
    ("an action before the publishing", "actions.ndjson", [{"at": "2026-04-01T00:00:00Z", "action": "stop", "journey": "Wait"}],
     ["actions.ndjson:1: /at", "--from"]),
]


def check_file(tap, binary, case):
    title, name, content, parts = case
    with tempfile.TemporaryDirectory(prefix="sojourn-bad-") as folder:
        commands = Commands(binary, folder)
        commands.write("wait.json", WAIT)
        commands.write("events.ndjson", GOOD)
        commands.write(name, content)
        more = {"contacts": ["--contacts", name], "actions.": ["--actions", name], "other": ["--journey", name]}
        added = next((words for start, words in more.items() if name.startswith(start)), [])
        run = commands.replay("data", *added, events=name if name.startswith("events") else "events.ndjson")
        told = run.stderr
        tap.ok(run.returncode == 1 and run.stdout == "" and told.startswith("sojourn: ") and all(part in told for part in parts),
               f"{title}: refused in its place", f"exit {run.returncode}: {told}{run.stdout[:300]}\nexpected {parts}")
        tap.ok(not os.path.exists(commands.path("data")), f"{title}: nothing is made of it")


BAD_USAGE = [
    ([], "usage: sojourn"),
    (["replya"], "did you mean `sojourn replay`?"),
    (["fly"], "there is no command"),
    (["help", "chek"], "did you mean `sojourn check`?"),
    (["replay", "--data", "d", "--events", "e"], "--journey is missing"),
    (["replay", "--dta", "d"], "did you mean --data?"),
    (["replay", "--data", "d", "--data", "d"], "given twice"),
    (["replay", "--data"], "--data needs a value"),
    (["replay", "--data", "--json"], "--data needs a value"),
    (["replay", "--json=yes"], "takes no value"),
    (["replay", "-d", "x"], "two dashes"),
    (["replay", "--data", "d", "stray"], '"stray" belongs to no option'),
    (["check"], "FILE is missing"),
    (["trace", "--data", "d"], "--contact is missing"),
]


def check_usage(tap, commands):
    for arguments, part in BAD_USAGE:
        run = commands.run(*arguments)
        tap.ok(run.returncode == 2 and part in run.stderr and run.stdout == "", f"wrong usage: {' '.join(arguments) or 'nothing'}",
               f"exit {run.returncode}: {run.stderr}{run.stdout}")
    for option, value, part in (("--from", "yesterday", "is no instant"), ("--until", "9999-01-01", "1970 to 2099"),
                                ("--until", "2026-04-01", "--until: lies before")):
        run = commands.replay("data", option, value)
        tap.ok(run.returncode == 1 and part in run.stderr, f"{option} {value} is refused", run.stderr)
    run = commands.replay("data", events="nowhere.ndjson")
    tap.ok(run.returncode == 1 and "nowhere.ndjson: No such file" in run.stderr, "a file that is not there is named", run.stderr)


def check_directory(tap, commands):
    """Directories that a replay may not have, each left as it was."""
    os.mkdir(commands.path("photos"))
    commands.write("photos/cat.jpg", b"cat")
    run = commands.replay("photos")
    tap.ok(run.returncode == 1 and "photos" in run.stderr and os.listdir(commands.path("photos")) == ["cat.jpg"],
           "a directory with other files is refused and left alone", run.stderr)
    commands.write("file", b"x")
    run = commands.replay("file")
    tap.ok(run.returncode == 1 and "file" in run.stderr, "a file is no data directory", run.stderr)

    before = commands.replay("used")
    with open(commands.path("used/sojourn.lock"), "rb+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = commands.replay("used")
        tap.ok(run.returncode == 1 and "used" in run.stderr and "process" in run.stderr, "a directory in use is refused", run.stderr)
        run = commands.run("status", "--data", "used")
        tap.ok(run.returncode == 0 and "Wait" in run.stdout, "but its status may be asked", run.stderr)
    tap.equal("nothing of it is lost", figures(commands.replay("used")), figures(before))

    db = sqlite3.connect(commands.path("used/sojourn.db"))
    (version,) = db.execute("PRAGMA user_version").fetchone()
    db.execute("PRAGMA user_version = 99")
    db.close()
    for arguments in (("status", "--data", "used"), ("trace", "--data", "used", "--contact", "a")):
        run = commands.run(*arguments)
        tap.ok(run.returncode == 1 and "newer" in run.stderr, f"a directory of a newer version: {arguments[0]} refuses", run.stderr)
    run = commands.replay("used")
    tap.ok(run.returncode == 1 and "newer" in run.stderr, "a directory of a newer version: replay refuses", run.stderr)
    db = sqlite3.connect(commands.path("used/sojourn.db"))
    db.execute(f"PRAGMA user_version = {version}")
    db.close()
    tap.equal("and it is left as it was", figures(commands.replay("used")), figures(before))

    for name in ("empty", "half"):
        os.mkdir(commands.path(name))
    commands.write("half/sojourn.db", b"SQLite format 3\0 but no more than that")
    run = commands.replay("half")
    tap.ok(run.returncode == 1 and "half" in run.stderr, "a damaged database is refused", run.stderr)
    run = commands.run("status", "--data", "empty")
    tap.ok(run.returncode == 1 and "empty" in run.stderr and not os.listdir(commands.path("empty")),
           "status makes no directory of an empty one", run.stderr)


def check_passages(tap, commands):
    """1,001 events of one instant, each of which moves the contact: the system holds the journey and nothing is lost."""
    loop = {"name": "Loop", "entry": {"rules": [{"event": "Ping"}], "reentry": {"allowed": True}}, "exits": [{"event": "Ping"}],
            "nodes": {"rest": {"type": "wait", "for": "1d", "next": "done"}, "done": {"type": "stop"}}, "start": "rest"}
    commands.write("loop.json", loop)
    pings = [track("a", "2026-05-01T10:00:00Z", "Ping") for _ in range(1500)]
    later = [track(f"c{n}", f"2026-05-02T{n % 24:02}:00:00Z", "Ping") for n in range(200)]
    commands.write("pings.ndjson", pings + later)
    run = commands.replay("loop-data", journey="loop.json", events="pings.ndjson")
    told = [line for line in run.stderr.splitlines() if "Loop" in line]
    tap.ok(run.returncode == 1 and len(told) == 1 and '"a"' in told[0] and "2026-05-01T10:00:00Z" in told[0] and "held" in told[0],
           "too many passages at one instant: journey, contact and instant are named", run.stderr)
    printed = figures(run)
    tap.equal("too many passages at one instant: every record is kept", (printed["events"], printed["contacts"]), (1700, 201))
    again = commands.replay("loop-data", journey="loop.json", events="pings.ndjson")
    tap.ok(again.returncode == 1 and again.stderr == run.stderr and figures(again) == printed,
           "too many passages at one instant: told again", again.stderr)
    state = json.loads(commands.run("status", "--data", "loop-data", "--json").stdout)["journeys"][0]["state"]
    tap.equal("too many passages at one instant: the journey is paused", state, "paused")
    commands.write("calm.ndjson", pings[:600] + later)
    run = commands.replay("calm-data", journey="loop.json", events="calm.ndjson")
    tap.ok(run.returncode == 0 and run.stderr == "", "fewer passages at one instant are fine", run.stderr)


def main(binary):
    tap = Tap()
    for case in BAD_FILES:
        check_file(tap, binary, case)
    with tempfile.TemporaryDirectory(prefix="sojourn-bad-") as folder:
        commands = Commands(binary, folder)
        commands.write("wait.json", WAIT)
        commands.write("events.ndjson", GOOD)
        check_usage(tap, commands)
        check_directory(tap, commands)
        check_passages(tap, commands)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
