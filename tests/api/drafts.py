"""Journeys as entities: ids, drafts, two editors, publishing a draft. Cases of api_test.py."""
import pathlib
import threading

SOUND = {"name": "Drafted", "entry": {"rules": [{"event": "Drafted Event"}]}, "exits": [{"event": "Out"}], "timeout": "9d",
         "nodes": {"hold": {"type": "wait", "for": "1d", "next": "end"}, "end": {"type": "stop"}}, "start": "hold"}
HALF = {"name": "Drafted", "labels": ["mail", 7, "Shop"], "description": "half done", "nodes": {"x": {"type": "rocket"}}}
FUZZ = pathlib.Path(__file__).resolve().parent.parent / "fuzz" / "corpus"


def path_of(answer):
    return answer.body.get("id") or answer.body["journey"]


def create_and_save(tap, server):
    answer = server.create(HALF, "create-1")
    journey = path_of(answer)
    tap.equal("an incomplete document becomes a draft", (answer.status, answer.body["revision"], answer.headers["ETag"]), (201, 1, '"1"'))
    tap.equal("it is where Location says", answer.headers["Location"], "/v1/journeys/" + journey)
    tap.ok(answer.body["errors"] >= 1 and len(answer.body["findings"]) >= answer.body["errors"], "its findings are told", answer)
    again = server.create(HALF, "create-1")
    tap.equal("a retry is answered the same again", (again.status, again.body, again.headers["Location"]),
              (201, answer.body, answer.headers["Location"]))
    tap.equal("another document under its key is refused", server.create({**HALF, "name": "Else"}, "create-1").status, 409)
    tap.equal("a second journey of the name is refused, and the first is named",
              (server.create(HALF).status, journey in server.create(HALF).body["detail"]), (409, True))
    shown = server.get("journeys", journey)
    tap.equal("by its id it is shown as a draft",
              (shown.body["state"], shown.body["version"], shown.body["published"], shown.body["draft"]["revision"], shown.body["definition"]),
              ("draft", None, None, 1, HALF))
    tap.equal("by its name too, with what of its head is sound",
              (server.get("journeys", "Drafted").body["id"], shown.body["labels"], shown.body["description"]),
              (journey, ["mail", "Shop"], "half done"))
    tap.equal("who made it is the token's name", shown.body["created_by"], server.said["name"])
    draft = server.draft("GET", journey)
    tap.equal("a draft is given back as it was sent", (draft.status, draft.body["definition"], draft.headers["ETag"]), (200, HALF, '"1"'))
    tap.equal("who has it already is told so", server.draft("GET", journey, if_none_match='"1"').status, 304)
    saved = server.draft("PUT", journey, SOUND, "save-1", if_match='"1"')
    tap.equal("a save on what is there is the next revision", (saved.status, saved.body["revision"], saved.body["errors"], saved.headers["ETag"]),
              (200, 2, 0, '"2"'))
    tap.equal("its retry is answered the same again", server.draft("PUT", journey, SOUND, "save-1", if_match='"1"').body, saved.body)
    tap.equal("its key is not good for another document", server.draft("PUT", journey, HALF, "save-1", if_match='"1"').status, 409)
    tap.equal("nor for another operation", (server.create(SOUND, "save-1").status, server.draft("DELETE", journey, key="save-1").status), (409, 409))
    tap.equal("who has an older one gets the new one", server.draft("GET", journey, if_none_match='"1"').status, 200)
    return journey


def conflicts(tap, server, journey):
    mine = {**SOUND, "description": "mine"}
    tap.equal("a save that has seen nothing is refused", server.draft("PUT", journey, mine).status, 428)
    stale = server.draft("PUT", journey, mine, if_match='"1"')
    tap.equal("a stale save is refused with both sides",
              (stale.status, stale.body["revision"], stale.body["yours"], stale.body["theirs"], stale.body["saved_by"], stale.headers["ETag"]),
              (409, 2, mine, SOUND, server.said["name"], '"2"'))
    tap.equal("and has changed nothing", server.draft("GET", journey).body["definition"], SOUND)
    tap.equal("who wants to begin a draft learns that there is one", server.draft("PUT", journey, mine, if_none_match="*").status, 412)
    tap.equal("a stale discard is refused", server.draft("DELETE", journey, if_match='"1"').status, 412)
    won = []

    def editor(number):
        answer = server.draft("PUT", journey, {**SOUND, "description": f"editor {number}"}, if_match='"2"')
        won.append((answer.status, number))
    threads = [threading.Thread(target=editor, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [number for status, number in won if status == 200]
    tap.equal("of six editors at once one wins", (len(winners), sorted(status for status, _ in won)), (1, [200] + [409] * 5))
    tap.equal("and it is that one's that is there", server.draft("GET", journey).body["definition"]["description"], f"editor {winners[0]}")
    tap.equal("whoever insists may save on whatever is there", server.draft("PUT", journey, SOUND, if_match="*").body["revision"], 4)


def names(tap, server):
    odd = ["a/b?c#d%20", "j1x", "Ünï ☂ \"quoted\" \\ back", "  spaced  ", "check", "tab\tand\nline", "x" * 120]
    for name in odd:
        answer = server.create({"name": name})
        found = server.get("journeys", name)
        tap.equal(f"a journey may be named {name[:20]!r}", (answer.status, found.status, found.body.get("id")), (201, 200, answer.body.get("journey")))
        tap.equal(f"and discarded by it: {name[:20]!r}", server.draft("DELETE", name).body, {"journey": answer.body["journey"], "revision": 1, "gone": True})
    for title, document, place in (
            ("no object", [], ""), ("no name", {}, "/name"), ("an empty name", {"name": " "}, "/name"), ("a number for a name", {"name": 7}, "/name"),
            ("too long a name", {"name": "x" * 121}, "/name"), ("an id for a name", {"name": "j1"}, "/name"),
            ("an id with zeros for a name", {"name": "j007"}, "/name")):
        answer = server.create(document)
        tap.equal(f"{title} makes no journey", (answer.status, answer.body.get("pointer", "")), (400, place))
    tap.equal("nor is one published that is named like an id", server.publish({**SOUND, "name": "j12"}).status, 400)
    tap.equal("a publish parameter is true or false", server.ask("POST", "/v1/journeys?publish=yes", SOUND, "admin").status, 400)


def hostile(tap, server):
    """Whatever the JSON parser's fuzzer has found worth keeping is stored and given back, or refused."""
    deep = "[" * 62 + "]" * 62
    answer = server.create('{"name":"Deep","nodes":' + deep + "}")
    tap.equal("as deep as a stored document may be", (answer.status, server.draft("GET", "Deep").status), (201, 200))
    tap.equal("one level more is refused", server.create('{"name":"Deeper","nodes":[' + deep + "]}").status, 400)
    server.draft("DELETE", "Deep")
    wide = {"name": "Wide", "description": "d" * 500, "labels": ["l"] * 5000, "nodes": {f"n{i}": {"type": "stop"} for i in range(15000)}}
    answer = server.create(wide)
    tap.equal("a document near the limit", (answer.status, server.draft("GET", "Wide").body["definition"] == wide), (201, True))
    server.draft("DELETE", "Wide")
    tap.equal("one beyond it is too large", server.create({"name": "Huge", "text": "x" * (512 * 1024)}).status, 413)
    wrong = []
    for file in sorted((FUZZ / "document").iterdir()) + sorted((FUZZ / "definition").iterdir()):
        text = file.read_bytes()
        for body in (text, b'{"name":"Fuzz","x":' + text + b"}"):
            answer = server.create(body)
            if answer.status == 201:
                back = server.draft("GET", answer.body["journey"])
                gone = server.draft("DELETE", answer.body["journey"])
                if (back.status, gone.status) != (200, 200):
                    wrong.append((file.name, back, gone))
            elif answer.status not in (400, 409):
                wrong.append((file.name, answer))
    tap.equal("whatever the fuzzer has found is kept or refused", wrong, [])


def check(tap, server, journey):
    tap.equal("a draft is checked where it is", server.ask("POST", f"/v1/journeys/{journey}/check", key="admin").body["errors"], 0)
    tap.equal("a version that is not there is not found", server.ask("POST", f"/v1/journeys/{journey}/check?version=1", key="admin").status, 404)
    tap.equal("a version is a number", server.ask("POST", f"/v1/journeys/{journey}/check?version=x", key="admin").status, 400)


def publish(tap, server, journey):
    for title, body in (("pause", {"action": "pause"}), ("stop", {"action": "stop", "confirm": "Drafted"})):
        answer = server.act(journey, body)
        tap.ok(answer.status == 409 and "publish" in answer.body["detail"], f"a draft takes no {title}", answer)
    tap.equal("a draft has no statistics", server.get("journeys", journey, "statistics").status, 404)
    for title, revision in (("an older revision", 1), ("a future one", 99)):
        answer = server.act(journey, {"action": "publish", "revision": revision})
        tap.equal(f"{title} is not published", (answer.status, answer.body["pointer"]), (409, "/revision"))
    for revision in (0, "4", 1.5, None):
        tap.equal(f"{revision!r} is no revision", server.act(journey, {"action": "publish", "revision": revision}).status, 400)
    server.draft("PUT", journey, HALF, if_match='"4"')
    answer = server.act(journey, {"action": "publish"})
    tap.ok(answer.status == 422 and answer.body["findings"], "an incomplete draft is not published", answer)
    server.draft("PUT", journey, SOUND, if_match='"5"')
    before = server.get("journeys", journey)
    answer = server.act(journey, {"action": "publish", "revision": 6}, "publish-draft")
    tap.equal("a draft that is published runs", (answer.status, answer.body["state"], answer.body["version"], answer.body["draft"]),
              (200, "running", 1, None))
    again = server.act(journey, {"action": "publish", "revision": 6}, "publish-draft")
    tap.equal("its retry is answered the same again", (again.status, again.body), (200, answer.body))
    tap.equal("its key is good for nothing else", server.act(journey, {"action": "pause"}, "publish-draft").status, 409)
    tap.equal("nor is a save's key good for a publish", server.act(journey, {"action": "publish"}, "save-1").status, 409)
    tap.equal("the journey's ETag has moved", server.ask("GET", f"/v1/journeys/{journey}", key="admin", headers={"If-None-Match": before.headers["ETag"]}).status, 200)
    now = server.get("journeys", journey)
    tap.equal("and stays while nothing changes", server.ask("GET", f"/v1/journeys/{journey}", key="admin", headers={"If-None-Match": now.headers["ETag"]}).status, 304)
    tap.equal("it keeps who made it, and has who published it", (now.body["created"], now.body["published_by"], now.body["definition"]),
              (before.body["created"], server.said["name"], SOUND))
    tap.equal("the draft has become the version", (server.draft("GET", journey).status, server.act(journey, {"action": "publish"}).status), (404, 409))
    tap.equal("what was a draft is checked as a version", server.ask("POST", f"/v1/journeys/{journey}/check?version=1", key="admin").body["errors"], 0)
    tap.equal("there is no draft to check", server.ask("POST", f"/v1/journeys/{journey}/check", key="admin").status, 404)
    server.send("track", {"userId": "drafter", "event": "Drafted Event"})
    tap.equal("it lets contacts in", server.get("journeys", journey, "statistics").body["entered"], 1)


def second_draft(tap, server, journey):
    gone = server.draft("PUT", journey, SOUND, if_match='"6"')
    tap.equal("a save on a draft that was published says that it is gone", (gone.status, gone.body["revision"], gone.body["theirs"]), (409, None, None))
    answer = server.draft("PUT", journey, {**SOUND, "description": "second"})
    tap.equal("a published journey takes a draft, whose revisions go on", (answer.status, answer.body["revision"]), (200, 7))
    tap.equal("under its own name", server.draft("PUT", journey, {**SOUND, "name": "Renamed"}, if_match='"7"').status, 422)
    answer = server.act(journey, {"action": "publish"})
    tap.ok(answer.status == 409 and "later release" in answer.body["detail"], "a second version comes later", answer)
    shown = server.get("journeys", journey)
    tap.equal("the version runs on beside the draft", (shown.body["state"], shown.body["draft"]["revision"], shown.body["definition"]), ("running", 7, SOUND))
    first = server.draft("DELETE", journey, key="discard-1", if_match='"7"')
    tap.equal("discarding the draft leaves the journey", (first.status, first.body), (200, {"journey": journey, "revision": 7, "gone": False}))
    tap.equal("a retry is answered the same again", server.draft("DELETE", journey, key="discard-1", if_match='"7"').body, first.body)
    tap.equal("there is nothing more to discard", server.draft("DELETE", journey).status, 404)
    tap.equal("a new draft does not count from one again", server.draft("PUT", journey, SOUND).body["revision"], 8)


def discard(tap, server):
    journey = path_of(server.create({"name": "Short-lived"}))
    first = server.draft("DELETE", journey, key="discard-2")
    tap.equal("a journey that was never published goes with its draft", (first.body["gone"], server.get("journeys", journey).status), (True, 404))
    tap.equal("a retry is answered the same again, by id and by name",
              (server.draft("DELETE", journey, key="discard-2").body, server.draft("DELETE", "Short-lived", key="discard-2").body), (first.body, first.body))
    created = server.create({"name": "Short-lived"})
    tap.ok(created.status == 201 and created.body["journey"] != journey, "its name is free again, its id is not", created)
    server.draft("DELETE", "Short-lived")


def lists(tap, server):
    def listed(**query):
        return [journey["name"] for journey in server.get("journeys", **query).body["journeys"]]
    whole = listed()
    tap.ok("Drafted" in whole and "Wait / see" in whole, "the list has drafts and versions", whole)
    server.create({"name": "Only a draft", "labels": ["Sommer"], "description": "Ümlaut 50%"})
    for state in ("draft", "running", "stopped"):
        page = server.get("journeys", state=state).body["journeys"]
        tap.equal(f"those that are {state}, and no others", [journey["name"] for journey in page],
                  [journey["name"] for journey in server.get("journeys").body["journeys"] if journey["state"] == state])
    tap.ok("Only a draft" in listed(state="draft") and "Wait / see" in listed(state="stopped"), "each in its own")
    tap.equal("active is running", listed(state="active"), listed(state="running"))
    tap.equal("by a part of the name in either case", (listed(q="DRAFT"), listed(q="draft", state="running")), (["Drafted", "Only a draft"], ["Drafted"]))
    tap.equal("by label and by description", (listed(q="sommer"), listed(q="50%"), listed(q="nowhere")), (["Only a draft"], ["Only a draft"], []))
    tap.equal("a state that is none is refused", server.get("journeys", state="archived").status, 400)
    paged, cursor = [], {}
    while cursor is not None:
        page = server.get("journeys", limit=1, q="draft", **cursor).body
        paged += [journey["name"] for journey in page["journeys"]]
        cursor = {"cursor": page["next"]} if page["next"] else None
    tap.equal("pages are the whole of it", paged, listed(q="draft"))
    for cursor in ("0", "x", "-1", "99999999999"):
        tap.equal(f"the cursor {cursor!r} is refused", server.get("journeys", cursor=cursor).status, 400)
    answer = server.get("journeys", "Draftet")
    tap.ok(answer.status == 404 and "Drafted" in answer.body["detail"], "a name that is nearly one is told", answer)
    tap.equal("an id that nobody has is not found", (server.get("journeys", "j999").status, server.get("journeys", "j0").status), (404, 404))


def run(tap, server):
    """The journey's id, for after the restart."""
    journey = create_and_save(tap, server)
    conflicts(tap, server, journey)
    names(tap, server)
    hostile(tap, server)
    check(tap, server, journey)
    publish(tap, server, journey)
    second_draft(tap, server, journey)
    discard(tap, server)
    lists(tap, server)
    return journey, server.get("journeys").body, server.draft("GET", journey).body


def after_restart(tap, server, journey, listed, draft):
    tap.equal("after kill -9 journeys are as they were: ids, drafts, who and when", server.get("journeys").body, listed)
    tap.equal("so is a draft's document", server.draft("GET", journey).body, draft)
    tap.equal("a save's key is still known", server.draft("PUT", journey, SOUND, "save-1").body["revision"], 2)
    tap.equal("a discard's too", server.draft("DELETE", "Short-lived", key="discard-2").body["gone"], True)
    tap.equal("an editor goes on where it was", server.draft("PUT", journey, SOUND, if_match='"8"').body["revision"], 9)
    made = server.create({"name": "After the restart"})
    shown = server.get("journeys", made.body["journey"]).body
    ids = [int(entry["id"][1:]) for entry in listed["journeys"]]
    tap.ok(int(shown["id"][1:]) > max(ids), "ids go on", shown)
    tap.equal("who acts is known by name", (shown["created_by"], shown["created_by"] == listed["journeys"][0]["created_by"]), (server.said["name"], False))
    server.draft("DELETE", "After the restart")
