"""What the commands do when everything is right: help, check, replay with its options, going on, trace and status.

usage: commands_test.py BINARY
"""
import json
import os
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tools"), HERE]
from commands import ORDER, WAIT, Commands, figures, track
from tap import Tap

# a comes twice, b once; c's order is the first of all and comes long before the others
EVENTS = [track("a", "2026-05-03T10:00:00Z", properties={"total": 5}), track("b", "2026-05-01T11:00:00Z"),
          track("c", "2026-04-01T00:00:00Z"), track("a", "2026-05-03T22:00:00Z", properties={"total": 7}),
          {"type": "identify", "userId": "d", "timestamp": "2026-05-02T00:00:00Z", "traits": {"plan": "pro"}}]


def node(printed, name, journey=0):
    return printed["journeys"][journey]["nodes"][name]


def check_help(tap, commands):
    overview = commands.run("--help")
    tap.ok(overview.returncode == 0 and all(name in overview.stdout for name in ("replay", "check", "trace", "status")),
           "--help lists the commands", overview.stdout)
    for name in ("replay", "check", "trace", "status"):
        run, other = commands.run(name, "--help"), commands.run("help", name)
        tap.ok(run.returncode == 0 and "examples:" in run.stdout and run.stdout == other.stdout, f"{name} --help shows examples",
               run.stdout + run.stderr)
    version = commands.run("--version")
    tap.ok(version.returncode == 0 and version.stdout.startswith("sojourn "), "--version", version.stdout)


def check_check(tap, commands):
    commands.write("good.json", {**WAIT, "exits": [], "timeout": "5d"})
    commands.write("bad.json", {**WAIT, "nodes": {**WAIT["nodes"], "lonely": {"type": "stop"}}})
    run = commands.run("check", "bad.json")
    tap.ok(run.returncode == 1 and "/nodes/lonely" in run.stdout and "bad.json: 1 error" in run.stdout, "check names an error",
           run.stdout)
    run = commands.run("check", "--json", "bad.json", "good.json")
    rows = json.loads(run.stdout)
    tap.ok(run.returncode == 1 and all(set(row) >= {"severity", "code", "node", "message", "fix"} for row in rows),
           "check --json prints rows", run.stdout)
    errors = [row for row in rows if row["severity"] == "error"]
    tap.equal("each in its place", [(row["file"], row["code"], row["node"], row["pointer"]) for row in errors],
              [("bad.json", "node_unreachable", "lonely", "/nodes/lonely")])
    tap.ok(any(row["file"] == "good.json" and row["severity"] == "warning" and row["node"] is None for row in rows),
           "warnings of the journey itself have no node", run.stdout)
    run = commands.run("check", "-", input=json.dumps(WAIT))
    tap.ok(run.returncode == 0, "check reads standard input; warnings do not fail it", run.stdout)
    commands.write("text.json", "hello")
    run = commands.run("check", "--json", "text.json")
    tap.ok(run.returncode == 1 and json.loads(run.stdout)[0]["severity"] == "error", "check --json of what is no JSON", run.stdout)


def check_replay(tap, commands):
    run = commands.replay("all")
    printed = figures(run)
    tap.equal("replay counts contacts and events of the directory", (printed["contacts"], printed["events"]), (4, 4))
    wait = printed["journeys"][0]
    tap.equal("c and b complete; a leaves by its second order, which lets it in again",
              (wait["entered"], wait["left"]["completed"], wait["left"]["exit_rule"], wait["exit_rules"], wait["in_journey"]),
              (4, 3, 1, [1], 0))
    people = commands.run("replay", "--data", "all", "--journey", "wait.json", "--events", "events.ndjson")
    tap.ok("4 contacts, 4 events" in people.stdout and "cool_off" in people.stdout, "for people too", people.stdout)

    printed = figures(commands.replay("from", "--from", "2026-05-03T10:00:00Z"))
    tap.equal("what comes before --from is history only, its own instant is not",
              (printed["events"], printed["journeys"][0]["entered"]), (4, 2))
    printed = figures(commands.replay("until", "--until", "2026-05-02T11:00:00Z"))
    tap.equal("timers due at --until fire, later records are not taken",
              (printed["contacts"], printed["events"], node(printed, "done")["entered"], printed["journeys"][0]["in_journey"]),
              (3, 2, 2, 0))
    printed = figures(commands.replay("before", "--until", "2026-05-02T10:59:59.999Z"))
    tap.equal("and those due later do not", (node(printed, "cool_off")["waiting"], node(printed, "done")["entered"]), (1, 1))
    printed = figures(commands.replay("late", "--from", "2026-06-01T00:00:00Z", "--until", "2026-06-02T00:00:00Z"))
    tap.equal("published behind the last event", (printed["events"], printed["journeys"][0]["entered"]), (4, 0))
    nobody = commands.replay("nobody", "--from", "2026-05-01T00:00:00Z", events=commands.write("none.ndjson", ""))
    tap.equal("no event at all, with --from", (nobody.returncode, figures(nobody)["contacts"]), (0, 0))


def check_contacts(tap, commands):
    """What is known of contacts is known before the journeys are published and before the first event."""
    commands.write("contacts.csv", "userId,plan\na,pro\nb,free\nx,pro\n")
    only = {**WAIT, "name": "Only pro", "entry": {**WAIT["entry"], "filter": {"attribute": "plan", "eq": "pro"}}}
    commands.write("only.json", only)
    run = commands.replay("contacts", "--contacts", "contacts.csv", journey="only.json")
    printed = figures(run)
    tap.equal("contacts are there from the start", (printed["contacts"], printed["events"], printed["journeys"][0]["entered"]),
              (5, 4, 2))
    both = commands.run("replay", "--data", "two", "--json", "--journey", "wait.json", "only.json", "--events=events.ndjson",
                        "--contacts", "contacts.csv")
    names = [(journey["name"], journey["entered"]) for journey in figures(both)["journeys"]]
    tap.equal("several journeys after one --journey, in that order", names, [("Wait", 4), ("Only pro", 2)])


def check_actions(tap, commands):
    stop = [{"at": "2026-05-01T11:00:00Z", "action": "stop", "journey": "Wait", "confirm": "Wait"}]
    commands.write("stop.ndjson", stop)
    run = commands.replay("stop", "--actions", "stop.ndjson")
    tap.equal("a stop comes before the events of its instant", figures(run)["journeys"][0]["entered"], 1)
    commands.write("stop-inside.ndjson", [{**stop[0], "at": "2026-05-01T11:00:00.001Z"}])
    printed = figures(commands.replay("stop-inside", "--actions", "stop-inside.ndjson"))
    tap.equal("a stop ends who is inside", node(printed, "cool_off")["left"]["version_stopped"], 1)
    rest = [{"at": "2026-05-05T00:00:00Z", "action": "resume", "journey": "Wait", "policy": "continue"},
            {"at": "2026-05-03T12:00:00Z", "action": "pause", "journey": "Wait", "hold": "all"}]
    commands.write("pause.ndjson", rest)
    printed = figures(commands.replay("pause", "--actions", "pause.ndjson"))
    tap.equal("a pause: a's second order ends it on resume and lets it in no more",
              (printed["journeys"][0]["entered"], printed["journeys"][0]["left"]["exit_rule"]), (3, 1))
    printed = figures(commands.replay("paused", "--actions", "pause.ndjson", "--until", "2026-05-04T00:00:00Z"))
    tap.equal("actions after --until are not taken", printed["journeys"][0]["in_journey"], 1)
    commands.write("closed.ndjson", [rest[0], {**rest[1], "hold": "entries"}])
    printed = figures(commands.replay("closed", "--actions", "closed.ndjson"))
    tap.equal("a hold on entries: a's second order ends it at once and lets it in no more",
              (printed["journeys"][0]["entered"], printed["journeys"][0]["left"]["exit_rule"]), (3, 1))
    run = commands.run("trace", "--data", "closed", "--contact", "a", "--json")
    tap.ok("the journey was paused" in run.stdout, "and the trace says why", run.stdout)
    twice = [{**rest[0], "at": "2026-05-06T00:00:00Z"}, *rest]
    commands.write("twice.ndjson", twice)
    run = commands.replay("twice", "--actions", "twice.ndjson")
    tap.ok(run.returncode == 1 and "twice.ndjson:1: /action" in run.stderr and "running" in run.stderr,
           "an action that the state does not allow is refused in its place", run.stderr)
    again = commands.replay("twice", "--actions", "twice.ndjson")
    tap.equal("and again", (again.returncode, again.stderr), (1, run.stderr))


def check_going_on(tap, commands):
    again = commands.replay("all")
    tap.equal("the same command prints the same", figures(again), figures(commands.replay("all")))
    refused = {"--journey": commands.replay("all", journey=commands.write("other.json", {**WAIT, "name": "Other"})),
               "--events": commands.replay("all", events=commands.write("more.ndjson", EVENTS[:-1])),
               "--contacts (there was none)": commands.replay("all", "--contacts", commands.write("people.csv", "userId\na\n")),
               "--actions (there was none)": commands.replay("all", "--actions", commands.write("no.ndjson", "")),
               "--from (it was 2026-04-01T00:00:00Z)": commands.replay("all", "--from", "2026-05-01T00:00:00Z"),
               "--until (there was none)": commands.replay("all", "--until", "2026-07-01T00:00:00Z")}
    for what, run in refused.items():
        tap.ok(run.returncode == 1 and f"another {what};" in run.stderr and run.stderr.startswith("sojourn: all: "),
               f"other inputs are refused: {what}", run.stderr)
    same = commands.replay("all", "--from", "2026-04-01T00:00:00Z")
    tap.equal("--from that says what is the default is the same", figures(same), figures(again))


def check_trace(tap, commands):
    run = commands.run("trace", "--data", "all", "--contact", "a", "--json")
    story = json.loads(run.stdout)["journeys"][0]
    facts = [(fact["at"], fact["cause"]["kind"], fact["enters"], [step["node"] for step in fact["path"]], fact["node"], fact["left"])
             for fact in story["facts"]]
    tap.equal("trace: every fact in order", facts, [
        ("2026-05-03T10:00:00Z", "event", True, [], "cool_off", None),
        ("2026-05-03T22:00:00Z", "event", False, [], "cool_off", "exit_rule"),
        ("2026-05-03T22:00:00Z", "event", True, [], "cool_off", None),
        ("2026-05-04T22:00:00Z", "time", False, ["cool_off"], "push", None),
        ("2026-05-04T22:00:00Z", "answer", False, ["push"], "done", "completed")])
    tap.equal("trace: what the rules saw", story["facts"][0]["cause"]["properties"], {"total": 5})
    tap.equal("trace: when a wait is due", story["facts"][0]["due"], "2026-05-04T10:00:00Z")
    run = commands.run("trace", "--data", "all", "--contact", "a", "--journey", "Wait")
    tap.ok(run.returncode == 0 and "cool_off -next-> push; waits at push for crm" in run.stdout
           and "left at done: completed" in run.stdout, "trace for people", run.stdout)
    run = commands.run("trace", "--data", "before", "--contact", "b", "--json")
    now = json.loads(run.stdout)["journeys"][0]["now"]
    tap.equal("trace: where somebody is now", (now["node"], now["due"]), ("cool_off", "2026-05-02T11:00:00Z"))

    for data, contact, journey, part in (("all", "d", "Wait", 'no "Order Completed" has come'),
                                         ("from", "c", "Wait", "before the journey was published"),
                                         ("contacts", "b", "Only pro", "filter"),
                                         ("stop", "b", "Wait", "the journey was stopped")):
        run = commands.run("trace", "--data", data, "--contact", contact, "--journey", journey)
        tap.ok(run.returncode == 0 and "never entered" in run.stdout and part in run.stdout,
               f"trace: why {contact} never entered {journey} ({data})", run.stdout + run.stderr)
    run = commands.run("trace", "--data", "pause", "--contact", "b", "--json")
    tap.equal("trace: nothing was missed by who came once", json.loads(run.stdout)["journeys"][0]["missed"], [])
    once = {**WAIT, "entry": {"rules": [{"event": ORDER}], "reentry": {"allowed": False}}}
    commands.replay("once", journey=commands.write("once.json", once))
    run = commands.run("trace", "--data", "once", "--contact", "a", "--json")
    missed = [(miss["at"], miss["properties"], miss["reason"]) for miss in json.loads(run.stdout)["journeys"][0]["missed"]]
    tap.equal("trace: what keeps a contact out the second time", missed, [("2026-05-03T22:00:00Z", {"total": 7}, "re-entry is off")])
    run = commands.run("trace", "--data", "pause", "--contact", "a")
    tap.ok("held, this is remembered" in run.stdout and "2026-05-05T00:00:00Z  Order Completed (of 2026-05-03T22:00:00Z)" in run.stdout,
           "trace shows what a hold kept, and the event's own time", run.stdout)
    for arguments, part in ((("--contact", "nobody"), "--contact: nobody is known by this id"), (("--contact", "a", "--journey", "Wiat"), 'did you mean "Wait"?')):
        run = commands.run("trace", "--data", "all", *arguments)
        tap.ok(run.returncode == 1 and part in run.stderr, f"trace {' '.join(arguments)} is refused", run.stderr)


def check_status(tap, commands):
    printed, status = figures(commands.replay("all")), json.loads(commands.run("status", "--data", "all", "--json").stdout)
    tap.equal("status tells the state", [journey.pop("state") for journey in status["journeys"]], ["running"])
    tap.equal("and the figures of the replay", status, printed)
    stopped = json.loads(commands.run("status", "--data", "stop", "--json").stdout)
    tap.equal("a stopped journey is stopped", stopped["journeys"][0]["state"], "stopped")
    run = commands.run("status", "--data", "nowhere")
    tap.ok(run.returncode == 1 and "nowhere" in run.stderr and not os.path.exists(commands.path("nowhere")),
           "status makes no directory", run.stderr)


def check_formats(tap, commands):
    """The same records in every form give the same figures."""
    csv = "userId,event,timestamp,total:number\n" + "".join(
        f"{e['userId']},{e['event']},{e['timestamp']},{e.get('properties', {}).get('total', '')}\n" for e in EVENTS if "event" in e)
    commands.write("events.csv", csv)
    commands.write("sorted.ndjson", sorted(EVENTS[:-1], key=lambda event: event["timestamp"]))
    commands.write("windows.csv", b"\xef\xbb\xbf" + csv.replace("\n", "\r\n").encode())
    expected = figures(commands.replay("plain", events=commands.write("plain.ndjson", EVENTS[:-1])))
    for name in ("events.csv", "sorted.ndjson", "windows.csv"):
        tap.equal(f"{name} gives the same figures", figures(commands.replay(f"data-{name}", events=name)), expected)
    doubled = [{**event, "messageId": str(number % 4)} for number, event in enumerate(EVENTS[:-1] * 2)]
    printed = figures(commands.replay("doubled", events=commands.write("doubled.ndjson", doubled)))
    tap.equal("a message id of a contact counts once", printed, expected)
    strange = [{**event, "shop": "north"} for event in EVENTS[:-1]]
    run = commands.replay("strange", events=commands.write("strange.ndjson", strange))
    tap.ok(figures(run) == expected and 'strange.ndjson: note: the key "shop", first in line 1' in run.stderr,
           "a key that Segment does not have is ignored with a note", run.stderr)


def main(binary):
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="sojourn-commands-") as folder:
        commands = Commands(binary, folder)
        commands.write("wait.json", WAIT)
        commands.write("events.ndjson", EVENTS)
        for check in (check_help, check_check, check_replay, check_contacts, check_actions, check_going_on, check_trace,
                      check_status, check_formats):
            check(tap, commands)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
