"""Reads of the API that wait for the store: traces, timelines, statistics of some days, contacts looked for. Each test takes the tap and a server."""
import datetime
import threading



def track(user, event, **more):
    return {"type": "track", "userId": user, "event": event, **more}


def journey(name, entry, **more):
    return {"name": name, "entry": entry, "timeout": "30d",
            "nodes": {"again": {"type": "wait_for", "rule": {"event": "Told Order"}, "timeout": "60d",
                                "on": {"yes": "crm", "timed_out": "end"}},
                      "crm": {"type": "activate", "destinations": ["told_crm"], "next": "end"}, "end": {"type": "stop"}},
            "start": "again", **more}


def story(server, contact, name):
    return server.get("contacts", contact, "trace", journey=name).body["journeys"][0]


def test_trace(tap, server):
    server.publish(journey("Told", {"rules": [{"event": "Told", "where": {"property": "total", "gte": 20}}]},
                           exits=[{"event": "Told Exit"}]))
    server.batch(track("tess", "Told", properties={"total": 5}), track("tess", "Told", properties={"total": 25}))
    told = story(server, "tess", "Told")
    fact = told["facts"][0]
    tap.equal("a trace tells the event that let a contact in, with the values the rule saw",
              (told["entered"], told["inside"], fact["enters"], fact["cause"]["event"], fact["cause"]["properties"], fact["node"]),
              (True, True, True, "Told", {"total": 25}, "again"))
    tap.equal("what it waits for, and until when", (fact["waits_for_event"], told["now"]["waits_for_event"],
                                                    told["now"]["node"], told["now"]["due"] == fact["due"] is not None),
              ("Told Order", "Told Order", "again", True))
    server.send("track", track("tess", "Told Order"))
    told = story(server, "tess", "Told")
    tap.equal("what it passed and which destinations it waits for",
              (told["facts"][1]["path"], told["facts"][1]["node"], told["now"]["waits_for"], told["now"]["waits_for_event"]),
              ([{"node": "again", "outcome": "yes"}], "crm", ["told_crm"], None))
    server.send("track", track("tess", "Told Exit"))
    server.send("track", track("tess", "Told", properties={"total": 30}))
    told = story(server, "tess", "Told")
    tap.equal("why it left, and why a later event lets it in no more",
              (told["inside"], told["now"], told["facts"][2]["left"], told["facts"][2]["exit_rule"],
               [(m["properties"], m["reason"]) for m in told["missed"]], told["missed_count"], told["not_entered"]),
              (False, None, "exit_rule", 0, [({"total": 30}, "re-entry is off")], 1, []))
    server.send("track", track("theo", "Told", properties={"total": 5}))
    told = story(server, "theo", "Told")
    tap.equal("who did not enter is told what the rule asks for", (told["entered"], told["facts"], told["not_entered"]),
              (False, [], ['"Told" has come 1 times, never with the properties that the entry rule asks for']))
    tap.equal("a journey may be named by its id",
              server.get("contacts", "tess", "trace", journey=server.get("journeys", "Told").body["id"]).body["journeys"],
              [story(server, "tess", "Told")])
    answer = server.get("contacts", "tess", "trace", journey="Tol")
    tap.ok(answer.status == 404 and '"Told"' in answer.body["detail"], "a journey that is not there is 404 and names the nearest", answer)
    tap.equal("nobody has no trace", server.get("contacts", "nobody", "trace").status, 404)


def test_trace_pages(tap, server):
    for number in range(3):
        server.publish(journey(f"Paged {number}", {"rules": [{"event": "Paged"}]}))
    server.send("track", track("pete", "Paged"))
    count = len(server.get("journeys").body["journeys"])
    seen, cursor = [], {}
    while cursor is not None and len(seen) <= count:
        page = server.get("contacts", "pete", "trace", limit=2, **cursor).body
        seen += [(s["journey"], s["entered"]) for s in page["journeys"]]
        cursor = {"cursor": page["next"]} if page["next"] else None
    tap.equal("pages of a trace are every journey once",
              (len(seen), len(set(seen)), [name for name, entered in seen if entered]),
              (count, count, ["Paged 0", "Paged 1", "Paged 2"]))
    for query in ({"limit": "0"}, {"limit": "101"}, {"cursor": "x"}, {"cursor": "-1"}):
        tap.equal(f"a trace by {query} is refused", server.get("contacts", "pete", "trace", **query).status, 400)


def test_long_trace(tap, server):
    """More history than is read at once: what is older is said to be missing, and nothing wrong is told of it."""
    for begin in range(0, 2100, 700):
        server.batch(*[track("lou", "Paged" if begin + i == 0 else "Noise", properties={"n": i}) for i in range(700)])
    told = server.get("contacts", "lou", "trace", journey="Paged 0").body
    lou = told["journeys"][0]
    tap.equal("a history too long is told from its newest rows on",
              (told["truncated"], told["since"] is not None, lou["facts"], lou["entered"], lou["inside"], lou["now"]["node"]),
              (True, True, [], True, True, "again"))
    server.send("track", track("lou", "Paged"))
    tap.equal("who is inside since before is not said to have been kept out",
              story(server, "lou", "Paged 0")["missed"], [])


def day(days_ago):
    return (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=days_ago)).date().isoformat()


def test_days(tap, server):
    """Everything here happened in the last hour: today's figures, or yesterday's where a midnight lies between."""
    server.publish(journey("Daily", {"rules": [{"event": "Daily"}]}, goals=[{"name": "Bought", "event": "Daily Order", "value": "total"}]))
    server.batch(*[track(f"daily-{i}", "Daily") for i in range(30)])
    server.batch(*[track(f"daily-{i}", "Daily Order", properties={"total": 0.1 * i}) for i in range(9)])
    whole = server.get("journeys", "Daily", "statistics").body
    tap.equal("there is something to count", (whole["entered"], whole["in_journey"], whole["goals"], whole["goal_values"]),
              (30, 21, {"Bought": 9}, {"Bought": 3.6}))
    days = {"from": day(1), "to": day(0)}
    tap.equal("the days in which all happened have all", server.get("journeys", "Daily", "statistics", **days).body,
              {**whole, **days})
    tap.equal("a range may lack its end or its beginning",
              [server.get("journeys", "Daily", "statistics", **{k: v}).body for k, v in days.items()],
              [{**whole, k: v} for k, v in days.items()])
    past = server.get("journeys", "Daily", "statistics", **{"from": "2020-01-01", "to": "2020-12-31"}).body
    tap.equal("a range before has nothing, but says who is inside now",
              (past["entered"], past["left"]["goal"], past["nodes"]["again"]["waiting"], past["in_journey"]), (0, 0, 0, 21))
    after = server.get("journeys", "Daily", "statistics", **{"from": day(-2), "to": day(-3)}).body
    tap.equal("a range to come has nothing but who waits", (after["entered"], after["nodes"]["again"]["entered"],
                                                           after["nodes"]["again"]["waiting"]), (0, 0, 21))
    for title, query, place in (("a day that is none", {"from": "2026-02-30"}, "from"), ("an empty day", {"to": ""}, "to"),
                                ("an end before the beginning", {"from": "2026-01-02", "to": "2026-01-01"}, "to"),
                                ("an instant", {"from": "2026-01-01T00:00:00Z"}, "from")):
        answer = server.get("journeys", "Daily", "statistics", **query)
        tap.equal(f"{title} is refused", (answer.status, answer.body.get("place")), (400, place))


def listed(server, **query):
    """(pages, every contact of a list, the last page)"""
    found, pages, cursor = [], 0, {}
    while cursor is not None and pages < 1000:
        page = server.get("contacts", **query, **cursor).body
        found += page["contacts"]
        pages, cursor = pages + 1, {"cursor": page["next"]} if page["next"] else None
    return pages, found, page


PLANS, SCANNED = ("pro", "free", "trial", None), 6000


def scanned(number):
    plan = PLANS[number % 4]
    return {"type": "identify", "userId": f"Scan-{number:05}", "traits": {"scan": number, **({"plan_of_scan": plan} if plan else {})}}


def test_list(tap, server):
    taken = [server.batch(*[scanned(number) for number in range(begin, begin + 300)]).status for begin in range(0, SCANNED, 300)]
    tap.equal("there is somebody to look for", set(taken), {200})
    pages, found, last = listed(server, q="scan-", limit=200)
    tap.ok(pages >= SCANNED / 200 and sorted(c["contact"] for c in found) == [f"Scan-{n:05}" for n in range(SCANNED)],
           "pages of a list are every contact once", f"{pages} pages, {len(found)} contacts")
    tap.ok(listed(server, q="SCAN-", limit=150)[1] == found, "the order is the same whatever the page")
    tap.equal("with their attributes", {c["contact"]: c["attributes"] for c in found}["Scan-00004"], {"scan": 4, "plan_of_scan": "pro"})
    tap.equal("a part of the id is enough", sorted(c["contact"] for c in listed(server, q="n-0123")[1]),
              [f"Scan-0123{n}" for n in range(10)])
    tap.equal("nobody is an empty page", (lambda page: (page["contacts"], page["next"]))(server.get("contacts", q="no such id").body), ([], None))
    _, everybody, last = listed(server, limit=200)
    tap.equal("without a text it is everybody", (len({c["contact"] for c in everybody}), len(everybody)), (last["total"],) * 2)
    for query in ({"limit": "201"}, {"cursor": "x"}, {"cursor": str(16 << 32)}, {"q": ""}, {"q": "x" * 513}):
        tap.equal(f"a list by {str(query)[:40]} is refused", server.get("contacts", **query).status, 400)


def search(server, rule, **more):
    return server.ask("POST", "/v1/contacts/search", {"rule": rule, **more}, "admin")


def test_search(tap, server):
    scan = [{"attribute": "scan", "gte": 0}]
    server.batch(*[track(f"Scan-{n:05}", "Scanned", properties={"n": n % 3}) for n in range(0, 600) for _ in range(1 + n % 2)])
    numbers = range(SCANNED)
    for title, rule, wanted in (
            ("an attribute", {"attribute": "plan_of_scan", "eq": "pro"}, [n for n in numbers if n % 4 == 0]),
            ("a missing one", {"all": [*scan, {"attribute": "plan_of_scan", "missing": True}]}, [n for n in numbers if n % 4 == 3]),
            ("one that nobody has", {"attribute": "never_heard_of", "eq": 1}, []),
            ("not having what nobody has", {"all": [*scan, {"attribute": "never_heard_of", "missing": True}]}, list(numbers)),
            ("a range and an event", {"all": [{"attribute": "scan", "between": [100, 199]}, {"did": "Scanned", "at_least": 2}]},
             [n for n in range(100, 200) if n % 2]),
            ("an event within a window", {"did": "Scanned", "within": "1d"}, list(range(600))),
            ("an event that nobody did", {"all": [*scan, {"did_not": "Never Done"}]}, list(numbers))):
        answer = search(server, rule, sample=100).body
        ids = {f"Scan-{n:05}" for n in wanted}
        tap.equal(f"a search counts by {title}", (answer["count"], len(answer["sample"])), (len(wanted), min(100, len(wanted))))
        tap.ok({c["contact"] for c in answer["sample"]} <= ids, "and shows only such", answer)
    tap.equal("a sample may be left out", search(server, {"attribute": "scan", "gte": 0}, sample=0).body["sample"], [])
    by_property = {"did": "Scanned", "where": {"property": "n", "eq": 1}}
    tap.equal("what is not counted is refused", (lambda a: (a.status, a.body["pointer"]))(search(server, by_property)), (422, "/rule"))
    server.publish(journey("Counts", {"rules": [{"event": "Never"}], "filter": by_property}))
    tap.equal("until a journey counts it", search(server, by_property).body["count"], 200)
    for title, body, place in (("no rule", {}, "/rule"), ("an unknown member", {"rule": {}, "limit": 3}, "/limit"), ("a list", [], ""),
                               ("a rule that is none", {"rule": {"attribut": "x"}}, None), ("a sample too large", {"rule": {}, "sample": 101}, "/sample")):
        answer = server.ask("POST", "/v1/contacts/search", body, "admin")
        tap.ok(answer.status == 400 and (place is None or answer.body.get("pointer", "") == place), f"{title} is refused", answer)
    seen = server.get("contacts", "Scan-00001").body
    tap.ok(seen["first_seen"] == seen["events"][0]["first"] and seen["last_seen"] == seen["events"][0]["last"],
           "a profile says when the contact was seen first and last", seen)
    tap.equal("or that it never was", server.get("contacts", "Scan-05000").body["first_seen"], None)


DEEP = 72000  # more in each partition than a search looks at in a visit


def test_slices(tap, server):
    for begin in range(0, DEEP, 600):
        server.batch(*[{"type": "identify", "userId": f"deep-{n:05}", "traits": {"deep": n}} for n in range(begin, begin + 600)])
    answer = search(server, {"attribute": "deep", "gte": 7}, sample=5).body
    tap.ok(answer["count"] == DEEP - 7 and len(answer["sample"]) == 5, "a search goes through more than one slice of each partition",
           f"{answer['count']} of {answer['total']}")
    pages, found, last = listed(server, q="deep-1234")
    tap.ok(pages == 1 and sorted(c["contact"] for c in found) == [f"deep-1234{n}" for n in range(10)] and last["looked_at"] == last["total"],
           "and so does a list", (pages, last["looked_at"], last["total"]))


def test_searches_beside_ingest(tap, server):
    """Many at once, beside records: each is answered, 503 where too many are under way, and later ones are served again."""
    wrong, codes = [], []

    def ask():
        for _ in range(12):
            answer = server.get("contacts", q="nowhere to be found")
            codes.append(answer.status)
            if answer.status not in (200, 503):
                wrong.append(answer)

    def send():
        for turn in range(12):
            answer = server.batch(*[track(f"Scan-{n:05}", "Beside") for n in range(turn * 100, turn * 100 + 100)])
            if answer.status != 200:
                wrong.append(answer)
    threads = [threading.Thread(target=ask) for _ in range(12)] + [threading.Thread(target=send)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tap.ok(not wrong and 200 in codes, "searches and records beside each other are all answered", wrong[:1])
    tap.equal("when they are over there is room again", [server.get("contacts", limit=1).status for _ in range(9)], [200] * 9)
    metrics = server.ask("GET", "/metrics").text
    tap.ok("sojourn_searches 0\n" in metrics and "sojourn_reads_waiting 0\n" in metrics, "and the metrics say so", metrics)


TESTS = (test_trace, test_trace_pages, test_long_trace, test_days, test_list, test_search, test_slices, test_searches_beside_ingest)
