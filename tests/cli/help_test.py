"""What --help shows can be typed: every example of every command is right usage, and every option and command is told.

usage: help_test.py BINARY
"""
import os
import re
import shlex
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tools"), HERE]
from commands import Commands
from tap import Tap

# these would begin to work, for long; their own tests run them
RUN_ELSEWHERE = {"serve", "bench"}


def examples(text):
    """The lines of `sojourn …` below `examples:`, as words up to a pipe or a redirection."""
    found = []
    for line in text.partition("examples:\n")[2].replace("\\\n", " ").splitlines():
        words = shlex.split(line)
        if words[:1] == ["sojourn"]:
            ends = [words.index(end) for end in ("|", "<", ">", "&&") if end in words]
            found.append(words[1:min(ends, default=len(words))])
    return found


def check_command(tap, commands, name):
    text = commands.run(name, "--help").stdout
    usage = re.search(rf"^usage: sojourn {name} (.*?)\n\n", text, re.M | re.S)
    tap.ok(usage is not None and text == commands.run("help", name).stdout and text.endswith("\n"), f"{name} --help", text)
    options = re.findall(r"^  --(\S+)", text, re.M)
    tap.ok(all(option in usage[1] for option in options), f"the usage of {name} names its options", (usage[1], options))
    shown = examples(text)
    tap.ok(shown and all(words[0] == name for words in shown), f"{name} has examples", text)
    nowhere = {**os.environ, "HOME": commands.folder, "SOJOURN_SERVER": "127.0.0.1:1", "SOJOURN_TOKEN": "admin_none"}
    for words in shown if name not in RUN_ELSEWHERE else []:
        run = commands.run(*words, env=nowhere, input="")
        tap.ok(run.returncode in (0, 1) and "--help" not in run.stderr, f"right usage: {shlex.join(words)}", f"exit {run.returncode}\n{run.stderr}")


def main(binary):
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="sojourn-help-") as folder:
        commands = Commands(binary, folder)
        overview = commands.run("--help").stdout
        names = re.findall(r"^  (\w+) +[A-Z]", overview, re.M)
        tap.ok(len(names) > 10 and len(set(names)) == len(names), "the overview lists every command once", overview)
        for name in names:
            check_command(tap, commands, name)
        for name in names:
            run = commands.run(name, "")
            tap.ok(run.returncode == 2 and run.stderr.startswith("sojourn: "), f"{name} with an empty word is wrong usage",
                   f"exit {run.returncode}\n{run.stderr}")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
