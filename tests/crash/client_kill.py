"""Kills the real server with -9 under the load of an unmodified @segment/analytics-node, again and again, and looks whether
what the client calls delivered is there, once.

usage: client_kill.py BINARY CLIENTS_FOLDER
CRASH_ROUNDS = how many kills there are (100); CRASH_SEED = another run of chance.
"""
import http.client
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "clients"), os.path.join(HERE, "..", "tools"), os.path.join(HERE, "..", "cli")]
import run as clients
from serve_kill import CONTACTS, Directory, EVENTS, ROUNDS_OF_ONE_MAX
from serving import Serving
from tap import Tap

SECONDS_MAX, FLOWING = 60, 500


class OnePort(Serving):
    """Wherever it first listened it listens again, so that its clients find it."""

    def launch(self, *more, environment=None, listen=None):
        super().launch(*more, environment=environment, listen=listen or f"127.0.0.1:{self.port}")


class Client:
    """The shop; it takes itself what it needs, and tells what was delivered."""

    def __init__(self, serving, folder):
        environment = {**os.environ, "CLIENTS": folder, "SOJOURN": serving.binary}
        command = ["node", os.path.join(HERE, "..", "clients", "load.mjs"), f"http://127.0.0.1:{serving.port}",
                   serving.keys["write key"], str(CONTACTS), *EVENTS]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self.delivered, self.sent = set(), None
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            word, *numbers = line.split()
            if word == "delivered":
                self.delivered.update(map(int, numbers))
            else:
                self.sent = int(numbers[0])

    def end(self):
        """Its exit status, when it has delivered everything."""
        self.process.stdin.close()
        status = self.process.wait(SECONDS_MAX)
        self.reader.join()
        self.process.stdout.close()
        return status

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()


class Shop(Directory):
    serving_class = OnePort

    def __init__(self, tap, binary, folder, chance, client_folder):
        super().__init__(tap, binary, folder, chance)
        self.client = Client(self.serving, client_folder)

    def await_load(self, before):
        """Until the client has found the server, and events flow."""
        end = time.monotonic() + SECONDS_MAX
        while len(self.client.delivered) < before + FLOWING and self.client.process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)

    def kill_under_load(self):
        before = len(self.client.delivered)
        if before == 0 or self.chance.random() < 0.7:  # else soon after its start
            self.await_load(before)
        killer = threading.Timer(0.1 + self.chance.random() * 1.3, self.serving.process.kill)
        killer.start()
        try:
            time.sleep(self.chance.random())
            if self.chance.random() < 0.5:
                self.act()
        except (OSError, http.client.HTTPException):
            pass  # it was killed meanwhile
        self.serving.process.wait()
        self.serving.process.stdout.close()
        killer.join()
        self.answers_by_kill.append(len(self.client.delivered) - before)

    def live(self, kills):
        for _ in range(kills):
            self.kill_under_load()
            if self.chance.random() < 0.25:
                self.kill_while_starting()
            self.restart()
        status = self.client.end()
        self.tap.ok(status == 0 and self.client.sent == len(self.client.delivered), f"the client delivered all of its {self.client.sent}"
                    f" events over {kills} kills", f"exit {status}, {len(self.client.delivered)} are delivered")
        self.tap.ok(max(self.answers_by_kill) > 100, f"events delivered before each kill: {self.answers_by_kill}")
        self.acknowledged, self.first = self.client.delivered, self.client.sent or 0
        self.sent = set(range(self.first))
        self.serving.end(signal.SIGKILL)
        shutil.copytree(self.serving.data, f"{self.folder}/copy")  # whoever reads with SQLite tidies up after the crash
        self.check(f"{self.folder}/copy", "killed")
        self.restart()
        if self.states == {"paused"}:
            self.act()
        self.tap.equal("SIGTERM ends it in between", self.serving.end(), 0)
        self.finish()


def main(binary, folder):
    tap = Tap()
    wrong = clients.install(clients.pathlib.Path(folder).resolve())
    if not tap.ok(not wrong, "the client is installed", wrong):
        return tap.done()
    rounds, seed = int(os.environ.get("CRASH_ROUNDS", "100")), int(os.environ.get("CRASH_SEED", "1"))
    chance = random.Random(seed)
    for done in range(0, rounds, ROUNDS_OF_ONE_MAX):
        with tempfile.TemporaryDirectory(prefix="sojourn-client-kill-") as data:
            shop = Shop(tap, binary, data, chance, os.path.abspath(folder))
            try:
                shop.live(min(ROUNDS_OF_ONE_MAX, rounds - done))
            finally:
                shop.client.kill()
                shop.serving.abandon()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
