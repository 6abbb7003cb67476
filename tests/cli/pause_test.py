"""A receiver watches: after the answer to `pause` or `stop` its file does not grow by a byte, however much is under way.

usage: pause_test.py BINARY
"""
import json
import os
import random
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tools"))
from serving import Serving
from tap import Tap

ROUNDS, READY, CLIENTS, WATCHED_BATCHES, SECONDS_MAX = 20, 4000, 2, 8, 60
NAME, OUT = "Watched", "watched.ndjson"
JOURNEY = {"name": NAME, "entry": {"rules": [{"event": "Go"}]}, "start": "tell",
           "nodes": {"tell": {"type": "activate", "destinations": ["mailer"], "next": "again"},
                     "again": {"type": "activate", "destinations": ["mailer"], "next": "end"}, "end": {"type": "stop"}}}


class Load:
    """Clients that let new contacts come in, batch after batch, until told to end."""

    def __init__(self, serving, number):
        self.serving, self.number, self.over, self.answered, self.refused = serving, number, threading.Event(), [0] * CLIENTS, []
        self.threads = [threading.Thread(target=self.client, args=(n,)) for n in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def client(self, client):
        while not self.over.is_set():
            users = [f"load-{self.number}-{client}-{self.answered[client]}-{i}" for i in range(50)]
            status, said = self.serving.ask("POST", "/v1/batch", goes(users))
            if status != 200:
                self.refused.append(said)
            self.answered[client] += 1

    def await_more(self, batches):
        """Until so many more batches have been answered by each client."""
        wanted = [count + batches for count in self.answered]
        wait_until(lambda: all(count >= least for count, least in zip(self.answered, wanted)))

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join()


def goes(users):
    return {"batch": [{"type": "track", "userId": user, "event": "Go"} for user in users]}


def wait_until(holds):
    end = time.monotonic() + SECONDS_MAX
    while not holds():
        if time.monotonic() > end:
            raise RuntimeError("it does not come about")


class Receiver:
    def __init__(self, tap, serving):
        self.tap, self.serving, self.chance = tap, serving, random.Random(1)
        self.file, self.held, self.grown, self.refused = os.path.join(serving.data, "destinations", OUT), 0, [], []

    def act(self, action):
        status, said = self.serving.ask("POST", f"/v1/journeys/{NAME}/actions", {"action": action})
        if status != 200:
            raise RuntimeError(f"{action}: {status} {said}")

    def bytes(self):
        return os.stat(self.file).st_size if os.path.exists(self.file) else 0

    def define(self):
        status, said = self.serving.ask("PUT", "/v1/destinations/mailer", {"kind": "file", "path": OUT})
        if status not in (200, 201):
            raise RuntimeError(f"{status} {said}")

    def make_ready(self, number):
        """Many effects that wait for nothing but their destination; then that is defined."""
        self.serving.ask("DELETE", "/v1/destinations/mailer?force=true")
        for first in range(0, READY, 1000):
            self.serving.ask("POST", "/v1/batch", goes(f"ready-{number}-{n}" for n in range(first, first + 1000)))
        self.define()

    def watch(self, number, action):
        self.make_ready(number)
        load = Load(self.serving, number)
        try:
            self.watch_under(load, number, action)
        finally:
            load.end()
        self.refused += load.refused

    def watch_under(self, load, number, action):
        before = self.bytes()
        wait_until(lambda: self.bytes() > before)
        time.sleep(self.chance.random() * 0.02)  # to meet it at any place of its round
        self.act(action)
        answered = self.bytes()
        load.await_more(WATCHED_BATCHES)
        view = self.serving.ask("GET", "/v1/destinations/mailer")[1]
        self.held += view["effects"]["held"] + view["effects"]["ready"]
        if self.bytes() != answered:
            self.grown.append(f"{action} {number}: {self.bytes() - answered} bytes after the answer")

    def drained(self):
        return not any(self.serving.ask("GET", "/v1/destinations/mailer")[1]["effects"].values())

    def run(self):
        self.define()
        for number in range(ROUNDS):
            self.watch(number, "pause")
            self.act("resume")
            wait_until(self.drained)
        self.watch(ROUNDS, "stop")
        self.tap.equal("every batch was taken", self.refused, [])
        self.tap.ok(not self.grown, f"after the answer to each of {ROUNDS} pauses and a stop nothing leaves", "\n".join(self.grown))
        self.tap.ok(self.held > ROUNDS * 100, f"each time much was ready: {self.held} were held in all")

    def check_lines(self):
        figures = self.serving.ask("GET", f"/v1/journeys/{NAME}/statistics")[1]
        with open(self.file, encoding="utf-8") as file:
            keys = [json.loads(line)["key"] for line in file]
        self.tap.equal("each activation is there once", len(keys), len(set(keys)))
        moved = sum(node["moved"].get("next", 0) for node in figures["nodes"].values())
        self.tap.ok(moved <= len(keys) <= moved + figures["left"]["version_stopped"] and figures["left"]["completed"] > ROUNDS * READY / 2,
                    f"and {moved} of {len(keys)} let their contact go on: the stop took the others", figures["left"])


def main(binary):
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="sojourn-pause-") as folder:
        serving = Serving(binary, f"{folder}/data")
        serving.start()
        try:
            status, said = serving.ask("POST", "/v1/journeys?publish=true", JOURNEY)
            tap.equal("the journey is published", status, 201)
            receiver = Receiver(tap, serving)
            receiver.run()
            receiver.check_lines()
            tap.equal("it ends as asked", serving.end(), 0)
        finally:
            serving.abandon()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
