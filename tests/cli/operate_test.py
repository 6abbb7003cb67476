"""The commands that operate journeys, against a running server and against a closed directory: the same cases, the same
words. Then what only one of the two has: addresses, tokens, lost answers, directories in use.

usage: operate_test.py BINARY
"""
import json
import os
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tools"), HERE]
from asking import Asking, Unreliable
from commands import WAIT, Commands, track
from serving import Serving
from tap import Tap

ALL = ("pause", "resume", "stop", "publish", "enroll")


def told(tap, asking, title, words, code, *texts, out=None):
    """One command: its exit status, what stderr (or with `out` stdout) holds, and that stderr is one line of our form."""
    run = asking.run(*words)
    shown = run.stdout if code == 0 else run.stderr
    fine = run.returncode == code and all(text in shown for text in texts) and (out is None or run.stdout == out)
    fine = fine and (run.stderr == "" if code == 0 else run.stderr.startswith("sojourn: "))
    tap.ok(fine, f"{title} ({asking.way})", f"exit {run.returncode}\n{run.stdout}{run.stderr}")
    return run


def state(commands, serving, name):
    """As the directory has it, whoever has it open."""
    printed = json.loads(commands.run("status", "--data", serving.data, "--json").stdout)
    return next(journey["state"] for journey in printed["journeys"] if journey["name"] == name)


def check_actions(tap, asking, name):
    """`name` is running, and stopped in the end."""
    commands, serving = asking.commands, asking.serving
    told(tap, asking, "pause", ["pause", name], 0, out=f"{name}: paused, hold all\n")
    tap.equal(f"and it is ({asking.way})", state(commands, serving, name), "paused")
    told(tap, asking, "a second pause is refused, and says what is allowed", ["pause", name], 1, f"sojourn: {name}: ", "is paused", "resume, stop")
    told(tap, asking, "resume", ["resume", name, "--policy", "continue"], 0, out=f"{name}: running\n")
    run = told(tap, asking, "pause --hold all --json", ["pause", name, "--hold=all", "--json"], 0)
    printed = json.loads(run.stdout)
    tap.equal(f"prints the journey as the server has it ({asking.way})", (printed["name"], printed["state"], printed["hold"]),
              (name, "paused", "all"))
    tap.ok(run.stdout.startswith("{\n  \""), f"indented ({asking.way})", run.stdout)
    told(tap, asking, "a pause from one hold to the other", ["pause", name, "--hold", "entries"], 0, out=f"{name}: paused, hold entries\n")
    told(tap, asking, "and back", ["pause", name], 0, out=f"{name}: paused, hold all\n")
    told(tap, asking, "an unknown policy", ["resume", name, "--policy", "perhaps"], 1, f"sojourn: {name}: --policy: ")
    told(tap, asking, "an unknown hold", ["pause", name, "--hold", "some"], 1, f"sojourn: {name}: --hold: ")
    told(tap, asking, "a stop whose name is not confirmed", ["stop", name, "--confirm", name.upper()], 1, f"sojourn: {name}: --confirm: ", name)
    tap.equal(f"none of which did anything ({asking.way})", state(commands, serving, name), "paused")
    told(tap, asking, "stop", ["stop", name, "--confirm", name], 0, out=f"{name}: stopped\n")
    told(tap, asking, "there is no way back", ["resume", name], 1, "stopped")


def check_enroll(tap, asking, name):
    """`name` has an api entry, `Wait` has none."""
    who = f"ann of {asking.way}"
    words = ["enroll", name, "--contact", who]
    told(tap, asking, "enroll", [*words, "--properties", '{"source": "crm"}'], 0, out=f"{name}: {who}: entered\n")
    told(tap, asking, "who is inside is told so", words, 0, out=f"{name}: {who}: inside\n")
    run = told(tap, asking, "enroll --json", [*words, "--json"], 0)
    tap.equal(f"as the server has it ({asking.way})", json.loads(run.stdout), {"outcome": "inside", "journey": name, "contact": who})
    trace = asking.run("trace", "--contact", who, "--journey", name)
    tap.ok('{"source":"crm"}: enters; ' in trace.stdout, f"the trace tells the call and its properties ({asking.way})", trace.stdout)
    told(tap, asking, "a journey without api entry", ["enroll", "Wait", "--contact", who], 1, "sojourn: Wait: ")
    told(tap, asking, "properties that are no object", [*words, "--properties", "[1]"], 2, "--properties", "JSON object")
    told(tap, asking, "nor JSON", [*words, "--properties", "source=crm"], 2, "--properties", "JSON object")
    told(tap, asking, "nobody", ["enroll", name], 2, "--contact is missing")


def check_names(tap, asking):
    told(tap, asking, "a misspelt journey is guessed", ["pause", "Wiat"], 1, "sojourn: Wiat: there is no journey", "did you mean \"Wait\"?")
    for name in ("..", "a/b", "100%", "?x=1#y", "Grüße, 世界"):
        told(tap, asking, f"the name \"{name}\" goes through whole", ["pause", name], 1, f"sojourn: {name}: there is no journey")


def check_usage(tap, asking):
    for command in ALL:
        must = {"stop": ["--confirm", "x"], "enroll": ["--contact", "x"]}
        told(tap, asking, f"{command} without a journey", [command, *must.get(command, [])], 2, "JOURNEY is missing")
    told(tap, asking, "two journeys", ["pause", "Cart", "rescue"], 2, "\"rescue\"", "quote a name")
    told(tap, asking, "stop without --confirm", ["stop", "Wait"], 2, "--confirm is missing")
    told(tap, asking, "a misspelt option", ["pause", "Wait", "--hodl", "all"], 2, "did you mean --hold?")


def check_help(tap, commands):
    for command in ALL:
        run = commands.run(command, "--help")
        tap.ok(run.returncode == 0 and all(text in run.stdout for text in ("--server", "--token", "--data", "--json", f"  sojourn {command} ")),
               f"{command} --help", run.stdout)


def refused(tap, title, run, code, *texts):
    tap.ok(run.returncode == code and len(run.stderr.splitlines()) == 1 and all(text in run.stderr for text in texts), title,
           f"exit {run.returncode}\n{run.stdout}{run.stderr}")


def check_addresses(tap, asking):
    """The server runs, the journey `Told` is running."""
    commands, serving = asking.commands, asking.serving
    token, at = serving.keys["admin token"], f"127.0.0.1:{serving.port}"

    def run(*words, **variables):
        return commands.run(*words, env=asking.environment(**variables))

    refused(tap, "no token anywhere", run("pause", "Told", "--server", at), 2, "--token", "SOJOURN_TOKEN",
            os.path.join(commands.folder, ".config/sojourn/token"))
    refused(tap, "a wrong token", run("pause", "Told", "--server", at, "--token", "admin_no"), 1, at, "does not know the token")
    refused(tap, "a write key is none", run("pause", "Told", "--server", at, SOJOURN_TOKEN=serving.keys["write key"]), 1, "does not know the token")
    refused(tap, "a token of two words", run("pause", "Told", "--server", at, "--token", "a b"), 2, "--token", "one word")
    refused(tap, "a token with a line in it", run("pause", "Told", "--server", at, SOJOURN_TOKEN="a\r\nX: y"), 2, "SOJOURN_TOKEN")
    tap.ok("admin_no" not in run("pause", "Told", "--server", at, "--token", "admin_no").stderr, "and no token is ever printed")
    for path, variables in ((".config/sojourn", {}), ("other/sojourn", {"XDG_CONFIG_HOME": commands.path("other")})):
        os.makedirs(commands.path(path))
        commands.write(f"{path}/token", token + "\n")
        told_by = run("pause", "Told", "--server", f"http://{at}/", **variables)
        tap.equal(f"the token of the file {path}/token", (told_by.returncode, told_by.stderr), (0, ""))
        run("resume", "Told", "--server", at, "--token", token)
        os.remove(commands.path(f"{path}/token"))
    given = run("pause", "Told", SOJOURN_SERVER=at, SOJOURN_TOKEN=token)
    tap.equal("server and token of the environment", (given.returncode, given.stdout), (0, "Told: paused, hold all\n"))
    proxied = run("resume", "Told", "--server", f"localhost:{serving.port}", "--token", token, http_proxy="http://127.0.0.1:1")
    tap.equal("a server on this machine is asked without proxy", (proxied.returncode, proxied.stdout), (0, "Told: running\n"))
    for url in ("ftp://127.0.0.1/", "http://", "http://me:secret@127.0.0.1/", "http://127.0.0.1/?a=b", "http://127.0.0.1:99999"):
        refused(tap, f"--server {url}", run("pause", "Told", "--server", url, "--token", token), 2, "--server", "http://127.0.0.1:8080")
    refused(tap, "both a server and a directory", run("pause", "Told", "--server", at, "--data", serving.data), 2, "--data")
    refused(tap, "no server there", run("pause", "Told", "--server", "127.0.0.1:1", "--token", token), 1, "http://127.0.0.1:1: ", "sojourn serve",
            "--data")
    refused(tap, "the directory of a running server", run("pause", "Told", "--data", serving.data), 1, serving.data, "--server")


def check_lost_answers(tap, asking):
    """Each of these is done once, however often it had to be asked for."""
    commands, serving = asking.commands, asking.serving
    for fault, words, shown in (("lost", ["pause", "Told"], "Told: paused, hold all\n"), ("busy", ["resume", "Told"], "Told: running\n")):
        with Unreliable(serving.port, fault, 2) as relay:
            run = commands.run(*words, "--server", f"127.0.0.1:{relay.port}", env=asking.environment(SOJOURN_TOKEN=serving.keys["admin token"]))
        tap.equal(f"an answer that is {fault} twice", (run.returncode, run.stdout, run.stderr), (0, shown, ""))
        tap.ok(len(relay.keys) == 3 and len(set(relay.keys)) == 1 and relay.keys[0], "is asked for under the same key", relay.keys)


def check_strangers(tap, asking):
    """What answers is no server of ours, or one that is busy for good."""
    commands, serving = asking.commands, asking.serving
    for fault, faults, texts in (("page", 1, ("answers 502", "not as a Sojourn server")), ("lost", 99, ("connection was lost", "not known"))):
        with Unreliable(serving.port, fault, faults) as relay:
            at = f"127.0.0.1:{relay.port}"
            run = commands.run("key", "create", "write", "nobody's", "--server", at, "--token", "x") if fault == "lost" else \
                commands.run("pause", "Told", "--server", at, "--token", "x")
        refused(tap, f"an answer that is a {fault}", run, 1, f"http://{at}", *texts)
        tap.equal("is asked for once", len(relay.keys), 1)


def check_directories(tap, asking):
    """The server is closed."""
    commands = asking.commands

    def run(data):
        return commands.run("pause", "Told", "--data", data, env=asking.environment())

    refused(tap, "a directory that is not there", run("nowhere"), 1, "nowhere: ", "no data directory")
    tap.ok(not os.path.exists(commands.path("nowhere")), "is not made")
    commands.write("letter.txt", "Dear Ann")
    refused(tap, "a file", run("letter.txt"), 1, "letter.txt: ", "no data directory")
    os.mkdir(commands.path("empty"))
    refused(tap, "an empty directory", run("empty"), 1, "empty: ", "no data directory")
    tap.equal("stays empty", os.listdir(commands.path("empty")), [])
    commands.write("wait.json", WAIT)
    commands.write("events.ndjson", [track("ann", "2026-01-01T00:00:00Z")])
    tap.equal("a replay was made", commands.replay("replayed").returncode, 0)
    refused(tap, "the directory of a replay", run("replayed"), 1, "replayed: ", "holds a replay")
    closed = run(asking.serving.data)
    tap.equal("while that of a server that has ended is taken", (closed.returncode, closed.stdout), (0, "Told: paused, hold all\n"))


def main(binary):
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="sojourn-operate-") as folder:
        commands, serving = Commands(binary, folder), Serving(binary, f"{folder}/data")
        running, closed = Asking(commands, serving, False), Asking(commands, serving, True)
        try:
            serving.start()
            for name in ("Wait", "Served", "Shut", "Told"):
                tap.equal(f"\"{name}\" is published", serving.ask("POST", "/v1/journeys?publish=true", {**WAIT, "name": name})[0], 201)
            for name in ("Called", "Rung"):
                api = {**WAIT, "name": name, "entry": {"rules": [{"api": True}]}}
                tap.equal(f"\"{name}\" is published", serving.ask("POST", "/v1/journeys?publish=true", api)[0], 201)
            check_actions(tap, running, "Served")
            check_enroll(tap, running, "Called")
            check_names(tap, running)
            check_usage(tap, running)
            check_help(tap, commands)
            check_addresses(tap, running)
            check_lost_answers(tap, running)
            check_strangers(tap, running)
            serving.end()
            check_actions(tap, closed, "Shut")
            check_enroll(tap, closed, "Rung")
            check_names(tap, closed)
            check_usage(tap, closed)
            check_directories(tap, closed)
        finally:
            serving.abandon()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
