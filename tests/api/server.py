"""The real service in a folder of its own, and plain requests to it."""
import base64
import contextlib
import http.client
import json
import subprocess
import urllib.parse

SECONDS_MAX = 60


class Answer:
    def __init__(self, response):
        self.status, self.headers = response.status, response.headers
        self.text = response.read().decode()
        kind = self.headers.get("Content-Type") or ""
        json_like = "json" in kind and "ndjson" not in kind
        self.body = json.loads(self.text) if json_like else None

    def __repr__(self):
        return f"{self.status} {self.text[:600]}"


class Server:
    def __init__(self, binary, folder, contract=None):
        self.contract, self.folder = contract, folder
        self.process = subprocess.Popen([binary, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.said = json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        return self.process.wait(SECONDS_MAX)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def ask(self, method, path, body=None, key=None, headers=None):
        """`key`: "write" or "admin" for one of the server's own, anything else as it stands."""
        connection = http.client.HTTPConnection("127.0.0.1", self.said["port"], timeout=SECONDS_MAX)
        sent = dict(headers or {})
        if key == "write":
            sent["Authorization"] = "Basic " + base64.b64encode(f"{self.said['write']}:".encode()).decode()
        elif key == "admin":
            sent["Authorization"] = "Bearer " + self.said["admin"]
        elif key:
            sent["Authorization"] = key
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        with contextlib.closing(connection):
            connection.request(method, path, body, sent)
            answer = Answer(connection.getresponse())
        if self.contract:
            self.contract.hold(method, path, answer)
        return answer

    def send(self, kind, record):
        return self.ask("POST", f"/v1/{kind}", record, "write")

    def batch(self, *records, **more):
        return self.send("batch", {"batch": list(records), **more})

    def get(self, *parts, **query):
        path = "/v1/" + "/".join(urllib.parse.quote(part, safe="") for part in parts)
        return self.ask("GET", path + ("?" + urllib.parse.urlencode(query) if query else ""), key="admin")

    def publish(self, definition, **headers):
        """Created and published in one."""
        return self.ask("POST", "/v1/journeys?publish=true", definition, "admin", headers)

    def create(self, document, key=None):
        return self.ask("POST", "/v1/journeys", document, "admin", {"Idempotency-Key": key} if key else None)

    def draft(self, method, journey, document=None, key=None, **headers):
        """`headers`: if_match="..."."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key:
            sent["Idempotency-Key"] = key
        return self.ask(method, f"/v1/journeys/{urllib.parse.quote(journey, safe='')}/draft", document, "admin", sent)

    def act(self, journey, body, key=None):
        return self.ask("POST", f"/v1/journeys/{urllib.parse.quote(journey, safe='')}/actions", body, "admin",
                        {"Idempotency-Key": key} if key else None)


@contextlib.contextmanager
def served(binary, folder, contract=None):
    server = Server(binary, folder, contract)
    try:
        yield server
    finally:
        server.kill()
