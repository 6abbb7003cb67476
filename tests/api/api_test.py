"""The API of the real service: usage: api_test.py API_SERVER OPENAPI."""
import datetime
import pathlib
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tools"))
import drafts
import enroll
import imports
import keys
import reads
import settings
import stream
from contract import Contract
from destinations import test_destinations
from server import served
from tap import Tap

tap = Tap()
WAIT = {"name": "Wait / see", "description": "holds who ordered", "labels": ["test"],
        "entry": {"rules": [{"event": "Order Completed"}], "reentry": {"allowed": False}},
        "exits": [{"event": "Unsubscribed"}],
        "goals": [{"name": "Bought again", "event": "Second Order"}],
        "timeout": "30d",
        "nodes": {"cool_off": {"type": "wait", "for": "1d", "next": "done"}, "done": {"type": "stop"}},
        "start": "cool_off"}


def track(user, event, **more):
    return {"type": "track", "userId": user, "event": event, **more}


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def near(text, seconds_ago, within=20):
    """Whether an instant lies so many seconds before now."""
    age = (datetime.datetime.now(datetime.timezone.utc) - instant(text)).total_seconds()
    return abs(age - seconds_ago) < within


def ago(seconds):
    then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=seconds)
    return then.isoformat().replace("+00:00", "Z")


def test_keys(server):
    tap.equal("a record without a key is refused", server.ask("POST", "/v1/track", track("a", "x")).status, 401)
    tap.equal("an admin token is no write key", server.ask("POST", "/v1/track", track("a", "x"), "admin").status, 401)
    tap.equal("a write key opens no journeys", server.ask("GET", "/v1/journeys", key="write").status, 401)
    own, near_own = server.said["write"], server.said["write"][:-1] + ("0" if server.said["write"][-1] != "0" else "1")
    for title, path, body, key, status in (
            ("a key in the body of a record", "track", {**track("key", "Keyed"), "writeKey": own}, None, 200),
            ("a key in the body of a batch", "batch", {"batch": [track("key", "Keyed")], "writeKey": own}, None, 200),
            ("a wrong key in the body", "batch", {"batch": [track("key", "Keyed")], "writeKey": near_own}, None, 401),
            ("a key of one of a batch's records", "batch", {"batch": [{**track("key", "Keyed"), "writeKey": own}]}, None, 401),
            ("an admin token in the body", "track", {**track("key", "Keyed"), "writeKey": server.said["admin"]}, None, 401),
            ("a number in its place", "track", {**track("key", "Keyed"), "writeKey": 7}, None, 401),
            ("a body that is no JSON and no key", "track", '{"writeKey": "' + own, None, 401),
            ("a wrong key in the header beside a good one in the body", "track", {**track("key", "Keyed"), "writeKey": own}, "Basic eDo=", 401)):
        answer = server.ask("POST", f"/v1/{path}", body, key)
        tap.ok(answer.status == status and (status == 200 or "Basic" in answer.headers["WWW-Authenticate"]), f"{title}: {status}", answer)
    tap.equal("only those with a good key were taken", server.get("contacts", "key").body["events"][0]["count"], 2)
    wrong = "Bearer " + server.said["admin"][:-1] + ("0" if server.said["admin"][-1] != "0" else "1")
    tap.equal("a token that is off by one digit is nobody's", server.ask("GET", "/v1/journeys", key=wrong).status, 401)
    tap.equal("a write key's hash is no bearer of admin rights",
              server.ask("GET", "/v1/journeys", key="Bearer " + server.said["write"]).status, 401)


def test_ingest(server):
    answer = server.send("identify", {"userId": "ann", "traits": {"plan": "pro", "age": 41, "vip": True, "tags": ["x", "y"]}})
    tap.equal("an identify is taken", (answer.status, answer.body), (200, {"success": True}))
    server.send("track", {"userId": "ann", "event": "Cart Viewed", "properties": {"total": 12.5}})
    server.send("page", {"userId": "ann", "name": "Home", "category": "Shop", "properties": {"url": "/"}})
    server.send("screen", {"anonymousId": "ann", "name": "Start"})
    server.send("identify", {"userId": "ann", "traits": {"vip": None, "age": 42}})
    profile = server.get("contacts", "ann")
    tap.equal("attributes are as the last identify left them", profile.body["attributes"],
              {"plan": "pro", "age": 42, "tags": ["x", "y"]})
    tap.equal("events are counted by name", {e["event"]: e["count"] for e in profile.body["events"]},
              {"Cart Viewed": 1, "Page Viewed": 1, "Screen Viewed": 1})
    rows = server.get("contacts", "ann", "timeline").body["timeline"]
    tap.equal("the timeline is newest first", [r.get("event", r["kind"]) for r in rows],
              ["identify", "Screen Viewed", "Page Viewed", "Cart Viewed", "identify"])
    tap.equal("a page's name and category are properties", rows[2]["properties"], {"url": "/", "name": "Home", "category": "Shop"})
    tap.equal("traits are kept as sent", rows[0]["traits"], {"vip": None, "age": 42})
    tap.ok(near(rows[0]["at"], 0), "a record without timestamp happened when it was received", rows[0])


def test_times(server):
    server.batch(track("tim", "skewed", timestamp="2020-01-01T10:00:00Z", sentAt="2020-01-01T10:05:00Z"),
                 track("tim", "told", timestamp=ago(3600)), track("tim", "future", timestamp=ago(-3600)))
    server.batch(track("tim", "batched", originalTimestamp="2030-06-01T00:00:00.500Z"), sentAt="2030-06-01T00:02:00.500Z")
    rows = {r["event"]: r for r in server.get("contacts", "tim", "timeline").body["timeline"]}
    tap.ok(near(rows["skewed"]["at"], 300), "a client whose clock is years behind is put right by its sentAt", rows["skewed"])
    tap.ok(near(rows["told"]["at"], 3600), "without sentAt the timestamp is believed", rows["told"])
    tap.ok(near(rows["future"]["at"], 0), "nothing happens after it was received", rows["future"])
    tap.ok(near(rows["batched"]["at"], 120), "a batch's sentAt and a record's originalTimestamp are used", rows["batched"])


def test_errors(server):
    answer = server.batch(track("eve", "good"), {"type": "track", "userId": "eve"}, {"type": "alias", "userId": "eve"},
                          track("", "x"), track("eve", "also good"), 7, track("eve", "late", timestamp="yesterday"))
    tap.equal("one bad record does not lose the others", (answer.status, answer.body["success"]), (200, True))
    tap.equal("each is named by its index and place", [(e["index"], e["path"]) for e in answer.body["errors"]],
              [(1, "/event"), (2, "/type"), (3, "/userId"), (5, ""), (6, "/timestamp")])
    tap.equal("the good ones are there", {e["event"] for e in server.get("contacts", "eve").body["events"]}, {"good", "also good"})
    answer = server.batch({"type": "track"}, {"type": "track"})
    tap.equal("400 where none was taken", (answer.status, len(answer.body["errors"]), answer.headers["Content-Type"]),
              (400, 2, "application/problem+json"))
    for title, kind, body, place in (
            ("a body that is no JSON", "track", "{\"userId\":", ""), ("a body that is no object", "track", "[]", ""),
            ("a batch without array", "batch", {"batch": {}}, "/batch"),
            ("a sentAt that is no instant", "batch", {"batch": [], "sentAt": "now"}, "/sentAt")):
        answer = server.send(kind, body)
        tap.equal(title + " is refused", (answer.status, answer.body.get("pointer", "")), (400, place))
    tap.equal("an empty batch is nothing to complain about", server.batch().status, 200)
    answer = server.send("track", {"type": "identify", "userId": "eve", "traits": {}})
    tap.equal("a record at another type's path is refused", (answer.status, answer.body["errors"][0]["path"]), (400, "/type"))
    answer = server.batch(*[{}] * 10001)
    tap.equal("too many records are refused before they are looked at", (answer.status, answer.body["pointer"]), (413, "/batch"))


def test_journey(server):
    answer = server.ask("POST", "/v1/journeys/check", {**WAIT, "entry": {"rules": []}, "timeout": "1x"}, "admin")
    codes = {f["code"] for f in answer.body["findings"]}
    tap.ok(answer.status == 200 and answer.body["errors"] >= 1 and "no_entry_rule" in codes, "a check says what is wrong", answer)
    answer = server.publish({**WAIT, "entry": {"rules": []}})
    tap.ok(answer.status == 422 and answer.body["findings"][0]["pointer"].startswith("/entry"),
           "a journey with errors is not published, and the findings say where", answer)
    tap.equal("a definition that is no JSON names the line", (server.publish("{\n\"name\" 1}").status), 400)
    answer = server.publish(WAIT, **{"Idempotency-Key": "publish-1"})
    tap.equal("a sound one runs at once", (answer.status, answer.body["state"], answer.headers["Location"]),
              (201, "running", "/v1/journeys/j1"))
    tap.equal("its retry is the same answer", server.publish(WAIT, **{"Idempotency-Key": "publish-1"}).status, 201)
    tap.equal("a second journey of the name is refused", server.publish(WAIT).status, 409)
    tap.equal("a key of another action is refused",
              server.publish({**WAIT, "name": "Other"}, **{"Idempotency-Key": "publish-1"}).status, 409)
    shown = server.get("journeys", "Wait / see")
    tap.equal("it is shown with the definition as it was written", (shown.status, shown.body["definition"]), (200, WAIT))
    tap.equal("the list has it", [j["name"] for j in server.get("journeys").body["journeys"]], ["Wait / see"])
    tap.equal("a journey that is not there is 404", server.get("journeys", "Wait").status, 404)


def test_statistics(server):
    people = [f"shopper-{i}" for i in range(40)]
    server.batch(*[track(person, "Order Completed", properties={"total": 5}) for person in people])
    server.batch(*[track(person, "Unsubscribed") for person in people[:7]])
    server.batch(*[track(person, "Second Order") for person in people[7:10]])
    figures = server.get("journeys", "Wait / see", "statistics").body
    tap.equal("the figures add up over the partitions",
              (figures["qualified"], figures["entered"], figures["in_journey"], figures["left"]["exit_rule"],
               figures["left"]["goal"], figures["goals"], figures["nodes"]["cool_off"]["waiting"]),
              (40, 40, 30, 7, 3, {"Bought again": 3}, 30))
    inside = server.get("contacts", "shopper-20").body["journeys"]
    tap.equal("a profile says where the contact is inside", [(j["journey"], j["node"], j["before"]) for j in inside],
              [("Wait / see", "cool_off", False)])
    span = instant(inside[0]["due"]) - instant(inside[0]["entered"])
    tap.equal("and until when", span, datetime.timedelta(days=1))
    rows = server.get("contacts", "shopper-3", "timeline").body["timeline"]
    tap.equal("a timeline has events and what journeys made of them",
              [(r["kind"], r.get("event") or r.get("left") or r["enters"]) for r in rows],
              [("journey", "exit_rule"), ("track", "Unsubscribed"), ("journey", True), ("track", "Order Completed")])


def test_pages(server):
    server.batch(*[track("pat", f"Event {i}") for i in range(25)])
    seen, cursor, pages = [], {}, 0
    while cursor is not None and pages < 9:
        page = server.get("contacts", "pat", "timeline", limit=10, **cursor).body
        seen += [r["event"] for r in page["timeline"]]
        cursor = {"cursor": page["next"]} if page["next"] else None
        pages += 1
    tap.equal("pages of a timeline are the whole of it", (pages, seen), (3, [f"Event {i}" for i in reversed(range(25))]))
    first = server.get("contacts", "pat", "timeline", limit=1).body["next"]
    for title, cursor in (("another contact's", server.get("contacts", "shopper-3", "timeline", limit=1).body["next"]),
                          ("a future", str(2 ** 60)), ("a negative", "-1"), ("a worded", "x" + first)):
        tap.equal(f"{title} cursor is refused", server.get("contacts", "pat", "timeline", cursor=cursor).status, 400)
    for limit in ("0", "101", "x", ""):
        tap.equal(f"the limit {limit!r} is refused", server.get("contacts", "pat", "timeline", limit=limit).status, 400)
    tap.equal("nobody has no profile", server.get("contacts", "nobody").status, 404)
    tap.equal("nor a timeline", server.get("contacts", "nobody", "timeline").status, 404)


def test_actions(server):
    journey = "Wait / see"
    for title, body, place in (("an unknown action", {"action": "halt"}, "/action"), ("no action", {}, "/action"),
                               ("a member of another action", {"action": "resume", "hold": "all"}, None),
                               ("a body that is a list", [], None),
                               ("a hold that there is none of", {"action": "pause", "hold": "none"}, "/hold"),
                               ("a stop of another name", {"action": "stop", "confirm": "Wait"}, "/confirm")):
        answer = server.act(journey, body)
        tap.equal(f"{title} is refused", (answer.status, answer.body.get("pointer")), (400, place))
    tap.equal("a resume of what runs is refused", server.act(journey, {"action": "resume"}).status, 409)
    answer = server.act(journey, {"action": "pause", "hold": "all"}, "pause-1")
    tap.equal("a pause holds", (answer.status, answer.body["state"], answer.body["hold"]), (200, "paused", "all"))
    server.send("track", track("held-back", "Order Completed"))
    tap.equal("nobody enters while it holds", server.get("contacts", "held-back").body["journeys"], [])
    answer = server.act(journey, {"action": "pause", "hold": "all"})
    tap.ok(answer.status == 409 and "allowed is pause with hold entries, resume, stop" in answer.body["detail"],
           "the hold that there is already is refused with what is allowed", str(answer.body))
    tap.equal("a key belongs to one hold", server.act(journey, {"action": "pause", "hold": "entries"}, "pause-1").status, 409)
    answer = server.act(journey, {"action": "pause", "hold": "entries"})
    tap.equal("from one hold to the other", (answer.status, answer.body["state"], answer.body["hold"]), (200, "paused", "entries"))
    tap.equal("a journey shows its hold", server.get("journeys", journey).body["hold"], "entries")
    server.send("track", track("held-back", "Order Completed"))
    tap.equal("nobody enters while the entry is closed", server.get("contacts", "held-back").body["journeys"], [])
    answer = server.act(journey, {"action": "resume", "policy": "continue"}, "resume-1")
    tap.equal("a resume lets go on", (answer.status, answer.body["state"]), (200, "running"))
    tap.equal("a pause that is sent again does not pause again", server.act(journey, {"action": "pause", "hold": "all"}, "pause-1").body["state"], "running")
    tap.equal("a key belongs to one action", server.act(journey, {"action": "stop"}, "pause-1").status, 409)
    tap.equal("a key is visible text", server.act(journey, {"action": "pause"}, "a b").status, 400)
    answer = server.act(journey, {"action": "stop", "confirm": journey})
    tap.equal("a stop stops", (answer.status, answer.body["state"]), (200, "stopped"))
    left = server.get("journeys", journey, "statistics").body
    tap.equal("and puts everybody out", (left["in_journey"], left["left"]["version_stopped"]), (0, 30))
    tap.equal("there is no way back", server.act(journey, {"action": "resume"}).status, 409)
    tap.equal("a journey that is not there takes no action", server.act("Nope", {"action": "pause"}).status, 404)


def test_crowd(server):
    """Many clients at once, new names among their records: every record is there once."""
    wrong = []

    def client(number):
        for turn in range(20):
            records = [track(f"crowd-{number}-{i}", f"Crowd {turn % 5}", properties={"n": i}) for i in range(10)]
            records.append({"type": "identify", "userId": f"crowd-{number}-0", "traits": {f"trait_{number}": turn}})
            answer = server.batch(*records)
            if answer.status != 200 or "errors" in answer.body:
                wrong.append(answer)
    threads = [threading.Thread(target=client, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tap.ok(not wrong, "eight clients at once are all answered", wrong[:1])
    counts = [sum(e["count"] for e in server.get("contacts", f"crowd-{n}-{i}").body["events"]) for n in range(8) for i in range(10)]
    tap.equal("each record is there once", counts, [20] * 80)
    tap.equal("each attribute is its client's last", [server.get("contacts", f"crowd-{n}-0").body["attributes"] for n in range(8)],
              [{f"trait_{n}": 19} for n in range(8)])


def test_room(server):
    """The test server has room for 1 MB of records: a request beyond is refused whole, and told when to come back."""
    record = track("big", "Big", properties={"text": "x" * 900})
    answer = server.batch(*[record] * 500)
    tap.equal("a request beyond the room is refused whole", (answer.status, answer.headers.get("Retry-After")), (429, "1"))
    tap.equal("nothing of it was taken", server.get("contacts", "big").status, 404)
    tap.equal("room that was taken is given back", server.batch(*[record] * 100).status, 200)
    metrics = server.ask("GET", "/metrics").text
    tap.ok("sojourn_ingest_room_used_bytes 0" in metrics, "all of it", metrics)


def test_one_request(server):
    """Records without a time of their own happen when they are judged: none of a request lies before the entry
    that the first of it made."""
    server.publish({"name": "At once", "entry": {"rules": [{"event": "Begun"}]}, "goals": [{"name": "Done", "event": "Done"}],
                    "nodes": {"hold": {"type": "wait", "for": "1d", "next": "end"}, "end": {"type": "stop"}}, "start": "hold"})
    for i in range(200):
        server.batch({"type": "identify", "userId": f"once-{i}", "traits": {"n": i}}, track(f"once-{i}", "Begun"), track(f"once-{i}", "Done"))
    figures = server.get("journeys", "At once", "statistics").body
    tap.equal("an order in the request of its cart is behind the entry", (figures["entered"], figures["left"]["goal"]), (200, 200))


def test_repeated(server):
    records = [track("ivy", "Once", messageId=f"m{i}") for i in range(20)] + [track("joe", "Once", messageId="m1"), track("ivy", "Always")]
    identify = {"type": "identify", "userId": "ivy", "traits": {"plan": "free"}, "messageId": "i1"}
    answers = [server.batch(*records, identify, *records).status, server.batch(*records).status]
    server.batch({"type": "identify", "userId": "ivy", "traits": {"plan": "pro"}})
    answers.append(server.send("identify", identify).status)
    tap.equal("what is sent again is answered as taken", answers, [200] * 3)
    ivy = server.get("contacts", "ivy").body
    tap.equal("and counts once by its messageId", {e["event"]: e["count"] for e in ivy["events"]}, {"Once": 20, "Always": 3})
    tap.equal("it undoes nothing that came between", ivy["attributes"], {"plan": "pro"})
    tap.equal("another contact's messageId is another", server.get("contacts", "joe").body["events"][0]["count"], 1)
    metrics = server.ask("GET", "/metrics").text
    tap.ok("sojourn_dedupe_ids 22\n" in metrics and "sojourn_dedupe_window_seconds 86400\n" in metrics, "metrics count the ids", metrics)


def test_health(server):
    tap.equal("it lives and is ready", [server.ask("GET", path).status for path in ("/healthz", "/readyz", "/metrics")], [200] * 3)


def test_restart(binary, folder, drafted):
    with served(binary, folder) as server:
        drafts.after_restart(tap, server, *drafted)
        tap.equal("after kill -9 acknowledged records are there", [server.get("contacts", "pat").body["events"][i]["count"] for i in range(25)], [1] * 25)
        tap.equal("so are attributes", server.get("contacts", "ann").body["attributes"], {"plan": "pro", "age": 42, "tags": ["x", "y"]})
        tap.equal("so is the journey's end", server.get("journeys", "Wait / see").body["state"], "stopped")
        tap.equal("so is what was counted", server.get("journeys", "Wait / see", "statistics").body["qualified"], 40)
        tap.equal("so are destinations", [d["name"] for d in server.get("destinations").body["destinations"]], ["kept"])
        tap.equal("an Idempotency-Key is remembered", server.act("Wait / see", {"action": "pause", "hold": "all"}, "pause-1").status, 200)
        answer = server.batch(*[track("ivy", "Once", messageId=f"m{i}") for i in range(25)])
        once = next(e["count"] for e in server.get("contacts", "ivy").body["events"] if e["event"] == "Once")
        tap.equal("so are message ids: only new ones count", (answer.status, once), (200, 25))
        enroll.test_restart(tap, server)
        tap.equal("it stops in order", server.stop(), 0)


def test_keys_survive(binary, folder):
    """A key is good for as long as the directory is."""
    with served(binary, folder) as server:
        said = server.said
        server.stop()
    with served(binary, folder) as server:
        server.said = {**said, "port": server.said["port"]}
        tap.equal("keys of an earlier start are still good",
                  (server.get("journeys").status, server.send("track", track("ann", "Cart Viewed")).status), (200, 200))


def main(binary, document):
    contract = Contract(document)
    with tempfile.TemporaryDirectory() as folder:
        with served(binary, folder, contract) as server:
            for test in (test_keys, test_ingest, test_times, test_errors, test_journey, test_statistics, test_pages,
                         test_actions, test_crowd, test_room, test_one_request, test_repeated, test_health):
                test(server)
            test_destinations(tap, server)
            for test in (*enroll.TESTS, *reads.TESTS, *imports.TESTS, *keys.TESTS, *stream.TESTS, *settings.TESTS):
                test(tap, server)
            drafted = drafts.run(tap, server)
        test_restart(binary, folder, drafted)
        test_keys_survive(binary, folder)
        keys.test_restart(tap, binary, folder, served)
        stream.test_stop(tap, binary, folder, served)
        settings.test_restart(tap, binary, folder, served)
    tap.ok(not contract.breaches, "every answer was as api/openapi.yaml says", "\n".join(contract.breaches[:20]))
    succeeded = {(method, template) for method, template, status in contract.seen if status < 300}
    tap.equal("every operation of the document was asked and answered", sorted(set(contract.operations) - succeeded), [])
    return tap.done()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
