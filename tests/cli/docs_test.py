"""Runs every command that a page of docs/start shows, and compares what it prints with what the page says.

usage: docs_test.py BINARY

A page's ```sh blocks run in order in one folder that has build/sojourn and examples/. A ```text block right after
one is what it prints: line for line, `…` standing for anything within a line, a line of `…` alone for any number of
lines. `<!-- exit N -->` before a block says that its last command ends so; without it that is 0. The folder is the home of
these shells, and a free port stands for the usual one, 8080.
"""
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "tools"))
from tap import Tap

BLOCK = re.compile(r"(?:<!-- exit (\d+) -->\n)?```(\w+)\n(.*?)^```$", re.S | re.M)
SECONDS_MAX = 300


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def commands(page, server):
    """[(line, commands, what they print or None, exit code)] of a page, with `server` as 127.0.0.1:8080."""
    found, text = [], page.read_text(encoding="utf-8").replace("127.0.0.1:8080", server)
    for block in BLOCK.finditer(text):
        code, language, body = int(block[1] or 0), block[2], block[3]
        if language == "sh":
            found.append([text.count("\n", 0, block.start()) + 1, body, None, code])
        elif language == "text" and found and found[-1][2] is None:
            found[-1][2] = body
    return found


def pattern(shown):
    lines = []
    for line in shown.rstrip("\n").split("\n"):
        if line.strip() == "…":
            lines.append(r"(?:[^\n]*\n)*?")
        else:
            lines.append(".*?".join(re.escape(part) for part in line.rstrip().split("…")) + r"[ ]*\n")
    return re.compile("".join(lines))


def prints(shown, output):
    return pattern(shown).fullmatch(output if output.endswith("\n") or not output else output + "\n") is not None


class Shells:
    """Each in a session of its own, so that all it has started can be found."""

    def __init__(self, folder, server):
        self.folder, self.sessions = folder, []
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(("SOJOURN_", "XDG_"))}
        self.environment.update(HOME=folder, SOJOURN_SERVER=server)

    def run(self, body):
        """(exit code, what it printed)"""
        with subprocess.Popen(["bash", "-euo", "pipefail", "-c", body], cwd=self.folder, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, start_new_session=True, env=self.environment) as shell:
            self.sessions.append(shell.pid)
            try:
                printed = shell.communicate(timeout=SECONDS_MAX)[0]
            except subprocess.TimeoutExpired:
                os.killpg(shell.pid, signal.SIGKILL)
                printed = shell.communicate()[0] + f"took longer than {SECONDS_MAX} s"
        return shell.returncode, printed

    def end(self):
        for session in self.sessions:
            try:
                os.killpg(session, signal.SIGKILL)
            except ProcessLookupError:
                pass  # nothing of it runs any more


def self_check(tap):
    tap.ok(prints("a … c\n…\nz\n", "a b c\nq\nr\nz\n") and prints("a\n", "a"), "a page's dots stand for anything")
    tap.ok(not prints("a\n", "b\n") and not prints("a\n", "a\nb\n") and not prints("a\n…\nz\n", "a\nb\n"),
           "and nothing else is let through")


def run_page(tap, page, shells, server):
    for line, body, shown, code in commands(page, server):
        ended, printed = shells.run(body)
        title = f"{page.name}:{line}: {body.strip().splitlines()[0]}"
        tap.ok(ended == code, f"{title}: ends in {code}", f"exit {ended}\n{printed}")
        if shown is not None:
            tap.ok(prints(shown, printed), f"{title}: prints what the page says", printed)


def main(binary):
    tap = Tap()
    self_check(tap)
    for page in sorted((ROOT / "docs" / "start").glob("*.md")):
        with tempfile.TemporaryDirectory(prefix="sojourn-docs-") as folder:
            (pathlib.Path(folder) / "build").mkdir()
            os.symlink(os.path.abspath(binary), f"{folder}/build/sojourn")
            os.symlink(ROOT / "examples", f"{folder}/examples")
            server = f"127.0.0.1:{free_port()}"
            shells = Shells(folder, server)
            try:
                run_page(tap, page, shells, server)
            finally:
                shells.end()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
