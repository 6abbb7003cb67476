"""The real server on a disk that stands still, and on one that is full: nothing is answered early, nothing is lost.

usage: serve_disk.py BINARY FAULTY_DISK_LIBRARY
"""
import http.client
import json
import os
import signal
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tools"), os.path.join(HERE, "..", "cli")]
from serving import Serving
from tap import Tap

STALL_SECONDS, SECONDS_MAX, SOON = 10, 60, 2
NAME, OTHER = "Greet", "Greet again"
LONG = [f"ann-{n}" for n in range(64)]  # so many contacts that every partition has one


def journey(name):
    return {"name": name, "entry": {"rules": [{"event": "Seen"}]},
            "nodes": {"hold": {"type": "wait", "for": "1d", "next": "end"}, "end": {"type": "stop"}}, "start": "hold"}


def track(contact, event, message):
    return {"type": "track", "userId": contact, "event": event, "messageId": message}


class Asked(threading.Thread):
    """A request under way."""

    def __init__(self, serving, title, method, path, body=None):
        super().__init__(daemon=True)
        self.serving, self.title, self.method, self.path, self.body = serving, title, method, path, body
        self.status, self.said, self.seconds = None, "", 0
        self.start()

    def run(self):
        began = time.monotonic()
        try:
            self.status, self.said = self.serving.ask(self.method, self.path, self.body)
        except (OSError, http.client.HTTPException) as error:
            self.said = repr(error)
        self.seconds = time.monotonic() - began

    def __repr__(self):
        return f"{self.title}: {self.status} {str(self.said)[:300]}"


class Disk:
    def __init__(self, folder, library):
        self.stalls, self.full = f"{folder}/stalls", f"{folder}/full"
        self.environment = {"LD_PRELOAD": os.path.abspath(library), "DISK_STALLS": self.stalls, "DISK_FULL": self.full}

    @staticmethod
    def goes_wrong(path):
        with open(path, "w", encoding="utf-8"):
            pass

    def is_reached(self):
        return os.path.exists(self.stalls + ".reached")

    def recovers(self):
        for path in (self.stalls, self.full, self.stalls + ".reached"):
            if os.path.exists(path):
                os.remove(path)


def until(condition):
    """Whether it came to be so."""
    end = time.monotonic() + SECONDS_MAX
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def count_of(serving, contact, event):
    status, said = serving.ask("GET", f"/v1/contacts/{contact}")
    return {e["event"]: e["count"] for e in said["events"]}.get(event, 0) if status == 200 else f"{status} {said}"


def stall(serving, disk):
    """Requests of every kind, all of which rest on a sync that stands still."""
    disk.goes_wrong(disk.stalls)
    asked = [Asked(serving, "events", "POST", "/v1/batch", {"batch": [track(contact, "Seen", "s1") for contact in LONG]})]
    reached = until(disk.is_reached)
    asked += [Asked(serving, "an event with a new name", "POST", "/v1/track", track("bob", "Never seen before", "s2")),
              Asked(serving, "another with a new name", "POST", "/v1/track", track("bob", "Nor was this", "s3")),
              Asked(serving, "a new attribute", "POST", "/v1/identify", {"userId": "bob", "traits": {"shoe": 44}}),
              Asked(serving, "a pause", "POST", f"/v1/journeys/{NAME}/actions", {"action": "pause"}),
              Asked(serving, "a publish", "POST", "/v1/journeys?publish=true", journey(OTHER)),
              Asked(serving, "the same events again", "POST", "/v1/batch", {"batch": [track(contact, "Seen", "s1") for contact in LONG]}),
              Asked(serving, "a profile", "GET", f"/v1/contacts/{LONG[0]}"),
              Asked(serving, "a timeline", "GET", f"/v1/contacts/{LONG[0]}/timeline"),
              Asked(serving, "statistics", "GET", f"/v1/journeys/{NAME.replace(' ', '%20')}/statistics")]
    return asked, reached


def check_stall(tap, serving, disk):
    asked, reached = stall(serving, disk)
    began, slow, ready = time.monotonic(), [], []
    tap.ok(reached, "the disk stands still under a commit")
    while time.monotonic() - began < STALL_SECONDS:
        for path in ("/healthz", "/metrics", "/v1/journeys"):
            look = Asked(serving, path, "GET", path)
            look.join(SOON)
            if look.status != 200:
                slow.append(look)
        readiness = Asked(serving, "/readyz", "GET", "/readyz")
        readiness.join(SOON)
        ready.append(readiness.status)
        shown = look.said["journeys"] if look.status == 200 else []
        if [(j["name"], j["state"]) for j in shown] != [(NAME, "running")]:
            slow.append(look)
        time.sleep(0.25)
    tap.ok(not slow, f"for {STALL_SECONDS} s it lives, shows its figures, and of its journeys what is durable", slow[:3])
    tap.ok(ready[-1] == 503 and ready[0] == 200, "it says that it is not ready, once that takes long", ready)
    tap.equal("nobody has been answered", [a for a in asked if not a.is_alive()], [])
    disk.recovers()
    for a in asked:
        a.join(SECONDS_MAX)
    tap.equal("then everybody is", [(a.title, a.status) for a in asked],
              [(a.title, 201 if a.title == "a publish" else 200) for a in asked])
    tap.equal("and it is ready", serving.ask("GET", "/readyz")[0], 200)
    tap.equal("each event is there once", [count_of(serving, contact, "Seen") for contact in LONG], [1] * len(LONG))
    tap.equal("so are new names", [count_of(serving, "bob", event) for event in ("Never seen before", "Nor was this")], [1, 1])
    states = {j["name"]: j["state"] for j in serving.ask("GET", "/v1/journeys")[1]["journeys"]}
    tap.equal("so are pause and publish", states, {NAME: "paused", OTHER: "running"})
    profile = next(a for a in asked if a.title == "a profile")
    tap.equal("the profile showed what it had waited for", {e["event"]: e["count"] for e in profile.said["events"]}, {"Seen": 1})


def check_full(tap, serving, disk):
    disk.goes_wrong(disk.full)
    first = Asked(serving, "an event", "POST", "/v1/track", track("cat", "Seen", "f1"))
    tap.ok(until(lambda: serving.ask("GET", "/readyz")[0] == 503), "on a full disk it is not ready")
    connection = serving.connect()
    connection.request("POST", "/v1/track", json.dumps(track("cat", "Seen", "f2")), serving.headers("/v1/track"))
    answer = connection.getresponse()
    said = json.loads(answer.read())
    connection.close()
    tap.ok(answer.status == 503 and answer.headers["Retry-After"] == "1" and "full" in said["detail"],
           "events are refused with 503, and when to come back", f"{answer.status} {said}")
    act = serving.ask("POST", f"/v1/journeys/{OTHER.replace(' ', '%20')}/actions", {"action": "pause"})
    tap.equal("so is an action", act[0], 503)
    tap.ok(first.is_alive(), "what was taken before is not answered", first)
    disk.recovers()
    first.join(SECONDS_MAX)
    tap.equal("until there is room", first.status, 200)
    tap.ok(until(lambda: serving.ask("GET", "/readyz")[0] == 200), "then it is ready")
    tap.equal("what was answered is there, what was refused is not", count_of(serving, "cat", "Seen"), 1)
    states = {j["name"]: j["state"] for j in serving.ask("GET", "/v1/journeys")[1]["journeys"]}
    tap.equal("the refused action did nothing", states[OTHER], "running")


def check_kill(tap, serving, disk):
    disk.goes_wrong(disk.stalls)
    asked = [Asked(serving, "events", "POST", "/v1/batch", {"batch": [track(contact, "Killed", "k1") for contact in LONG]}),
             Asked(serving, "an action", "POST", f"/v1/journeys/{OTHER.replace(' ', '%20')}/actions", {"action": "stop"})]
    tap.ok(until(disk.is_reached), "the disk stands still once more")
    serving.end(signal.SIGKILL)
    for a in asked:
        a.join(SECONDS_MAX)
    tap.equal("killed meanwhile it has answered nothing", [a.status for a in asked], [None, None])
    disk.recovers()
    serving.start(environment=disk.environment)
    counts = [count_of(serving, contact, "Seen") for contact in LONG]
    tap.equal("what was answered before is there", counts, [1] * len(LONG))
    status, _ = serving.ask("POST", "/v1/batch", {"batch": [track(contact, "Killed", "k1") for contact in LONG]})
    tap.equal("sent again, each event is there once", (status, [count_of(serving, contact, "Killed") for contact in LONG]),
              (200, [1] * len(LONG)))


def main(binary, library):
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="sojourn-disk-") as folder:
        disk, serving = Disk(folder, library), Serving(binary, f"{folder}/data")
        try:
            serving.start(environment=disk.environment)
            status, said = serving.ask("POST", "/v1/journeys?publish=true", journey(NAME))
            tap.equal("the journey is published", status, 201)
            check_stall(tap, serving, disk)
            check_full(tap, serving, disk)
            check_kill(tap, serving, disk)
            tap.equal("it stops in order", serving.end(), 0)
        finally:
            disk.recovers()
            serving.abandon()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
