"""Reads of the API that wait for the store: traces, timelines, statistics of some days. Each test takes the tap and a server."""
import datetime



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
    server.publish(journey("Daily", {"rules": [{"event": "Daily"}]}, goals=[{"name": "Bought", "event": "Daily Order"}]))
    server.batch(*[track(f"daily-{i}", "Daily") for i in range(30)])
    server.batch(*[track(f"daily-{i}", "Daily Order") for i in range(9)])
    whole = server.get("journeys", "Daily", "statistics").body
    tap.equal("there is something to count", (whole["entered"], whole["in_journey"], whole["goals"]), (30, 21, {"Bought": 9}))
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


TESTS = (test_trace, test_trace_pages, test_long_trace, test_days)
