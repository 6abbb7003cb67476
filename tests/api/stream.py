"""GET /v1/stream: what changes, told while it does. Each test takes the tap and a server."""
import contextlib
import http.client
import json
import urllib.parse

SECONDS_MAX = 20


class Shown:
    """An answer without its end, as the contract looks at one."""

    def __init__(self, response):
        self.status, self.headers, self.text, self.body = response.status, response.headers, "", None


class Listener:
    def __init__(self, server, key=None, last=None, **query):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.said["port"], timeout=SECONDS_MAX)
        headers = {"Authorization": key or "Bearer " + server.said["admin"]}
        if last is not None:
            headers["Last-Event-ID"] = str(last)
        path = "/v1/stream" + ("?" + urllib.parse.urlencode(query) if query else "")
        self.connection.request("GET", path, headers=headers)
        self.response, self.id, self.beats = self.connection.getresponse(), None, 0
        if server.contract and self.response.status == 200:
            server.contract.hold("GET", path, Shown(self.response))

    def next(self):
        """The next event as (name, data); None at the end of the stream."""
        name, data = None, None
        while line := self.response.readline().decode():
            line = line.rstrip("\n")
            if line.startswith(": "):
                self.beats += 1
            elif line.startswith("id: "):
                self.id = int(line[4:])
            elif line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                data = json.loads(line[6:])
            elif not line and name:
                return name, data
        return None

    def until(self, kind, **members):
        """The next event of this name with these members."""
        while event := self.next():
            if event[0] == kind and all(event[1][key] == value for key, value in members.items()):
                return event[1]
        return None

    def close(self):
        self.response.close()
        self.connection.close()


@contextlib.contextmanager
def listening(*args, **query):
    listener = Listener(*args, **query)
    try:
        yield listener
    finally:
        listener.close()


def publish(server, name):
    answer = server.publish({"name": name, "entry": {"rules": [{"event": name}]}, "timeout": "30d", "start": "w",
                             "nodes": {"w": {"type": "wait", "for": "1d", "next": "e"}, "e": {"type": "stop"}}})
    return answer.body["id"]


def enter(server, name, *users):
    server.batch(*[{"type": "track", "userId": user, "event": name} for user in users])


def test_states(tap, server):
    with listening(server) as listener:
        number = publish(server, "Told live")
        told = listener.until("journey", name="Told live")
        tap.equal("a publish is told", {key: told[key] for key in ("journey", "version", "action", "state", "hold")},
                  {"journey": number, "version": 1, "action": "publish", "state": "running", "hold": None})
        tap.equal("with who did it", told["by"], server.said["name"])
        first = listener.id
        server.act("Told live", {"action": "pause", "hold": "entries"})
        tap.equal("a pause is told with its hold", listener.until("journey")["hold"], "entries")
        server.act("Told live", {"action": "resume"})
        told = listener.until("journey")
        tap.equal("a resume ends it", (told["state"], told["hold"]), ("running", None))
        tap.ok(listener.id > first, "ids rise", (first, listener.id))
    with listening(server, last=first) as again:
        tap.equal("who comes back is told what it missed, in order", [again.until("journey")["action"] for _ in range(2)],
                  ["pause", "resume"])
        tap.equal("up to the same id", again.id, listener.id)


def test_counters(tap, server):
    number, other = publish(server, "Counted live"), publish(server, "Other live")
    enter(server, "Counted live", "liv", "lea")
    with listening(server, journeys=f"{number},Other live") as listener, listening(server, journeys=other) as only:
        told = listener.until("counters", name="Counted live")
        tap.equal("a new listener is told how things stand", (told["journey"], told["entered"], told["in_journey"]), (number, 2, 2))
        tap.equal("one who chose other journeys is not", only.next()[1]["name"], "Other live")
        enter(server, "Counted live", "lou")
        tap.equal("then what changes", listener.until("counters", entered=3)["in_journey"], 3)
        server.act(number, {"action": "stop", "confirm": "Counted live"})
        tap.equal("a stop is a change of state", listener.until("journey", journey=number)["state"], "stopped")
        tap.equal("and of where contacts are", listener.until("counters", in_journey=0)["left"]["version_stopped"], 3)
        server.act(other, {"action": "pause", "hold": "all"})
        told = only.next()
        tap.equal("of the others it was told nothing", (told[0], told[1]["name"]), ("journey", "Other live"))


def test_heartbeat(tap, server):
    with listening(server, journeys="Counted live") as listener:
        listener.until("counters")
        before = listener.beats
        while listener.beats < before + 2 and listener.response.readline():
            listener.beats += 1
        tap.ok(listener.beats >= before + 2, "comments keep the connection while nothing happens", listener.beats)


def test_refusals(tap, server):
    for title, key, query, last, status in (
            ("a write key", "Basic eDo=", {}, None, 401), ("an unknown journey", None, {"journeys": "nobody"}, None, 404),
            ("an id that no stream gave", None, {}, "x", 400), ("an empty choice", None, {"journeys": ""}, None, 404),
            ("a choice of very many", None, {"journeys": ",".join(["Counted live"] * 51)}, None, 400)):
        with listening(server, key, last, **query) as listener:
            tap.equal(f"{title} is refused", listener.response.status, status)


def test_revoked(tap, server):
    """A token's stream ends with it."""
    made = server.ask("POST", "/v1/keys", {"kind": "admin", "name": "looker"}, "admin").body
    with listening(server, "Bearer " + made["secret"]) as listener:
        listener.until("counters")
        server.ask("DELETE", f"/v1/keys/{made['id']}", key="admin")
        tap.equal("a stream ends when its token is revoked", listener.until("nothing"), None)


def test_many(tap, server):
    with contextlib.ExitStack() as stack:
        crowd = [stack.enter_context(listening(server)) for _ in range(101)]
        tap.equal("100 may listen", {listener.response.status for listener in crowd[:100]}, {200})
        tap.equal("the next is told to come back", (crowd[100].response.status, crowd[100].response.headers["Retry-After"]), (429, "1"))
        name = "Crowd live"
        publish(server, name)
        tap.equal("all are told", sum(listener.until("journey", name=name) is not None for listener in crowd[:100]), 100)
        tap.ok("sojourn_stream_listeners 100\n" in server.ask("GET", "/metrics").text, "and counted")
    while "sojourn_stream_listeners 0\n" not in server.ask("GET", "/metrics").text:
        pass  # those who left are noticed
    with listening(server) as listener:
        tap.equal("who left makes room", listener.response.status, 200)


TESTS = (test_states, test_counters, test_heartbeat, test_refusals, test_revoked, test_many)


def test_stop(tap, binary, folder, served):
    """The stop ends streams; the log tells again after the start."""
    with served(binary, folder) as server:
        with listening(server, last=0) as listener:
            first = listener.until("journey")
            tap.equal("the stop of the server does not wait for listeners", server.stop(), 0)
            tap.equal("and ends their streams", listener.until("nothing"), None)
    with served(binary, folder) as server, listening(server, last=0) as listener:
        tap.equal("after the start a listener is told the same again", listener.until("journey"), first)
