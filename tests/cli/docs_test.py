"""Runs every command that a page of docs/start shows, and compares what it prints with what the page says.

usage: docs_test.py BINARY

A page's ```sh blocks run in order in one folder that has build/sojourn and examples/. A ```text block right after
one is what it prints: line for line, `…` standing for anything within a line, a line of `…` alone for any number of
lines. `<!-- exit N -->` before a block says that its last command ends so; without it that is 0.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "tools"))
from tap import Tap

BLOCK = re.compile(r"(?:<!-- exit (\d+) -->\n)?```(\w+)\n(.*?)^```$", re.S | re.M)
SECONDS_MAX = 300


def commands(page):
    """[(line, commands, what they print or None, exit code)] of a page."""
    found, text = [], page.read_text(encoding="utf-8")
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


def self_check(tap):
    tap.ok(prints("a … c\n…\nz\n", "a b c\nq\nr\nz\n") and prints("a\n", "a"), "a page's dots stand for anything")
    tap.ok(not prints("a\n", "b\n") and not prints("a\n", "a\nb\n") and not prints("a\n…\nz\n", "a\nb\n"),
           "and nothing else is let through")


def main(binary):
    tap = Tap()
    self_check(tap)
    for page in sorted((ROOT / "docs" / "start").glob("*.md")):
        with tempfile.TemporaryDirectory(prefix="sojourn-docs-") as folder:
            (pathlib.Path(folder) / "build").mkdir()
            os.symlink(os.path.abspath(binary), f"{folder}/build/sojourn")
            os.symlink(ROOT / "examples", f"{folder}/examples")
            for line, body, shown, code in commands(page):
                run = subprocess.run(["bash", "-euo", "pipefail", "-c", body], cwd=folder, text=True,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS_MAX)
                title = f"{page.name}:{line}: {body.strip().splitlines()[0]}"
                tap.ok(run.returncode == code, f"{title}: ends in {code}", f"exit {run.returncode}\n{run.stdout}")
                if shown is not None:
                    tap.ok(prints(shown, run.stdout), f"{title}: prints what the page says", run.stdout)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
