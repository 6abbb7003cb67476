"""Kills the real server with -9 under load, again and again, and looks whether it kept what it acknowledged.

usage: serve_kill.py BINARY
CRASH_ROUNDS = how many kills there are (10); CRASH_SEED = another run of chance.
"""
import http.client
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tools"), os.path.join(HERE, "..", "cli")]
from serving import Serving
from tap import Tap

ROUNDS_OF_ONE_MAX = 25  # of one directory, so that the longest runs do not drown in rows
CLIENTS, CONTACTS = 4, 2000
NAME = "Crash"
EVENTS = ("Cart", "Cart", "Visit", "Visit", "Visit", "Order")
JOURNEY = {"name": NAME, "timeout": "2s",
           "entry": {"rules": [{"event": "Cart", "where": {"property": "total", "gte": 20}}], "reentry": {"allowed": True}},
           "exits": [{"event": "Visit", "where": {"property": "total", "gte": 95}}],
           "goals": [{"name": "Bought", "event": "Order", "where": {"property": "total", "gte": 50}}],
           "nodes": {"greet": {"type": "activate", "destinations": ["crm"], "next": "cool_off"},
                     "cool_off": {"type": "wait", "for": "1s", "next": "tier"},
                     "tier": {"type": "split", "paths": [{"name": "busy", "rule": {"did": "Cart", "at_least": 9}, "next": "mark"}],
                              "on": {"others": "again"}},
                     "again": {"type": "wait", "for": "1s", "next": "mark"},
                     "mark": {"type": "update", "changes": [{"increase": "score", "by": 1}], "next": "tell"},
                     "tell": {"type": "activate", "destinations": ["crm", "mailer"], "next": "done"},
                     "done": {"type": "stop"}},
           "start": "greet"}
WAYS_OUT = ("completed", "goal", "exit_rule", "timed_out", "version_stopped")
DESTINATIONS = ("crm", "mailer")
OPENED, ATTEMPTED, SENT, FAILED, CANCELLED = range(5)  # kinds of effect rows
ENTERS, BEFORE, LEAVES, CONTROL, OFF_EDGE = 1, 8, 4, 16, 256  # bits of a ledger row's flags


class Request:
    def __init__(self, numbers):
        self.numbers, self.sent_at, self.status, self.error = numbers, None, None, ""


class Load:
    """Clients that post batches until they are told to end; half of them take a new connection for each."""

    def __init__(self, serving, seed, first):
        self.serving, self.over, self.requests, self.first = serving, threading.Event(), [[] for _ in range(CLIENTS)], first
        self.threads = [threading.Thread(target=self.client, args=(n, random.Random(seed * CLIENTS + n))) for n in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def client(self, client, chance):
        number, connection = self.first + client, self.serving.connect()
        while not self.over.is_set():
            numbers = [number + step * CLIENTS for step in range(chance.randint(1, 40))]
            number = numbers[-1] + CLIENTS
            request = Request(numbers)
            self.requests[client].append(request)
            try:
                connection.request("POST", "/v1/batch", self.batch(numbers, chance), self.serving.headers("/v1/batch"))
                request.sent_at = time.monotonic()
                answer = connection.getresponse()
                answer.read()
                request.status = answer.status
            except (OSError, http.client.HTTPException) as error:
                request.error = repr(error)
                connection.close()
                time.sleep(0.005)
            if client % 2:
                connection.close()
            time.sleep(0.002)
        connection.close()

    @staticmethod
    def batch(numbers, chance):
        records = [{"type": "track", "userId": f"c{int(chance.random() ** 2 * CONTACTS)}", "event": chance.choice(EVENTS),
                    "properties": {"n": n, "total": round(chance.random() * 100, 2)}} for n in numbers]
        return json.dumps({"batch": records}).encode()

    def end(self):
        """All requests, and the first number that nobody has used."""
        self.over.set()
        for thread in self.threads:
            thread.join()
        requests = [request for listed in self.requests for request in listed]
        return requests, max([self.first, *(n for request in requests for n in request.numbers)]) + CLIENTS


# ── what the database says ──────────────────────────────────────────────────

def wrong_events(db, acknowledged, sent):
    """[what is wrong]"""
    counts = dict(db.execute("SELECT json_extract(body, '$.n'), count(*) FROM event WHERE kind = 0 GROUP BY 1"))
    lost, twice = acknowledged - counts.keys(), [n for n, count in counts.items() if count > 1]
    return ([f"{len(lost)} acknowledged events lost, such as {sorted(lost)[:5]}"] if lost else []) + \
           ([f"{len(twice)} events twice, such as {sorted(twice)[:5]}"] if twice else []) + \
           (["events that nobody sent"] if counts.keys() - sent else [])


def recount(db, shown):
    """The journey's figures, counted from the ledger's rows alone; `shown` gives numbers their names."""
    nodes, reasons = list(shown["nodes"]), list(shown["left"])
    outcomes = [list(node["moved"]) for node in shown["nodes"].values()]
    figures = {"entered": 0, "left": dict.fromkeys(reasons, 0),
               "nodes": {name: {"entered": 0, "moved": dict.fromkeys(node["moved"], 0), "left": dict.fromkeys(reasons, 0),
                                "left_before": dict.fromkeys(reasons, 0)} for name, node in shown["nodes"].items()}}
    rows = db.execute("SELECT node, coalesce(path, '[]'), flags FROM ledger WHERE NOT flags & ?", [CONTROL])
    for at, path, flags in rows:
        path = json.loads(path)
        figures["entered"] += bool(flags & ENTERS)
        passed = [node for node, _ in path] + [at]
        for node in passed[not flags & (ENTERS | OFF_EDGE):len(passed) - bool(flags & BEFORE)]:
            figures["nodes"][nodes[node]]["entered"] += 1
        for node, outcome in path:
            figures["nodes"][nodes[node]]["moved"][outcomes[node][outcome]] += 1
        if flags & LEAVES:
            reason = reasons[flags >> 16 & 255]
            figures["left"][reason] += 1
            figures["nodes"][nodes[at]]["left_before" if flags & BEFORE else "left"][reason] += 1
    return figures


def pick(shown):
    """Of the figures that are shown, those that a recount has."""
    return {"entered": shown["entered"], "left": shown["left"],
            "nodes": {name: {key: node[key] for key in ("entered", "moved", "left", "left_before")}
                      for name, node in shown["nodes"].items()}}


def inconsistent(shown):
    """[what does not add up]"""
    wrong = []
    if shown["in_journey"] != shown["entered"] - sum(shown["left"].values()):
        wrong.append("in_journey is not entered less left")
    if shown["in_journey"] != sum(node["waiting"] + node["waiting_before"] for node in shown["nodes"].values()):
        wrong.append("in_journey is not the sum of who waits")
    wrong += [f"{name}: entered is not moved, waiting and left" for name, node in shown["nodes"].items()
              if node["entered"] != sum(node["moved"].values()) + node["waiting"] + sum(node["left"].values())]
    return wrong + [f"{name}: fewer than nobody wait" for name, node in shown["nodes"].items()
                    if min(node["waiting"], node["waiting_before"]) < 0]


def wrong_deliveries(db, folder):
    """[what is wrong], how many are sent: each key stands in its file once, and what the ledger calls sent is what is there."""
    closed, attempted, wrong, lines = {}, set(), [], {}
    names = {key: name for key, name in effect_rows(db, OPENED)}
    for kind in (SENT, FAILED, CANCELLED):
        closed.update((key, kind) for key, _ in effect_rows(db, kind))
    attempted.update(key for key, _ in effect_rows(db, ATTEMPTED))
    for destination in DESTINATIONS:
        with open(f"{folder}/destinations/{destination}.ndjson", encoding="utf-8") as file:
            for line in map(json.loads, file):
                lines.setdefault(line["key"], []).append(line["destination"])
    sent = {key for key, kind in closed.items() if kind == SENT}
    there = set(lines)
    # who leaves while his activation is being handed over has it cancelled: it may be there, attempted
    leaving = {key for key, kind in closed.items() if kind == CANCELLED and key in attempted}
    wrong += [f"{key} stands there {len(said)} times" for key, said in lines.items() if len(said) > 1]
    wrong += [f"{key} of {names.get(key)} stands in another's file" for key, said in lines.items() if said[0] != names.get(key)]
    wrong += [f"{key} is sent and not there" for key in sent - there]
    wrong += [f"{key} is there and was never to be" for key in there - sent - leaving]
    wrong += [f"{key} is open for ever" for key in names.keys() - closed.keys()]
    wrong += [f"{key} failed" for key, kind in closed.items() if kind == FAILED]
    return wrong, len(sent)


def effect_rows(db, kind):
    """[(key, the destination's name)] of the rows of a kind."""
    rows = db.execute("SELECT partition, enrollment, node, visit, destination, destination_name FROM effect WHERE kind = ?", [kind])
    return [("-".join(map(str, row[:5])), row[5]) for row in rows]


class Directory:
    """One data directory over all of its lives."""
    serving_class = Serving

    def __init__(self, tap, binary, folder, chance):
        self.tap, self.folder, self.chance = tap, folder, chance
        self.serving = self.serving_class(binary, f"{folder}/data")
        self.acknowledged, self.sent, self.first, self.states = set(), set(), 0, {"running"}
        self.answers_by_kill = []
        self.serving.start()
        status, said = self.serving.ask("POST", "/v1/journeys?publish=true", JOURNEY)
        tap.ok(status == 201, "the journey is published", said)
        for destination in DESTINATIONS:
            status, said = self.serving.ask("PUT", f"/v1/destinations/{destination}", {"kind": "file", "path": f"{destination}.ndjson"})
            tap.ok(status == 201 and said["state"] == "ready", f"{destination} is defined", said)

    def end_load(self, load):
        requests, self.first = load.end()
        for request in requests:
            self.sent.update(request.numbers)
            if request.status == 200:
                self.acknowledged.update(request.numbers)
        return requests

    def act(self):
        """Pauses or resumes; until it is answered either state may be found."""
        action, becomes = ("resume", "running") if self.states == {"paused"} else ("pause", "paused")
        self.states = self.states | {becomes}
        status, _ = self.serving.ask("POST", f"/v1/journeys/{NAME}/actions", {"action": action})
        if status == 200:
            self.states = {becomes}

    def kill_under_load(self):
        load = Load(self.serving, self.chance.getrandbits(30), self.first)
        killer = threading.Timer(0.1 + self.chance.random() * 1.3, self.serving.process.kill)
        killer.start()
        try:
            time.sleep(self.chance.random())
            if self.chance.random() < 0.5:
                self.act()
        except (OSError, http.client.HTTPException):
            pass  # it was killed meanwhile
        self.serving.process.wait()
        self.serving.process.stdout.close()
        killer.join()
        requests = self.end_load(load)
        self.answers_by_kill.append(sum(request.status == 200 for request in requests))

    def kill_while_starting(self):
        self.serving.launch()
        time.sleep(self.chance.random() * 0.15)
        self.serving.end(signal.SIGKILL)

    def restart(self):
        self.serving.start()
        status, said = self.serving.ask("GET", f"/v1/journeys/{NAME}")
        self.tap.ok(status == 200 and said["state"] in self.states and "write key" not in self.serving.printed,
                    f"{len(self.answers_by_kill)} kills: it starts and the journey is {' or '.join(sorted(self.states))}", said)
        self.states = {said["state"]} if status == 200 else self.states

    def check(self, data, title):
        try:
            printed = self.serving.status(data)
        except RuntimeError as error:
            self.tap.ok(False, f"{title}: status reads it", error)
            return None
        shown = printed["journeys"][0]
        db = sqlite3.connect(f"{data}/sojourn.db")
        sound, wrong = db.execute("PRAGMA integrity_check").fetchone()[0], wrong_events(db, self.acknowledged, self.sent)
        events, counted = db.execute("SELECT count(*) FROM event WHERE kind = 0").fetchone()[0], recount(db, shown)
        db.close()
        self.tap.ok(sound == "ok" and not wrong and printed["events"] == events, f"{title}: each of {len(self.acknowledged)}"
                    " acknowledged events is there once", "\n".join([sound, *wrong, f"status says {printed['events']} of {events}"]))
        self.tap.ok(shown["entered"] > 0 and pick(shown) == counted, f"{title}: figures are those of {counted['entered']} entered in"
                    " the ledger", f"shown\n{json.dumps(pick(shown))}\ncounted\n{json.dumps(counted)}")
        self.tap.equal(f"{title}: figures add up", inconsistent(shown), [])
        return shown

    def stop_under_load(self):
        load = Load(self.serving, self.chance.getrandbits(30), self.first)
        time.sleep(1.5)
        stopped_at = time.monotonic()
        status = self.serving.end()
        requests = self.end_load(load)
        before = [request for request in requests if request.sent_at is not None and request.sent_at < stopped_at]
        # what the server had not begun to read may be refused with 503, which is an answer
        failed = [request.error or str(request.status) for request in before if request.status not in (200, 503)]
        self.tap.ok(status == 0 and len(before) > 20 and not failed,
                    f"SIGTERM under load: each of {len(before)} requests that were sent before is answered",
                    f"exit {status}\n{failed}\n{self.serving.log()}")

    def finish(self):
        self.serving.start()
        time.sleep(1)  # for timers that fire with nobody around
        late = range(self.first, self.first + 50)  # who is inside when it is stopped
        status, said = self.serving.ask("POST", "/v1/batch", {"batch": [
            {"type": "track", "userId": f"late{n}", "event": "Cart", "properties": {"n": n, "total": 50}} for n in late]})
        self.tap.ok(status == 200, "it takes further events", said)
        self.sent.update(late)
        self.acknowledged.update(late)
        status, said = self.serving.ask("POST", f"/v1/journeys/{NAME}/actions", {"action": "stop"})
        figures = self.serving.ask("GET", f"/v1/journeys/{NAME}/statistics")
        self.tap.ok(status == 200 and said["state"] == "stopped" and figures[1]["in_journey"] == 0, "it still answers: all are out", said)
        self.tap.equal("SIGTERM ends it", self.serving.end(), 0)
        shown = self.check(self.serving.data, "stopped")
        db = sqlite3.connect(f"{self.serving.data}/sojourn.db")
        wrong, sent = wrong_deliveries(db, self.serving.data)
        db.close()
        self.tap.ok(not wrong and sent > 100, f"each of {sent} activations that are sent is there once, and no other", "\n".join(wrong[:20]))
        self.tap.equal("the server told the same figures", figures[1], shown)
        went = shown and {"waits": shown["nodes"]["again"]["entered"], **{name: shown["left"][name] for name in WAYS_OUT}}
        self.tap.ok(went and all(went.values()), f"contacts went every way: {went}", shown)

    def live(self, kills):
        for _ in range(kills):
            self.kill_under_load()
            if self.chance.random() < 0.25:
                self.kill_while_starting()
            self.restart()
        self.serving.process.kill()
        self.serving.end(signal.SIGKILL)
        self.tap.ok(max(self.answers_by_kill) > 20, f"batches acknowledged before each kill: {self.answers_by_kill}")
        shutil.copytree(self.serving.data, f"{self.folder}/copy")  # whoever reads with SQLite tidies up after the crash
        self.check(f"{self.folder}/copy", "killed")
        self.restart()
        if self.states == {"paused"}:
            self.act()
        self.stop_under_load()
        self.check(self.serving.data, "stopped under load")
        self.finish()


def main(binary):
    tap = Tap()
    rounds, seed = int(os.environ.get("CRASH_ROUNDS", "10")), int(os.environ.get("CRASH_SEED", "1"))
    chance = random.Random(seed)
    for done in range(0, rounds, ROUNDS_OF_ONE_MAX):
        with tempfile.TemporaryDirectory(prefix="sojourn-serve-kill-") as folder:
            directory = Directory(tap, binary, folder, chance)
            try:
                directory.live(min(ROUNDS_OF_ONE_MAX, rounds - done))
            finally:
                directory.serving.abandon()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
