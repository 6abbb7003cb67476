"""The commands that look at journeys and contacts: what a running server tells is what the directory itself tells.

usage: look_test.py BINARY
"""
import datetime
import json
import os
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tools"), HERE]
from asking import Asking
from commands import ORDER, WAIT, Commands
from serving import Serving
from tap import Tap

# every kind of end that a live server can bring about: a goal, one of two exit rules, and who stays
BUSY = {"name": "Büsy, \"live\"", "entry": {"rules": [{"event": "Cart Updated"}], "reentry": {"allowed": True}},
        "goals": [{"name": "bought", "rule": {"event": ORDER}, "value": "total"}], "exits": [{"event": "Left"}, {"event": "Gone"}],
        "nodes": {"halves": {"type": "split", "paths": [{"name": "rich", "rule": {"attribute": "plan", "eq": "pro"}, "next": "reply"}],
                             "on": {"others": "hold"}},
                  "reply": {"type": "wait_for", "rule": {"event": "Replied"}, "timeout": "30d", "on": {"timed_out": "done"}},
                  "hold": {"type": "wait", "for": "1d", "next": "done"}, "done": {"type": "stop"}},
        "start": "halves"}
PEOPLE = {"ann": ["Cart Updated"], "bob": ["Cart Updated", ORDER], "cid": ["Cart Updated", "Gone", "Cart Updated"],
          "dee": ["Cart Updated", "Replied"], "eve": ["Left"]}


def send(serving, path, **record):
    status, answer = serving.ask("POST", path, record)
    if status != 200:
        raise RuntimeError(f"{path}: {status} {answer}")


def fill(serving):
    for contact in ("ann", "dee"):
        send(serving, "/v1/identify", userId=contact, traits={"plan": "pro"})
    for contact, events in PEOPLE.items():
        for event in events:
            send(serving, "/v1/track", userId=contact, event=event, properties={"total": 59.9})


def check_status(tap, asking):
    commands, data = asking.commands, asking.serving.data
    served, read = asking.run("status"), commands.run("status", "--data", data)
    header, _, rest = read.stdout.partition("\n")
    tap.ok("5 contacts" in header and "exit rule 2" in rest and "goal \"bought\" worth 59.90" in rest, "there is something to see", read.stdout)
    tap.equal("a server's status reads as its directory's", (served.returncode, served.stdout, served.stderr), (0, rest, ""))
    served, read = asking.run("status", "--json"), commands.run("status", "--data", data, "--json")
    tap.equal("and so does its JSON", json.loads(served.stdout)["journeys"], json.loads(read.stdout)["journeys"])
    for name in ("Wait", BUSY["name"]):
        served, read = asking.run("status", name), commands.run("status", name, "--data", data)
        tap.ok(served.stdout == read.stdout.partition("\n")[2] and served.stdout.count(", version 1, ") == 1 and name in served.stdout,
               f"one journey alone: {name}", served.stdout + read.stdout)
    served, read = asking.run("status", "j2"), commands.run("status", "j2", "--data", data)
    tap.ok(served.stdout == read.stdout.partition("\n")[2] and BUSY["name"] in served.stdout, "by its id as well", served.stdout + read.stdout)
    for name in ("Sketch", "j3", "j9", "Sketsch"):
        served, read = asking.run("status", name), commands.run("status", name, "--data", data)
        tap.ok(served.returncode == read.returncode == 1 and served.stderr == read.stderr and f"sojourn: {name}: the" in read.stderr,
               f"a draft or nothing has no status: {name}", served.stderr + read.stderr)
    served, read = asking.run("status", "Wiat"), commands.run("status", "Wiat", "--data", data)
    tap.ok(served.returncode == read.returncode == 1 and served.stderr == read.stderr and "did you mean \"Wait\"?" in read.stderr,
           "a misspelt one is guessed", served.stderr + read.stderr)
    tap.equal("a wrong token", commands.run("status", "--token", "x", *asking.where(), env=asking.environment()).returncode, 1)


def check_trace(tap, asking):
    """What every contact did, in every journey, in both ways and for both kinds of readers."""
    commands, data = asking.commands, asking.serving.data
    for contact in PEOPLE:
        for journey in ([], ["--journey", BUSY["name"]], ["--journey", "j2"]):
            words = ["trace", "--contact", contact, *journey]
            served, read = asking.run(*words), commands.run(*words, "--data", data)
            tap.ok(served.returncode == 0 and served.stdout == read.stdout and f"{contact} in {BUSY['name']}" in read.stdout, " ".join(words),
                   served.stdout + served.stderr + read.stdout + read.stderr)
            served, read = asking.run(*words, "--json"), commands.run(*words, "--json", "--data", data)
            tap.equal("and its JSON", json.loads(served.stdout), json.loads(read.stdout))
    for contact, text in (("bob", f'{ORDER} {{"total":59.9}}: left at hold: goal "bought"'), ("cid", "left at hold: exit rule 2"),
                          ("dee", "stays at reply, which has no edge for this"), ("ann", "now: waits at reply for Replied until "),
                          ("eve", "never entered")):
        told = asking.run("trace", "--contact", contact, "--journey", BUSY["name"])
        tap.ok(text in told.stdout, f"the trace of {contact} tells: {text}", told.stdout)
    for words in (["--contact", "Äve"], ["--contact", "../x"], ["--contact", "ann", "--journey", "Wiat"],
                  ["--contact", "ann", "--journey", "Sketch"]):
        served, read = asking.run("trace", *words), commands.run("trace", *words, "--data", data)
        tap.ok(served.returncode == read.returncode == 1 and served.stderr == read.stderr and f"sojourn: {words[-2]}: " in read.stderr,
               f"trace {' '.join(words)} is refused", served.stderr + read.stderr)
    both = commands.run("trace", "--contact", "ann", "--data", data, *asking.where())
    tap.ok(both.returncode == 2 and "--data takes no server" in both.stderr, "a server and a directory are too much", both.stderr)


def check_days(tap, asking):
    """Everything happened within the last hour."""
    commands, data = asking.commands, asking.serving.data
    today = datetime.datetime.now(datetime.timezone.utc).date()
    for days in (["--from", str(today - datetime.timedelta(days=1)), "--to", str(today)], ["--to", "2020-12-31"],
                 ["--from", "2020-01-01", "--to", "2020-01-31"]):
        served, read = asking.run("status", "--json", *days), commands.run("status", "--data", data, "--json", *days)
        tap.equal(f"a server's figures of {days[1]} … are its directory's", json.loads(served.stdout)["journeys"],
                  json.loads(read.stdout)["journeys"])
        entered = sum(journey["entered"] for journey in json.loads(read.stdout)["journeys"])
        tap.equal("and only those of then", entered > 0, "2020" not in days[-1])
    for ask in (asking.run, lambda *words: commands.run(*words, "--data", data)):
        refused = ask("status", "--from", "yesterday")
        tap.ok(refused.returncode == 1 and "from" in refused.stderr and "2026-01-31" in refused.stderr,
               "a day that is none is refused", refused.stderr)


def check_pages(tap, asking):
    """More journeys than the list gives in one answer."""
    names = [f"Many {i}" for i in range(120)]
    for name in names:
        asking.serving.ask("POST", "/v1/journeys?publish=true", {**WAIT, "name": name})
    asking.serving.ask("POST", "/v1/journeys", {"name": "A draft"})
    printed = json.loads(asking.run("status", "--json").stdout)
    tap.equal("every page of journeys is read, and drafts are passed over", [journey["name"] for journey in printed["journeys"]], ["Wait", BUSY["name"], *names])
    printed = json.loads(asking.run("trace", "--contact", "ann", "--json").stdout)
    tap.equal("and of a trace", [story["journey"] for story in printed["journeys"]], ["Wait", BUSY["name"], *names])


def main(binary):
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="sojourn-look-") as folder:
        commands, serving = Commands(binary, folder), Serving(binary, f"{folder}/data")
        asking = Asking(commands, serving, False)
        try:
            serving.start()
            empty = asking.run("status", "--json")
            tap.equal("no journey at all", (empty.returncode, json.loads(empty.stdout)), (0, {"journeys": []}))
            for journey in (WAIT, BUSY):
                tap.equal(f"{journey['name']} is published", serving.ask("POST", "/v1/journeys?publish=true", journey)[0], 201)
            tap.equal("and a draft is there", serving.ask("POST", "/v1/journeys", {"name": "Sketch"})[0], 201)
            fill(serving)
            check_status(tap, asking)
            check_trace(tap, asking)
            check_days(tap, asking)
            check_pages(tap, asking)
            serving.end()
        finally:
            serving.abandon()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
