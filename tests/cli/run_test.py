"""`make run` as a newcomer meets it: tools/demo on a free port, every line that it says to try, stopped and started again.

usage: run_test.py BINARY
"""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "tools"))
from tap import Tap

SECONDS_MAX = 120
LAST_LINE = "docs/start/server.md"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Demo:
    def __init__(self, binary, data, port):
        self.process = subprocess.Popen([ROOT / "tools" / "demo", data, f"127.0.0.1:{port}"], cwd=ROOT, text=True,
                                        env={**os.environ, "SOJOURN": binary}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        start_new_session=True)
        self.printed = ""

    def read(self, last=LAST_LINE):
        """What it prints, up to the line that is its last before it serves; or to its end."""
        watchdog = threading.Timer(SECONDS_MAX, os.killpg, (self.process.pid, signal.SIGKILL))
        watchdog.start()
        while last not in self.printed:
            line = self.process.stdout.readline()
            if not line:
                break
            self.printed += line
        watchdog.cancel()
        return self.printed

    def end(self):
        """Ctrl-C reaches everybody in the terminal. Its exit status, and what it said on stderr."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
        said = self.process.communicate(timeout=SECONDS_MAX)[1]
        return self.process.returncode, said


def tries(printed):
    return [line.strip() for line in printed.splitlines() if re.match(r"  (curl|SOJOURN_TOKEN)", line)]


def run(command):
    return subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=SECONDS_MAX)


def first_start(tap, binary, data, port):
    demo = Demo(binary, data, port)
    try:
        printed = demo.read()
        lines = tries(printed)
        if not tap.ok(len(lines) == 6, "it says what to try", printed):
            return
        outputs = [run(line) for line in lines]
        for line, output in zip(lines, outputs):
            tap.ok(output.returncode == 0 and "problem" not in output.stdout, f"works: {line[:60]}…", output.stdout + output.stderr)
        story, figures = json.loads(outputs[1].stdout), json.loads(outputs[2].stdout)
        tap.ok(story["journeys"][0]["inside"], "the shopper is in the journey", outputs[1].stdout)
        tap.ok(figures["entered"] == 1 and figures["in_journey"] == 1, "the first event is seen in the statistics, and nothing of the month",
               outputs[2].stdout)
        tap.ok("Cart rescue" in outputs[3].stdout, "status shows the journey", outputs[3].stdout)
        for name in ("admin.curl", "write.curl", "token"):
            mode = os.stat(f"{data}/demo/{name}").st_mode & 0o777
            tap.ok(mode == 0o600, f"{name} is for its owner alone", oct(mode))
    finally:
        status, said = demo.end()
    tap.ok(status == 0, "Ctrl-C ends it well", f"exit {status}\n{said}")


def second_start(tap, binary, data, port):
    demo = Demo(binary, data, port)
    try:
        lines = tries(demo.read())
        output = run(lines[2]) if tap.ok(len(lines) == 6, "it works again", demo.printed) else None
        if output:
            tap.ok(json.loads(output.stdout)["entered"] == 1, "and nothing has happened twice", output.stdout)
    finally:
        demo.end()


def other_data(tap, binary, data, port):
    """A directory that is a server's own."""
    first = subprocess.Popen([binary, "serve", "--data", data, "--listen", f"127.0.0.1:{port}"], stdout=subprocess.PIPE, text=True,
                             stderr=subprocess.DEVNULL)
    while "is at http" not in first.stdout.readline():
        pass
    taken = Demo(binary, f"{data}-other", port)
    status, said = taken.process.wait(SECONDS_MAX), taken.process.stderr.read()
    tap.ok(status == 1 and str(port) in said, "a port that is taken is named", said)
    taken.process.stdout.close()
    taken.process.stderr.close()
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=SECONDS_MAX)
    demo = Demo(binary, data, port)
    printed = demo.read("served as it is")
    tap.ok("served as it is" in printed and not os.path.exists(f"{data}/demo"), "another's data is served as it is", printed)
    demo.end()


def main(binary):
    tap, binary = Tap(), os.path.abspath(binary)
    with tempfile.TemporaryDirectory(prefix="sojourn-run-") as folder:
        first_start(tap, binary, f"{folder}/shop", free_port())
        second_start(tap, binary, f"{folder}/shop", free_port())
        other_data(tap, binary, f"{folder}/own", free_port())
    return tap.done()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
