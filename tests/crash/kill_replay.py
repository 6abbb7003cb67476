"""Kills a replay with -9 at random points, goes on, and holds figures and ledger against a replay that nobody killed.

usage: kill_replay.py BINARY
CRASH_ROUNDS = how many kills there are (100); CRASH_SEED = another run of chance.
"""
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
from tap import Tap

DAY_S = 86_400
CONTACTS, EVENTS, DAYS = 800, 24_000, 60
KILLS_OF_ONE_MAX = 6  # of one directory before it may end

RESCUE = {"name": "Rescue", "timeout": "20d",
          "entry": {"rules": [{"event": "Cart", "where": {"property": "total", "gte": 30}}], "reentry": {"allowed": True, "after": "1d"}},
          "exits": [{"event": "Order", "at_least": 2}], "goals": [{"name": "Bought", "event": "Order", "where": {"property": "total", "gte": 60}}],
          "nodes": {"cool_off": {"type": "wait", "for": "6h", "next": "plan"},
                    "plan": {"type": "segment", "attribute": "plan", "groups": [{"name": "paying", "values": ["pro"], "next": "push"}],
                             "on": {"other": "await"}},
                    "await": {"type": "wait_for", "rule": {"event": "Visit"}, "timeout": "3d", "on": {"yes": "mark", "timed_out": "tier"}},
                    "mark": {"type": "update", "changes": [{"increase": "score", "by": 1}], "next": "tier"},
                    "tier": {"type": "split", "paths": [{"name": "loyal", "rule": {"did": "Order", "at_least": 2, "within": "20d"}, "next": "push"}],
                             "on": {"others": "out"}},
                    "push": {"type": "activate", "destinations": ["crm", "mail"], "next": "done"},
                    "out": {"type": "exit"}, "done": {"type": "stop"}},
          "start": "cool_off"}
FIRST = {"name": "First visit", "entry": {"rules": [{"event": "Visit", "at_least": 3}], "filter": {"attribute": "score", "gte": 1}},
         "exits": [{"did": "Order", "at_least": 5}],
         "nodes": {"rest": {"type": "wait", "for": "2d", "next": "push"}, "push": {"type": "activate", "destinations": ["crm"]}},
         "start": "rest"}
# its contacts go round 1,001 times at one instant: the system holds it, which must come out the same too
LOOP = {"name": "Loop", "entry": {"rules": [{"event": "Ping"}], "reentry": {"allowed": True}}, "exits": [{"event": "Ping"}],
        "nodes": {"rest": {"type": "wait", "for": "1d", "next": "done"}, "done": {"type": "stop"}}, "start": "rest"}


def instant(second):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_767_225_600 + round(second)))


def events(chance):
    for number in range(EVENTS):
        at = int(chance.random() * DAYS * 24) * 3600 if chance.random() < 0.3 else int(chance.random() * DAYS * DAY_S)
        name = chance.choice(("Cart", "Order", "Visit", "Ping"))
        yield at, {"type": "track", "userId": f"c{int(chance.random() ** 2 * CONTACTS)}", "event": name, "timestamp": instant(at),
                   "messageId": str(number), "properties": {"total": round(chance.random() * 100, 2)}}
    for _ in range(1300):
        yield 30 * DAY_S, {"type": "track", "userId": "pinger", "event": "Ping", "timestamp": instant(30 * DAY_S)}
    for number in range(CONTACTS // 4):
        at = int(chance.random() * DAYS * DAY_S)
        yield at, {"type": "identify", "userId": f"c{number}", "timestamp": instant(at), "traits": {"plan": chance.choice(("pro", "free", None))}}


def write_inputs(folder, chance):
    for number, journey in enumerate((RESCUE, FIRST, LOOP)):
        with open(f"{folder}/journey-{number}.json", "w", encoding="utf-8") as out:
            json.dump(journey, out)
    with open(f"{folder}/contacts.csv", "w", encoding="utf-8") as out:
        out.write("userId,plan,score:number\n" + "".join(f"c{n},{'pro' if n % 3 else 'free'},{n % 4}\n" for n in range(0, CONTACTS, 2)))
    listed = [record for _, record in events(chance)]
    chance.shuffle(listed)
    with open(f"{folder}/events.ndjson", "w", encoding="utf-8") as out:
        out.writelines(json.dumps(record) + "\n" for record in listed)
    actions = [(10, "pause", "Rescue"), (13, "resume", "Rescue"), (40, "pause", "First visit"), (41, "resume", "First visit"),
               (50, "stop", "First visit")]
    actions += [(day + part, action, "Rescue") for day in range(15, 59, 2) for part, action in ((0.2, "pause"), (0.9, "resume"))]
    with open(f"{folder}/actions.ndjson", "w", encoding="utf-8") as out:
        out.writelines(json.dumps({"at": instant(day * DAY_S), "action": action, "journey": name}) + "\n" for day, action, name in actions)


class Bench:
    def __init__(self, binary, folder):
        self.binary, self.folder = binary, folder

    def command(self, data):
        return [self.binary, "replay", "--data", f"{self.folder}/{data}", "--json", "--journey",
                *(f"{self.folder}/journey-{n}.json" for n in range(3)), "--contacts", f"{self.folder}/contacts.csv",
                "--events", f"{self.folder}/events.ndjson", "--actions", f"{self.folder}/actions.ndjson",
                "--from", instant(2 * DAY_S), "--until", instant((DAYS + 3) * DAY_S)]

    def finish(self, data):
        """(exit, what it printed without the seconds, what it said, how long it took)"""
        began = time.monotonic()
        run = subprocess.run(self.command(data), capture_output=True, text=True, timeout=120)
        try:
            printed = json.loads(run.stdout)
            printed.pop("seconds")
        except ValueError:
            printed = run.stdout
        return run.returncode, printed, run.stderr, time.monotonic() - began

    def kill(self, data, after_s):
        """True where it was still at work."""
        process = subprocess.Popen(self.command(data), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(after_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return True
        return False

    def written(self, data):
        files = [f"{self.folder}/{data}/{name}" for name in ("sojourn.db", "sojourn.db-wal")]
        return sum(os.path.getsize(file) for file in files if os.path.exists(file))

    def rows(self, data):
        """What is in the store, partition by partition. Seqs are of the store as a whole: what they are compared by is
        their rank in the partition."""
        db = sqlite3.connect(f"{self.folder}/{data}/sojourn.db")
        ranks = Ranks(db)
        queries = {"event": "SELECT seq, partition, prev, kind, contact, name, at, received, message, created, body FROM event",
                   "ledger": "SELECT seq, partition, prev, cause, detail, at, contact, enrollment, version, node, due, path, flags,"
                             " state, value FROM ledger",
                   "effect": "SELECT seq, partition, effect, kind, at, contact, enrollment, version, node, visit, destination"
                             " FROM effect"}
        found = {name: [ranks.of_row(name, row) for row in db.execute(f"{query} ORDER BY partition, seq")]
                 for name, query in queries.items()}
        found["control"] = db.execute("SELECT position, at, kind, actor, key, body FROM control ORDER BY position").fetchall()
        twice = db.execute("SELECT count(*) FROM (SELECT 1 FROM effect WHERE kind = 0"
                           " GROUP BY partition, enrollment, node, visit, destination HAVING count(*) > 1)").fetchone()
        db.close()
        return found, twice[0]


class Ranks:
    def __init__(self, db):
        every = " UNION ALL ".join(f"SELECT partition, seq FROM {table}" for table in ("event", "ledger", "effect"))
        self.ranks, last, rank = {0: 0}, None, 0
        for partition, seq in db.execute(f"SELECT * FROM ({every}) ORDER BY partition, seq"):
            rank = rank + 1 if partition == last else 1
            last, self.ranks[seq] = partition, rank

    def of(self, seq):
        return seq if seq < 0 else self.ranks[seq]

    def of_row(self, table, row):
        seqs = {"event": 1, "ledger": 2, "effect": 1}[table]  # how many columns behind the partition hold one
        seen = [self.of(row[0]), row[1], *(self.of(seq) for seq in row[2:2 + seqs]), *row[2 + seqs:]]
        if table == "ledger" and row[4]:
            seen[4] = re.sub(r'(_cause":)(\d+)', lambda found: found[1] + str(self.of(int(found[2]))), row[4])
        return tuple(seen)


def differing(have, expected):
    for name, rows in expected.items():
        if have[name] != rows:
            first = next((i for i, (a, b) in enumerate(zip(have[name], rows)) if a != b), min(len(have[name]), len(rows)))
            return (f"{name}: {len(have[name])} rows, expected {len(rows)}; row {first}:"
                    f"\n{have[name][first:first + 1]}\nexpected {rows[first:first + 1]}")
    return ""


def one_directory(tap, bench, chance, kills, expected, duration_s):
    """Kills one directory's replay up to `kills` times, lets it end, compares. Returns how often it was killed."""
    data, points = "killed", []
    while len(points) < kills and bench.kill(data, chance.random() * duration_s):
        points.append(bench.written(data))
    ended, found = bench.finish(data)[:3], bench.rows(data)
    title = f"killed {len(points)} times with {points} bytes written"
    tap.ok(ended == expected["ended"], f"{title}: the same figures", f"exit {ended[0]}: {ended[2]}\n{json.dumps(ended[1])[:1500]}")
    tap.ok(not differing(found[0], expected["rows"]) and found[1] == 0, f"{title}: the same ledger, each effect once",
           differing(found[0], expected["rows"]) or f"{found[1]} effects twice")
    shutil.rmtree(f"{bench.folder}/{data}")
    return len(points)


def main(binary):
    tap = Tap()
    rounds, seed = int(os.environ.get("CRASH_ROUNDS", "100")), int(os.environ.get("CRASH_SEED", "1"))
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="sojourn-kill-") as folder:
        bench = Bench(os.path.abspath(binary), folder)
        write_inputs(folder, chance)
        *ended, duration_s = bench.finish("whole")
        rows, twice = bench.rows("whole")
        tap.ok(ended[0] == 1 and '"Loop"' in ended[2] and ended[1]["events"] == EVENTS + 1300 and twice == 0,
               f"seed {seed}: nobody kills it: {len(rows['ledger'])} rows in the ledger", ended)
        expected = {"ended": tuple(ended), "rows": rows}
        again = bench.finish("whole")[:3]
        tap.ok(again == tuple(ended), "run again, it says the same", again[2])
        killed = 0
        while killed < rounds:
            killed += one_directory(tap, bench, chance, min(rounds - killed, chance.randint(1, KILLS_OF_ONE_MAX)), expected,
                                    duration_s)
        tap.ok(killed >= rounds, f"{killed} kills")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
