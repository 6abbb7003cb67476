"""Runs a program of node:test against the real server with the clients of package.json, as npm installs them.

usage: run.py BINARY FOLDER PROGRAM
FOLDER keeps what was installed; it is made anew when package-lock.json is another.
"""
import fcntl
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
LISTS = ("package.json", "package-lock.json")


def is_installed(folder):
    return (folder / "done").exists() and all((folder / name).read_bytes() == (HERE / name).read_bytes() for name in LISTS)


def install(folder):
    """What went wrong; empty: the clients are there."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other test programs want them too
        if is_installed(folder):
            return ""
        (folder / "done").unlink(missing_ok=True)
        for name in LISTS:
            shutil.copy(HERE / name, folder / name)
        try:
            run = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, capture_output=True, text=True)
        except FileNotFoundError:
            return "npm is missing; tools/setup test installs it"
        if run.returncode:
            return f"npm ci: exit {run.returncode}\n{run.stdout}{run.stderr}"
        (folder / "done").touch()
        return ""


def main(binary, folder, program):
    folder = pathlib.Path(folder).resolve()
    wrong = install(folder)
    if wrong:
        print("not ok 1 - the clients are installed", *wrong.splitlines(), sep="\n# ")
        print("1..1")
        return 1
    environment = {**os.environ, "SOJOURN": os.path.abspath(binary), "CLIENTS": str(folder)}
    return subprocess.run(["node", "--test-reporter=tap", program], env=environment).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
