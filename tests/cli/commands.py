"""The binary in a folder of its own, for tests of the commands."""
import json
import os
import subprocess

SECONDS_MAX = 120
ORDER = "Order Completed"
WAIT = {"name": "Wait", "entry": {"rules": [{"event": ORDER}], "reentry": {"allowed": True}},
        "exits": [{"event": ORDER}],
        "nodes": {"cool_off": {"type": "wait", "for": "1d", "next": "push"},
                  "push": {"type": "activate", "destinations": ["crm"], "next": "done"}, "done": {"type": "stop"}},
        "start": "cool_off"}


def track(contact, at, event=ORDER, **more):
    return {"type": "track", "userId": contact, "event": event, "timestamp": at, **more}


class Commands:
    def __init__(self, binary, folder):
        self.binary, self.folder = os.path.abspath(binary), folder

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        """Bytes and text as they are, a list as NDJSON, anything else as JSON; the file's name again."""
        with open(self.path(name), "wb") as out:
            if isinstance(content, list):
                content = "".join(json.dumps(record) + "\n" for record in content)
            elif not isinstance(content, (str, bytes)):
                content = json.dumps(content)
            out.write(content if isinstance(content, bytes) else content.encode())
        return name

    def run(self, *arguments, **options):
        return subprocess.run([self.binary, *arguments], cwd=self.folder, capture_output=True, timeout=SECONDS_MAX,
                              encoding="utf-8", errors="replace", **options)

    def replay(self, data, *more, journey="wait.json", events="events.ndjson"):
        return self.run("replay", "--data", data, "--json", "--journey", journey, "--events", events, *more)


def figures(run):
    """What a replay printed, without the time it took."""
    printed = json.loads(run.stdout)
    printed.pop("seconds", None)
    return printed
