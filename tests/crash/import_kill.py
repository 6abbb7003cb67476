"""Kills the real server with -9 in the middle of an import, several times, while live events come in; every row of the
file is there once in the end, and so is every live event.

usage: import_kill.py BINARY
CRASH_ROUNDS = how many kills of the import there are (5); CRASH_SEED = another run of chance.
"""
import collections
import json
import os
import random
import signal
import sqlite3
import sys
import tempfile
import threading
import urllib.parse

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tools"), os.path.join(HERE, "..", "cli")]
from serving import Serving
from tap import Tap

ROWS, BAD_EVERY, NAMED_EVERY, CONTACTS = 400000, 1000, 7, 3000
HISTORY = 3  # the kind of an imported event's row
TRACK = 0


def file_text():
    """(text, how often each body must be there, rejected rows, repeated message ids)"""
    lines, expected, rejected, repeated = ["userId,event,timestamp,messageId,n:number"], collections.Counter(), 0, 0
    for row in range(ROWS):
        contact, number = f"customer-{row * 7919 % CONTACTS}", row // 2  # each number twice: equal rows are real
        if row % BAD_EVERY == BAD_EVERY - 1:
            lines.append(f"{contact},Order Completed,never,,{number}")
            rejected += 1
        elif row % NAMED_EVERY == 0:  # the same contact's id a second time, right behind
            lines += [f"{contact},Order Completed,2026-01-01,m{row},{number}"] * 2
            expected[number] += 1
            repeated += 1
        else:
            lines.append(f"{contact},Order Completed,2026-01-01,,{number}")
            expected[number] += 1
    return "\n".join(lines) + "\n", expected, rejected, repeated


class Live:
    """One client that sends batches while the import runs, each until it is answered 200."""

    def __init__(self, serving):
        self.serving, self.over, self.acknowledged, self.sent = serving, threading.Event(), 0, 0
        self.up = threading.Event()
        self.thread = threading.Thread(target=self.work)

    def work(self):
        while not self.over.is_set():
            batch = {"batch": [{"type": "track", "userId": f"live-{n % 50}", "event": "Visit", "messageId": f"v{n}", "properties": {"v": n}}
                               for n in range(self.sent, self.sent + 20)]}
            self.sent += 20
            while not self.over.is_set():
                self.up.wait(1)
                try:
                    if self.serving.ask("POST", "/v1/batch", batch)[0] == 200:
                        self.acknowledged = self.sent
                        break
                except OSError:
                    self.up.clear()  # until the server is back
                except Exception as lost:  # an answer that was cut off
                    if not lost.__class__.__module__.startswith(("http", "json")):
                        raise


def hand_over(serving, text):
    connection = serving.connect()
    try:
        path = "/v1/imports?" + urllib.parse.urlencode({"kind": "events", "name": "orders.csv"})
        connection.request("POST", path, text.encode(), serving.headers(path))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def import_of(serving, number):
    return serving.ask("GET", f"/v1/imports/{number}")[1]


def restart(serving):
    serving.end(signal.SIGKILL)
    serving.start()


def kill_on_arrival(tap, serving, text):
    """Killed while the file comes in: whether or not it has been accepted, it may be handed over again."""
    connection = serving.connect()
    path = "/v1/imports?kind=events&name=orders.csv"
    connection.putrequest("POST", path)
    for name, value in {**serving.headers(path), "Content-Length": str(len(text))}.items():
        connection.putheader(name, value)
    connection.endheaders(text[:len(text) // 2].encode())
    restart(serving)
    connection.close()
    tap.equal("half a file is no import", serving.ask("GET", "/v1/imports")[1]["imports"], [])
    tap.equal("and leaves nothing", [os.listdir(os.path.join(serving.data, folder)) for folder in ("uploads", "imports")], [[], []])


def kill_in_between(tap, serving, live, number, kills, chance):
    """Each kill lies in a stretch of its own, so that there are as many as wanted before the import's end."""
    total, running = ROWS + ROWS // NAMED_EVERY, 0
    for kill in range(kills):
        wanted = int(total * (kill + chance.random()) / (kills + 1))
        while True:
            job = import_of(serving, number)
            if job["rows"] >= wanted or job["ended"]:
                break
        running += not job["ended"]
        restart(serving)
        live.up.set()
    tap.equal("every kill met an import that was running", running, kills)
    while True:
        job = import_of(serving, number)
        if job["ended"]:
            return job


def check_rows(tap, serving, live, expected):
    database = sqlite3.connect(f"file:{serving.data}/sojourn.db?mode=ro", uri=True)
    have = collections.Counter()
    for body, count in database.execute("SELECT body, count(*) FROM event WHERE kind = ? GROUP BY body", (HISTORY,)):
        have[json.loads(body)["n"]] += count
    wrong = [(n, have[n], expected[n]) for n in set(have) | set(expected) if have[n] != expected[n]]
    tap.ok(not wrong, f"every one of {sum(expected.values())} rows is there as often as in the file", f"{len(wrong)}: {sorted(wrong)[:10]}")
    visits = collections.Counter(json.loads(body)["v"] for (body,) in database.execute(
        "SELECT body FROM event WHERE kind = ? AND body LIKE '{\"v\":%'", (TRACK,)))
    database.close()
    lost = [n for n in range(live.acknowledged) if n not in visits]
    tap.ok(not lost and max(visits.values()) == 1, f"so is every one of {live.acknowledged} acknowledged live events once",
           f"lost {lost[:10]}, most {visits.most_common(3)}")
    tap.ok(live.acknowledged > 0, "live events came in meanwhile")


def main(binary):
    tap, seed, kills = Tap(), int(os.environ.get("CRASH_SEED", "1")), int(os.environ.get("CRASH_ROUNDS", "5"))
    text, expected, rejected, repeated = file_text()
    with tempfile.TemporaryDirectory(prefix="sojourn-import-kill-") as folder:
        serving = Serving(binary, f"{folder}/data")
        live = Live(serving)
        try:
            serving.start()
            kill_on_arrival(tap, serving, text)
            live.thread.start()
            live.up.set()
            status, job = hand_over(serving, text)
            tap.equal("the file is accepted", status, 202)
            job = kill_in_between(tap, serving, live, job["id"], min(kills, 20), random.Random(seed))
            tap.equal("the import has ended by itself", (job["state"], job["why"]), ("done", None))
            tap.equal("with every row judged", (job["rows"], job["rejected"], job["taken"] + job["duplicates"]),
                      (ROWS + repeated, rejected, ROWS + repeated - rejected))
            print(f"# {job['rows_per_second']} rows/s, kills and restarts included", flush=True)
            again = hand_over(serving, text)[1]["id"]
            while not import_of(serving, again)["ended"]:
                pass
            tap.equal("the same file again changes nothing", (import_of(serving, again)["taken"], import_of(serving, again)["same_as"]), (0, job["id"]))
            live.over.set()
            live.up.set()
            live.thread.join()
            tap.equal("it stops in order", serving.end(), 0)
            check_rows(tap, serving, live, expected)
            left = sorted(os.listdir(os.path.join(serving.data, "imports")))
            tap.equal("nothing is kept but the rejected rows", left, [f"{job['id']}.rejects"])
        finally:
            live.over.set()
            serving.abandon()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
