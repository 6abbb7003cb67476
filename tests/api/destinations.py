"""Destinations by the API: defined, shown, changed, removed; activations that wait for them."""
import json
import os
import time

SECONDS_MAX = 60
GREET = {"name": "Greet / all", "entry": {"rules": [{"event": "Greeted"}]}, "start": "tell",
         "nodes": {"tell": {"type": "activate", "destinations": ["crm / one"], "next": "end"}, "end": {"type": "stop"}}}


def until(tap, title, look, wanted):
    """Looks again and again until it is as wanted."""
    end = time.monotonic() + SECONDS_MAX
    seen = look()
    while seen != wanted and time.monotonic() < end:
        seen = look()
    tap.equal(title, seen, wanted)


def path(name="crm / one"):
    return "/v1/destinations/" + name.replace("/", "%2F").replace(" ", "%20")


def define(server, body, name="crm / one", **headers):
    return server.ask("PUT", path(name), body, "admin", {key.replace("_", "-"): value for key, value in headers.items()})


def remove(server, name="crm / one", query="", **headers):
    return server.ask("DELETE", path(name) + query, None, "admin", {key.replace("_", "-"): value for key, value in headers.items()})


def shown(server, *members):
    answer = server.ask("GET", path(), key="admin")
    return [answer.body.get(member) for member in members] if answer.body else answer


def lines(server, name):
    with open(os.path.join(server.folder, name), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def refusals(tap, server):
    for title, body, status, pointer in (
            ("a path out of the folder", {"kind": "file", "path": "../crm"}, 400, "/path"),
            ("a path elsewhere", {"kind": "file", "path": "/etc/crm"}, 403, "/path"),
            ("no path", {"kind": "file"}, 400, "/path"),
            ("a kind that there is not", {"kind": "pigeon", "path": "a"}, 400, "/kind"),
            ("another name than the path's", {"kind": "file", "path": "a", "name": "mailer"}, 400, "/name"),
            ("a member that is unknown", {"kind": "file", "path": "a", "pth": "b"}, 400, "/pth"),
            ("an array", [], 400, None)):
        answer = define(server, body)
        tap.equal(f"{title} is refused", (answer.status, answer.body.get("pointer")), (status, pointer))
    tap.equal("a name over the limit is refused", define(server, {"kind": "file", "path": "a"}, "x" * 121).status, 413)
    tap.equal("nothing was defined by that", server.get("destinations").body["destinations"], [])
    tap.equal("what is not there is not found", (server.ask("GET", path(), key="admin").status, remove(server).status), (404, 404))


def waiting(tap, server):
    published = server.publish(GREET)
    tap.equal("a journey may name it before it is there, and is told so",
              [(f["severity"], f["node"], f["pointer"]) for f in published.body["findings"] if f["code"] == "unknown_destination"],
              [("warning", "tell", "/nodes/tell/destinations/0")])
    server.batch({"type": "identify", "userId": "greta", "traits": {"plan": "pro"}}, {"type": "track", "userId": "greta", "event": "Greeted"})
    until(tap, "an activation waits for a destination that is not defined",
          lambda: [(d["name"], d["effects"]["undefined"]) for d in server.get("destinations").body["undefined"]], [("crm / one", 1)])
    answer = define(server, {"kind": "file", "path": "crm.out"}, If_Match="*")
    tap.equal("If-Match defines nothing new", (answer.status, answer.body["place"]), (412, "If-Match"))
    answer = define(server, {"kind": "file", "path": "crm.out"}, If_None_Match="*")
    tap.equal("it is defined", (answer.status, answer.body["path"], answer.body["state"]), (201, "crm.out", "ready"))
    until(tap, "what waited goes out, and the contact goes on", lambda: server.get("journeys", GREET["name"], "statistics").body["left"]["completed"], 1)
    tap.equal("its line says who, where and what", [{key: line[key] for key in ("destination", "operation", "journey", "node", "contact", "attributes")}
                                                    for line in lines(server, "crm.out")],
              [{"destination": "crm / one", "operation": "add", "journey": GREET["name"], "node": "tell", "contact": "greta",
                "attributes": {"plan": "pro"}}])
    until(tap, "and nothing is open any more", lambda: sum(shown(server, "effects")[0].values()), 0)
    codes = [f["code"] for f in server.ask("POST", "/v1/journeys/check", {**GREET, "name": "Other"}, "admin").body["findings"]]
    tap.ok(codes and "unknown_destination" not in codes, "and no journey is warned of it any more", codes)
    tap.equal("the answer counts it", shown(server, "sent", "failed"), [1, 0])
    return answer.headers["ETag"]


def changing(tap, server, tag):
    tap.equal("a second one of the name is refused", define(server, {"kind": "file", "path": "b"}, If_None_Match="*").status, 412)
    tap.equal("a stale tag is refused", [define(server, {"kind": "file", "path": "b"}, If_Match='"99999"').status,
                                         remove(server, If_Match='W/' + tag).status], [412, 412])
    tap.equal("the file of another is refused", define(server, {"kind": "file", "path": "crm.out"}, "other").status, 409)
    answer = define(server, {"kind": "file", "path": "none/crm", "name": "crm / one"}, If_Match=f'"1", {tag}')
    tap.ok(answer.status == 200 and answer.body["state"] == "failing" and "No such file" in answer.body["cause"],
           "one that can't be written to is failing and says why", answer)
    tap.ok(answer.headers["ETag"] != tag, "a change has another tag", answer.headers)
    tap.equal("which reads give too", server.ask("GET", path(), key="admin").headers["ETag"], answer.headers["ETag"])
    metrics = server.ask("GET", "/metrics").text
    tap.ok('sojourn_destination_failing{destination="crm / one"} 1' in metrics and "sojourn_effects_sent_total 1" in metrics,
           "metrics tell it", metrics)
    server.batch({"type": "track", "userId": "otto", "event": "Greeted"})
    until(tap, "its activations wait", lambda: shown(server, "effects")[0]["waiting"], 1)
    tap.equal("defined where it can be, it takes them at once", define(server, {"kind": "file", "path": "crm.out"}).body["state"], "ready")
    until(tap, "behind the former lines", lambda: [line["contact"] for line in lines(server, "crm.out")], ["greta", "otto"])


def removing(tap, server):
    answer = remove(server)
    tap.equal("one that a journey names is not removed", (answer.status, answer.body["journeys"]), (409, [GREET["name"]]))
    tap.equal("force is true or false", remove(server, query="?force=yes").status, 400)
    tap.equal("unless it is forced", remove(server, query="?force=true").body, {"name": "crm / one", "removed": True})
    tap.equal("then it is no more", (server.ask("GET", path(), key="admin").status, server.get("destinations").body["destinations"]), (404, []))
    tap.equal("its file stays", len(lines(server, "crm.out")), 2)
    tap.equal("it may come back", define(server, {"kind": "file", "path": "crm.out"}, If_None_Match="*").status, 201)
    tap.equal("with a journey that is stopped", server.act(GREET["name"], {"action": "stop"}).status, 200)
    tap.equal("it is removed as it is", remove(server).status, 200)
    tap.equal("and may be left defined", define(server, {"kind": "file", "path": "kept.out"}, "kept").status, 201)


def test_destinations(tap, server):
    refusals(tap, server)
    tag = waiting(tap, server)
    changing(tap, server, tag)
    removing(tap, server)
