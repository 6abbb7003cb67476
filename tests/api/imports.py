"""Imports over the API. Each test takes the tap and a server."""
import gzip
import urllib.parse

HISTORY = "userId,event,timestamp,total:number\nhal,Order Imported,2026-01-02,10\nhal,Order Imported,2026-01-03,\nhal,Order Imported,soon,1\n"


def hand_over(server, text, key="admin", headers=None, **query):
    return server.ask("POST", "/v1/imports?" + urllib.parse.urlencode(query), text, key, headers)


def ended(server, answer):
    """Polls until the import has ended: each answer waits for nothing, so this asks many times."""
    while True:
        job = server.get("imports", str(answer.body["id"])).body
        if job["state"] in ("done", "failed", "cancelled"):
            return job


def counts(job):
    return job["state"], job["rows"], job["taken"], job["rejected"], job["duplicates"]


def test_import(tap, server):
    server.publish({"name": "Imported", "entry": {"rules": [{"event": "Order Imported"}]}, "nodes": {"end": {"type": "stop"}}, "start": "end"})
    answer = hand_over(server, HISTORY, kind="events", name="orders.csv")
    tap.equal("a file is accepted and has a place", (answer.status, answer.headers["Location"]), (202, f"/v1/imports/{answer.body['id']}"))
    job = ended(server, answer)
    tap.equal("what could be taken was", counts(job), ("done", 3, 2, 1, 0))
    tap.equal("who handed it over is known by the token's name", (job["by"].startswith("tests-"), job["size"]), (True, len(HISTORY)))
    tap.equal("the first rejected rows are shown", [r["line"] for r in job["first_rejects"]], [4])
    events = {e["event"]: e["count"] for e in server.get("contacts", "hal").body["events"]}
    tap.equal("history counts", events, {"Order Imported": 2})
    tap.equal("and lets nobody in", server.get("journeys", "Imported", "statistics").body["entered"], 0)
    rows = server.get("contacts", "hal", "timeline").body["timeline"]
    tap.equal("the timeline tells it from what happens live", [(r["kind"], r["event"], r["properties"], r["at"][:10]) for r in rows],
              [("history", "Order Imported", {}, "2026-01-03"), ("history", "Order Imported", {"total": 10}, "2026-01-02")])
    told = server.get("contacts", "hal", "trace", journey="Imported").body["journeys"][0]
    tap.ok(not told["missed"] and "was imported" in told["not_entered"][0], "and the trace says that an import lets nobody in", told)
    rejects = server.get("imports", str(job["id"]), "rejects")
    tap.equal("rejected rows are a file of the same format", (rejects.headers["Content-Type"], rejects.text.split("\n")[0]),
              ("text/csv", "rejectedLine,rejectedReason,userId,event,timestamp,total:number"))
    mended = ended(server, hand_over(server, rejects.text.replace(",soon,", ",2098-01-01,"), kind="events", live="true"))
    tap.equal("mended, it is imported; what happens now lets people in", (counts(mended), server.get("journeys", "Imported", "statistics").body["entered"]),
              (("done", 1, 1, 0, 0), 1))


def test_again(tap, server):
    job = ended(server, hand_over(server, HISTORY, kind="events", name="copy.csv"))
    tap.equal("the same bytes change nothing", (counts(job), job["same_as"]), (("done", 0, 0, 0, 0), 1))
    job = ended(server, hand_over(server, gzip.compress(HISTORY.encode()), kind="events", name="copy.csv.gz"))
    tap.equal("packed neither", job["same_as"], 1)
    job = ended(server, hand_over(server, gzip.compress(HISTORY.encode()), headers={"Content-Encoding": "gzip"}, kind="events"))
    tap.equal("nor packed on the way", job["same_as"], 1)


def test_contacts(tap, server):
    people = '{"userId":"ida","traits":{"plan":"pro"}}\n{"userId":"ida","traits":{"plan":"free"}}\nnonsense\n'
    job = ended(server, hand_over(server, people, kind="contacts", name="people.ndjson"))
    tap.equal("contacts are taken", counts(job), ("done", 3, 2, 1, 0))
    tap.equal("the last row of a contact counts", server.get("contacts", "ida").body["attributes"], {"plan": "free"})
    tap.equal("rejected NDJSON is NDJSON", server.get("imports", str(job["id"]), "rejects").headers["Content-Type"], "application/x-ndjson")


def test_refusals(tap, server):
    asked = [hand_over(server, HISTORY, kind="lists"), hand_over(server, HISTORY), hand_over(server, HISTORY, kind="events", live="yes"),
             hand_over(server, HISTORY, kind="contacts", live="true"), hand_over(server, "", kind="events")]
    tap.equal("what is no import is refused with its place", [(a.status, a.body.get("place")) for a in asked],
              [(400, "kind"), (400, "kind"), (400, "live"), (400, "live"), (400, None)])
    tap.equal("a write key imports nothing", hand_over(server, HISTORY, "write", kind="events").status, 401)
    job = ended(server, hand_over(server, "who,what\n1,2\n", kind="contacts"))
    tap.equal("a file that is none fails with its place", (counts(job), job["why"]),
              (("failed", 0, 0, 0, 0), 'line 1: there is no column "userId"; the first line names the columns'))
    path = f"/v1/imports/{job['id']}"
    tap.equal("what has ended cannot be cancelled, and has no rejects",
              (server.ask("DELETE", path, key="admin").status, server.ask("GET", path + "/rejects", key="admin").status), (409, 404))
    tap.equal("unknown numbers are not found", [server.ask(method, f"/v1/imports/{n}", key="admin").status for method in ("GET", "DELETE")
                                               for n in ("999", "0", "x")], [404] * 6)


def test_cancel(tap, server):
    rows = "userId,event,timestamp\n" + "".join(f"crowd-{n % 500},Crowd,2026-02-01\n" for n in range(200000))
    first, second = (hand_over(server, rows + extra, kind="events", name="crowd.csv") for extra in ("", "last,Crowd,2026-02-01\n"))
    answer = server.ask("DELETE", f"/v1/imports/{second.body['id']}", key="admin")
    tap.equal("one that waits can be cancelled", (answer.status, answer.body["cancelling"]), (202, True))
    tap.equal("its rejects are not there before it has ended", server.get("imports", str(second.body["id"]), "rejects").status, 409)
    server.ask("DELETE", f"/v1/imports/{first.body['id']}", key="admin")
    first, second = ended(server, first), ended(server, second)
    tap.equal("both have ended so", (first["state"], second["state"], second["taken"]), ("cancelled", "cancelled", 0))
    again = ended(server, hand_over(server, rows, kind="events", name="crowd.csv"))
    tap.equal("sent again, it goes on behind what was taken", (again["state"], again["taken"] + first["taken"], again["duplicates"]),
              ("done", 200000, first["taken"]))
    counted = sum(e["count"] for n in range(500) for e in server.get("contacts", f"crowd-{n}").body["events"])
    tap.equal("every row is there once", counted, 200000)


def test_list(tap, server):
    pages, cursor = [], {}
    while cursor is not None:
        page = server.get("imports", limit=3, **cursor).body
        pages.append([job["id"] for job in page["imports"]])
        cursor = {"cursor": page["next"]} if page["next"] else None
    newest = pages[0][0]
    tap.equal("imports are listed newest first, page by page", sum(pages, []), list(range(newest, 0, -1)))
    tap.equal("a cursor of nobody's is refused", server.get("imports", cursor="x").status, 400)


TESTS = (test_import, test_again, test_contacts, test_refusals, test_cancel, test_list)
