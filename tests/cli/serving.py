"""The server as an operator runs it: `sojourn serve` on a free port of the loopback, for tests."""
import base64
import http.client
import json
import os
import re
import signal
import subprocess

SECONDS_MAX = 60
LISTENING = re.compile(r"is at http://(\S+):(\d+)/")


class Serving:
    """One data directory; the keys are those of its first start."""

    def __init__(self, binary, data):
        self.binary, self.data, self.keys, self.process, self.port = os.path.abspath(binary), data, {}, None, 0
        self.printed, self.log_name = "", data + ".log"

    def launch(self, *more, environment=None, listen="127.0.0.1:0"):
        """Starts the process and does not wait for anything."""
        with open(self.log_name, "ab") as log:
            self.process = subprocess.Popen([self.binary, "serve", "--data", self.data, "--listen", listen, *more],
                                            stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, **(environment or {})})

    def start(self, *more, **options):
        self.launch(*more, **options)
        self.printed = ""
        for line in self.process.stdout:
            self.printed += line
            listening = LISTENING.search(line)
            if listening:
                self.port = int(listening[2])
                self.keys.update(re.findall(r"(write key|admin token) .*: +(\S+)", self.printed))
                return self
        raise RuntimeError(f"it did not start: {self.printed}{self.log()}")

    def log(self):
        with open(self.log_name, encoding="utf-8", errors="replace") as log:
            return log.read()

    def end(self, how=signal.SIGTERM):
        """Its exit status."""
        self.process.send_signal(how)
        status = self.process.wait(SECONDS_MAX)
        self.process.stdout.close()
        return status

    def abandon(self):
        """Whatever the test has come to: nothing is left running."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS_MAX)

    def headers(self, path):
        if path.startswith(("/v1/journeys", "/v1/contacts", "/v1/destinations", "/v1/imports")):
            return {"Authorization": "Bearer " + self.keys["admin token"]}
        return {"Authorization": "Basic " + base64.b64encode(f"{self.keys['write key']}:".encode()).decode()}

    def ask(self, method, path, body=None):
        """(status, JSON or text)"""
        connection = self.connect()
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, self.headers(path))
            answer = connection.getresponse()
            text = answer.read().decode()
            return answer.status, json.loads(text) if "json" in answer.headers.get("Content-Type", "") else text
        finally:
            connection.close()

    def status(self, data=None):
        run = subprocess.run([self.binary, "status", "--data", data or self.data, "--json"], capture_output=True, text=True,
                             timeout=SECONDS_MAX)
        if run.returncode:
            raise RuntimeError(f"status: exit {run.returncode}: {run.stderr}")
        return json.loads(run.stdout)
