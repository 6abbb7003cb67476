"""Entry by the API: POST /v1/journeys/{journey}/enroll. Each test takes the tap and a server."""
import urllib.parse


def journey(name, rules, **more):
    return {"name": name, "entry": {"rules": rules, **more},
            "nodes": {"hold": {"type": "wait", "for": "1d", "next": "end"}, "end": {"type": "stop"}}, "start": "hold"}


def enroll(server, name, body, key=None, token="admin"):
    return server.ask("POST", f"/v1/journeys/{urllib.parse.quote(name, safe='')}/enroll", body, token,
                      {"Idempotency-Key": key} if key else None)


def outcome(server, name, body, key=None):
    answer = enroll(server, name, body, key)
    return (answer.status, answer.body.get("outcome"))


def test_enroll(tap, server):
    published = server.publish(journey("Asked / for", [{"api": True}], filter={"not": {"attribute": "asked_no", "eq": True}},
                                       reentry={"allowed": False}))
    tap.equal("a journey with an api entry is published", published.status, 201)
    server.publish(journey("Unasked", [{"event": "Never asked"}]))
    answer = enroll(server, "Asked / for", {"userId": "asked-1", "properties": {"source": {"page": "crm"}}, "messageId": "ask-1"})
    tap.equal("whom the API names enters, and comes to be", (answer.status, answer.body),
              (200, {"outcome": "entered", "journey": "Asked / for", "contact": "asked-1"}))
    tap.equal("it stands in the journey when that is answered",
              [j["node"] for j in server.get("contacts", "asked-1").body["journeys"]], ["hold"])
    tap.equal("a call that is sent again is not judged again",
              outcome(server, "Asked / for", {"userId": "asked-1", "messageId": "ask-1"}), (200, "repeated"))
    tap.equal("another call finds it inside", outcome(server, "Asked / for", {"userId": "asked-1"}), (200, "inside"))
    tap.equal("an Idempotency-Key does what a messageId does",
              [outcome(server, "Asked / for", {"userId": "asked-2"}, "ask-2") for _ in range(2)], [(200, "entered"), (200, "repeated")])
    tap.equal("it belongs to the contact", outcome(server, "Asked / for", {"userId": "asked-3"}, "ask-2"), (200, "entered"))
    server.send("identify", {"userId": "asked-4", "traits": {"asked_no": True}})
    tap.equal("the filter keeps out, and the answer says so", outcome(server, "Asked / for", {"userId": "asked-4"}), (200, "filtered"))
    rows = server.get("contacts", "asked-1", "timeline").body["timeline"]
    tap.equal("the timeline tells the call", [(r["kind"], r.get("journey"), r.get("properties")) for r in rows if r["kind"] == "enroll"],
              [("enroll", "Asked / for", {}), ("enroll", "Asked / for", {"source": {"page": "crm"}})])
    told = server.get("contacts", "asked-1", "trace", journey="Asked / for").body["journeys"][0]
    tap.equal("and the trace names it as the cause", told["facts"][0]["cause"], {"kind": "api", "properties": {"source": {"page": "crm"}}})
    told = server.get("contacts", "asked-4", "trace", journey="Asked / for").body["journeys"][0]
    tap.equal("or why it let nobody in", [m["reason"] for m in told["missed"]], ["the filter did not hold"])
    server.act("Asked / for", {"action": "pause", "hold": "entries"})
    tap.equal("a closed entry is told", outcome(server, "Asked / for", {"userId": "asked-5"}), (200, "closed"))
    server.act("Asked / for", {"action": "resume"})


def test_refused(tap, server):
    answer = enroll(server, "Unasked", {"userId": "asked-1"})
    tap.ok(answer.status == 409 and "no entry by the API" in answer.body["detail"], "a journey without an api entry refuses", answer)
    tap.equal("and the contact is not made for it", enroll(server, "Unasked", {"userId": "asked-none"}).status, 409)
    tap.equal("it is not there", server.get("contacts", "asked-none").status, 404)
    tap.equal("a journey that is not there", enroll(server, "Nope", {"userId": "asked-1"}).status, 404)
    tap.equal("a write key lets nobody in", enroll(server, "Asked / for", {"userId": "asked-1"}, token="write").status, 401)
    for title, body, place in (("no userId", {}, "/userId"), ("an empty userId", {"userId": ""}, "/userId"),
                               ("a userId that is a number", {"userId": 7}, "/userId"),
                               ("properties that are a list", {"userId": "a", "properties": []}, "/properties"),
                               ("a messageId that is none", {"userId": "a", "messageId": {}}, "/messageId"),
                               ("a member that there is none of", {"userId": "a", "event": "x"}, None),
                               ("a list", [], None), ("no JSON", "{", None)):
        answer = enroll(server, "Asked / for", body)
        tap.equal(f"{title} is refused", (answer.status, answer.body.get("pointer")), (400, place))
    tap.equal("a key is visible text", enroll(server, "Asked / for", {"userId": "a"}, "a b").status, 400)
    tap.equal("none of them made a contact", server.get("contacts", "a").status, 404)


def test_restart(tap, server):
    tap.equal("after kill -9 a call that is sent again is known", outcome(server, "Asked / for", {"userId": "asked-1", "messageId": "ask-1"}), (200, "repeated"))
    tap.equal("so is its Idempotency-Key", outcome(server, "Asked / for", {"userId": "asked-2"}, "ask-2"), (200, "repeated"))
    tap.equal("and who is inside", outcome(server, "Asked / for", {"userId": "asked-3"}), (200, "inside"))


TESTS = (test_enroll, test_refused)
