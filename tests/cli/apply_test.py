"""Journeys out of files: apply, check, publish and journeys, against a running server and against a closed directory, the
same cases.

usage: apply_test.py BINARY
"""
import json
import os
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tools"), HERE]
from asking import Asking, Unreliable
from commands import WAIT, Commands
from serving import Serving
from tap import Tap

SOUND = {**WAIT, "timeout": "30d"}
LONELY = {**SOUND, "nodes": {**WAIT["nodes"], "lonely": {"type": "stop"}}}


class Case:
    """The commands in one of the ways, on journeys and files of names of its own."""

    def __init__(self, tap, asking):
        self.tap, self.asking, self.commands = tap, asking, asking.commands
        self.prefix = "shut" if asking.closed else "served"

    def name(self, short):
        return f"{self.prefix} {short}"

    def write(self, short, document):
        """The file that says so."""
        return self.commands.write(f"{self.prefix}-{short}.json", {**document, "name": self.name(short)})

    def done(self, title, words, out, **options):
        run = self.asking.run(*words, **options)
        self.tap.ok(run.returncode == 0 and run.stdout == out and run.stderr == "", f"{title} ({self.asking.way})",
                    f"exit {run.returncode}\n{run.stdout}{run.stderr}\nexpected {out}")

    def refused(self, title, words, *texts, out=None, code=1):
        run = self.asking.run(*words)
        fine = run.returncode == code and run.stderr.startswith("sojourn: ") and all(text in run.stderr for text in texts)
        self.tap.ok(fine and (out is None or run.stdout == out), f"{title} ({self.asking.way})", f"exit {run.returncode}\n{run.stdout}{run.stderr}")

    def json(self, *words):
        return json.loads(self.asking.run(*words, "--json").stdout)

    def journeys(self, *words):
        return {row["name"].removeprefix(self.prefix + " "): row for row in self.json("journeys", *words) if row["name"].startswith(self.prefix)}


def check_drafts(case):
    name, file = case.name("draft"), case.write("draft", SOUND)
    told = f'{file}: "{name}" '
    case.done("a file makes a draft", ["apply", file], told + "created as a draft, revision 1\n")
    case.done("the same file again changes nothing", ["apply", file], told + "unchanged, draft of revision 1\n")
    journey = case.journeys()["draft"]
    case.tap.equal(f"it is a draft ({case.asking.way})", (journey["state"], journey["version"], journey["draft"]["revision"]), ("draft", None, 1))
    case.done("check finds nothing", ["check", "--journey", name], f"{name}: nothing to say against it\n")
    case.write("draft", {**SOUND, "description": "for those who wait"})
    case.done("another content is saved", ["apply", file], told + "saved as a draft, revision 2\n")
    case.write("draft", dict(reversed({**SOUND, "description": "for those who wait"}.items())))
    case.done("the order of members is no content", ["apply", file], told + "unchanged, draft of revision 2\n")
    case.refused("a revision that has moved on is not published", ["publish", name, "--revision", "1"], f"sojourn: {name}: --revision: ", "2")
    case.refused("a revision is a number", ["publish", name, "--revision", "new"], "--revision is a whole number", code=2)
    case.done("publish", ["publish", name, "--revision", "2"], f"{name}: running\n")
    case.refused("there is nothing more to publish", ["publish", name], f"sojourn: {name}: ")


def check_findings(case):
    name, file = case.name("lonely"), case.write("lonely", LONELY)
    local = case.commands.run("check", file).stdout
    case.tap.ok(local.count(" error: ") == 1 and "/nodes/lonely" in local, f"the checklist has something to say ({case.asking.way})", local)
    case.done("a draft may have errors, which are printed", ["apply", file], f'{local}{file}: "{name}" created as a draft, revision 1\n')
    remote = case.asking.run("check", "--journey", name)
    case.tap.equal(f"check --journey prints what check prints of the file ({case.asking.way})", (remote.returncode, remote.stdout, remote.stderr),
                   (1, local.replace(file, name), ""))
    rows, own = json.loads(case.asking.run("check", "--journey", name, "--json").stdout), json.loads(case.commands.run("check", "--json", file).stdout)
    case.tap.equal(f"and as rows ({case.asking.way})", [{**row, "journey": 0} for row in rows], [{k: v for k, v in {**row, "journey": 0}.items() if k != "file"} for row in own])
    case.refused("errors block a publish", ["publish", name], f"sojourn: {name}: the checklist has 1 error", out=local.replace(file, name))
    case.refused("by apply as well", ["apply", file, "--publish"], f"sojourn: {file}: the checklist has 1 error", out=local)
    new = case.write("never", LONELY)
    case.refused("and there nothing is made", ["apply", new, "--publish"], f"sojourn: {new}: ")
    case.tap.ok("never" not in case.journeys() and case.journeys()["lonely"]["state"] == "draft", f"no journey, no version ({case.asking.way})")


def check_publish(case):
    name, file = case.name("live"), case.write("live", SOUND)
    told = f'{file}: "{name}" '
    case.done("apply --publish makes and publishes", ["apply", "--publish", file], told + "published as version 1, running\n")
    for words in (["apply", "--publish", file], ["apply", file]):
        case.done(f"{' '.join(words[:-1])} again changes nothing", words, told + "unchanged, published as version 1\n")
    later, later_file = case.name("later"), case.write("later", SOUND)
    case.done("a draft first", ["apply", later_file], f'{later_file}: "{later}" created as a draft, revision 1\n')
    case.done("then published as it is", ["apply", later_file, "--publish"], f'{later_file}: "{later}" published as version 1, running\n')
    case.write("live", {**SOUND, "description": "next"})
    case.done("what is published gets a draft", ["apply", file], told + f"saved as a draft, revision 1\n")
    journey = case.journeys()["live"]
    case.tap.equal(f"and runs on ({case.asking.way})", (journey["state"], journey["version"], bool(journey["draft"])), ("running", 1, True))


def check_many(case):
    good, other = case.write("one", SOUND), case.write("two", SOUND)
    bad = {"text.json": "hello", "array.json": "[]", "nameless.json": "{\"nodes\": {}}", "number.json": "{\"name\": 7}"}
    for file, content in bad.items():
        case.commands.write(file, content)
    run = case.asking.run("apply", good, *bad, "missing.json", other, "--json")
    rows = json.loads(run.stdout)
    case.tap.equal(f"bad files do not keep good ones back ({case.asking.way})", (run.returncode, [(row["file"], row["did"], row["revision"]) for row in rows]),
                   (1, [(good, "created", 1), (other, "created", 1)]))
    lines = run.stderr.splitlines()
    case.tap.ok(len(lines) == 5 and all(line.startswith(f"sojourn: {file}") for line, file in zip(lines, [*bad, "missing.json"])),
                f"and each is named ({case.asking.way})", run.stderr)
    standard = case.name("standard")
    case.done("- is standard input", ["apply", "-"], f'-: "{standard}" created as a draft, revision 1\n', input=json.dumps({**SOUND, "name": standard}))


def check_names(case):
    case.refused("a misspelt journey is guessed", ["check", "--journey", case.name("livé")], "did you mean \"", case.name("live"))
    case.refused("to publish as well", ["publish", case.name("livé")], "did you mean \"", case.name("live"))
    odd = case.name("Grüße 100% a/b?c=d#e \"f\" ..")
    file = case.commands.write("odd.json", {**SOUND, "name": odd})
    case.done("a name with all sorts of characters", ["apply", "--publish", file], f'odd.json: "{odd}" published as version 1, running\n')
    case.done("by which it is found", ["pause", odd], f"{odd}: paused, hold all\n")
    case.done("and listed", ["journeys", "--search", odd.split("?")[0], "--state", "paused"],
              "id      state             version    draft  name\n" + f"{case.journeys()[odd.removeprefix(case.prefix + ' ')]['id']:6}  paused, all             1        -  {odd}\n")
    case.refused("a state that there is none of", ["journeys", "--state", "sleeping"], "--state")


def check_lost(case):
    """Against the running server only."""
    serving = case.asking.serving
    file = case.write("lost", SOUND)
    variables = case.asking.environment(SOJOURN_TOKEN=serving.keys["admin token"])
    with Unreliable(serving.port, "lost", 1) as relay:
        run = case.commands.run("apply", file, "--server", f"127.0.0.1:{relay.port}", env=variables)
    case.tap.equal("a lost answer to a question", (run.returncode, run.stdout), (0, f'{file}: "{case.name("lost")}" created as a draft, revision 1\n'))
    with Unreliable(serving.port, "lost", 2, method="PUT") as relay:
        case.write("lost", {**SOUND, "description": "again"})
        run = case.commands.run("apply", file, "--server", f"127.0.0.1:{relay.port}", env=variables)
    case.tap.equal("a save whose answer is lost twice is one save", (run.returncode, run.stdout, run.stderr),
                   (0, f'{file}: "{case.name("lost")}" saved as a draft, revision 2\n', ""))


def main(binary):
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="sojourn-apply-") as folder:
        commands, serving = Commands(binary, folder), Serving(binary, f"{folder}/data")
        try:
            serving.start()
            serving.ask("PUT", "/v1/destinations/crm", {"kind": "file", "path": "crm.ndjson"})  # so that nothing warns of it
            tap.equal("no journey, no line", Asking(commands, serving, False).run("journeys").stdout, "")
            for closed in (False, True):
                if closed:
                    serving.end()
                case = Case(tap, Asking(commands, serving, closed))
                for check in (check_drafts, check_findings, check_publish, check_many, check_names):
                    check(case)
                if not closed:
                    check_lost(case)
        finally:
            serving.abandon()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
