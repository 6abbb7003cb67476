"""The journeys that CDNOW is replayed through: the two of the issue and their relatives.

A case is a dict: `title`, `journeys`, and what differs from a plain replay to the end of July 1998
(`from`, `until`, `actions`, `contacts`, `form`, `order`). Those marked `soon` run in `make check` as well.
"""
UNTIL = "1998-07-31T00:00:00Z"
ORDER = "Order Completed"


def entry(reentry=None, where=None, filter=None, **rule):
    made = {"mode": "live", "match": "any", "rules": [{"event": ORDER, **({"where": where} if where else {}), **rule}]}
    if reentry is not None:
        made["reentry"] = reentry
    if filter is not None:
        made["filter"] = filter
    return made


def at_least_total(amount):
    return {"property": "total", "gte": amount}


def win_back(wait="30d", loyal=3, within=None, reentry={"allowed": True}, exits=({"event": ORDER},), goals=(),
             timeout=None, entered_by=None, name="Win back"):
    """The issue's first journey; with the defaults it is that journey to the letter."""
    rule = {"did": ORDER, "at_least": loyal, **({"within": within} if within else {})}
    return {"name": name, "entry": entered_by or entry(reentry),
            **({"exits": list(exits)} if exits else {}), **({"goals": list(goals)} if goals else {}),
            **({"timeout": timeout} if timeout else {}),
            "nodes": {"cool_off": {"type": "wait", "for": wait, "next": "tier"},
                      "tier": {"type": "split", "paths": [{"name": "loyal", "rule": rule, "next": "loyal_offer"}],
                               "on": {"others": "win_back"}},
                      "loyal_offer": {"type": "activate", "destinations": ["crm"], "next": "done"},
                      "win_back": {"type": "activate", "destinations": ["crm"], "next": "done"},
                      "done": {"type": "stop"}},
            "start": "cool_off"}


def second_order(rule=None, window="60d", reentry={"allowed": False}, exits=(), goals=(), timeout=None,
                 entered_by=None, name="Second order"):
    """The issue's second journey: the first order, then one worth 20 or more within 60 days."""
    return {"name": name, "entry": entered_by or entry(reentry),
            **({"exits": list(exits)} if exits else {}), **({"goals": list(goals)} if goals else {}),
            **({"timeout": timeout} if timeout else {}),
            "nodes": {"again": {"type": "wait_for", "rule": rule or {"event": ORDER, "where": at_least_total(20)},
                                "timeout": window, "on": {"yes": "thanks", "timed_out": "nudge"}},
                      "thanks": {"type": "stop"}, "nudge": {"type": "stop"}},
            "start": "again"}


def reminders(window, timeout=None, exits=()):
    """A loop that takes time: reminded every so often until the contact is loyal."""
    return {"name": "Reminders", "entry": entry({"allowed": True}, where=at_least_total(50)),
            **({"timeout": timeout} if timeout else {}), **({"exits": list(exits)} if exits else {}),
            "nodes": {"pause": {"type": "wait", "for": window, "next": "tier"},
                      "tier": {"type": "split",
                               "paths": [{"name": "loyal", "rule": {"did": ORDER, "at_least": 4}, "next": "out"},
                                         {"name": "lost", "rule": {"did_not": ORDER, "within": "180d"}, "next": "out"}],
                               "on": {"others": "later"}},
                      "later": {"type": "wait", "for": "36h", "next": "remind"},
                      "remind": {"type": "activate", "destinations": ["crm", "post"], "next": "pause"},
                      "out": {"type": "exit"}},
            "start": "pause"}


def by_plan(filter=None):
    """Attributes from the contacts' file, and some that the journey itself changes."""
    return {"name": "By plan",
            "entry": entry({"allowed": True, "after": "7d"}, filter=filter or {"attribute": "score", "lt": 3}),
            "exits": [{"event": ORDER, "at_least": 2}],
            "nodes": {"plan": {"type": "segment", "attribute": "plan",
                               "groups": [{"name": "paying", "values": ["pro", "team"], "next": "soon"},
                                          {"name": "free", "values": ["free"], "next": "wait"}],
                               "on": {"other": "wait"}},
                      "soon": {"type": "wait", "for": "12h", "next": "mark"},
                      "wait": {"type": "wait", "for": "10d", "next": "mark"},
                      "mark": {"type": "update", "changes": [{"increase": "score", "by": 1},
                                                             {"set": "marked", "to": True}], "next": "push"},
                      "push": {"type": "activate", "destinations": ["crm"], "on": {"next": "end", "failed": "end"}},
                      "end": {"type": "stop"}},
            "start": "plan"}


def last_node(goals=()):
    """The last node has no edge at all: the contact completes there, or stays for a goal or the timeout."""
    return {"name": "Last node", "entry": entry({"allowed": True, "after": "30d"}), "timeout": "90d",
            **({"goals": list(goals)} if goals else {}),
            "nodes": {"rest": {"type": "wait", "for": "20d", "next": "push"},
                      "push": {"type": "activate", "destinations": ["crm"]}},
            "start": "rest"}


BOUGHT = {"name": "Bought", "event": ORDER}
BIG = {"name": "Bought big", "event": ORDER, "where": at_least_total(60), "value": "total"}
THRICE = {"name": "Three times", "did": ORDER, "at_least": 3}

CASES = [
    {"title": "the issue's Win back", "journeys": [win_back()]},
    {"title": "the issue's wait_for, to the end of the 60th day", "journeys": [second_order()]},
    {"title": "both journeys of the issue side by side", "soon": True, "journeys": [win_back(), second_order()]},
    {"title": "Win back from CSV", "soon": True, "journeys": [win_back()], "form": "csv"},
    {"title": "Win back from a file in order of time", "journeys": [win_back()], "order": "time"},
    {"title": "a wait of 7 days", "journeys": [win_back(wait="7d")]},
    {"title": "a wait of 17 hours and 4 orders", "journeys": [win_back(wait="17h", loyal=4)], "form": "csv"},
    {"title": "a wait of 1 day exactly between two orders", "journeys": [win_back(wait="1d", loyal=2)]},
    {"title": "loyal within the last 60 days, first day included", "journeys": [win_back(wait="60d", loyal=2, within="60d")]},
    {"title": "loyal within 200 days, waits of 52 weeks", "journeys": [win_back(wait="52w", loyal=2, within="200d")]},
    {"title": "no exit rule", "journeys": [win_back(exits=())]},
    {"title": "no exit rule and no re-entry", "journeys": [win_back(exits=(), reentry={"allowed": False})]},
    {"title": "re-entry not spoken of is off", "journeys": [win_back(reentry=None)]},
    {"title": "re-entry 14 days after the leaving", "soon": True, "journeys": [win_back(reentry={"allowed": True, "after": "14d"})]},
    {"title": "re-entry after 1 day, without exits", "journeys": [win_back(wait="3d", exits=(), reentry={"allowed": True, "after": "1d"})]},
    {"title": "the exit rule needs two orders", "journeys": [win_back(wait="90d", exits=[{"event": ORDER, "at_least": 2}])]},
    {"title": "the exit rule needs two orders within 5 days",
     "journeys": [win_back(wait="120d", exits=[{"event": ORDER, "at_least": 2, "within": "5d"}])]},
    {"title": "the exit rule asks for a big order", "journeys": [win_back(exits=[{"event": ORDER, "where": at_least_total(60)}])]},
    {"title": "goals instead of exits", "soon": True, "journeys": [win_back(exits=(), goals=[BIG, BOUGHT])]},
    {"title": "a goal beside an exit rule of the same event", "journeys": [win_back(goals=[BIG])]},
    {"title": "a contact rule as goal must become true", "journeys": [win_back(wait="45d", exits=(), goals=[THRICE])]},
    {"title": "a contact rule as exit keeps out who meets it", "journeys": [win_back(exits=[{"did": ORDER, "at_least": 3}])]},
    {"title": "a timeout before the wait ends", "journeys": [win_back(wait="30d", timeout="20d", exits=())]},
    {"title": "a timeout at the instant the wait ends comes first", "journeys": [win_back(timeout="30d")]},
    {"title": "entry from the second order within 30 days on",
     "journeys": [win_back(entered_by=entry({"allowed": True}, at_least=2, within="30d"))]},
    {"title": "entry by big orders of several pieces",
     "journeys": [win_back(entered_by=entry({"allowed": True}, where={"all": [at_least_total(40), {"property": "quantity", "gt": 2}]}))]},
    {"title": "wait_for any order, with re-entry", "journeys": [second_order(rule={"event": ORDER}, window="30d", reentry={"allowed": True})]},
    {"title": "wait_for two orders", "journeys": [second_order(rule={"event": ORDER, "at_least": 2}, window="100d")], "form": "csv"},
    {"title": "wait_for a contact rule", "journeys": [second_order(rule={"did": ORDER, "at_least": 3}, window="100d", reentry={"allowed": True})]},
    {"title": "wait_for against an exit rule on the same event",
     "journeys": [second_order(exits=[{"event": ORDER, "where": at_least_total(100)}], reentry={"allowed": True, "after": "60d"})]},
    {"title": "wait_for with a journey timeout", "journeys": [second_order(window="60d", timeout="60d", reentry={"allowed": True})]},
    {"title": "reminders in a loop, cut in the middle", "journeys": [reminders("20d")], "until": "1997-11-03T12:00:00Z"},
    {"title": "reminders in a loop, with a timeout", "journeys": [reminders("20d", timeout="200d", exits=[{"event": ORDER, "at_least": 3}])]},
    {"title": "by plan, marked at most three times", "journeys": [by_plan()], "contacts": True},
    {"title": "by plan, cut in the middle, from CSV", "journeys": [by_plan({"any": [{"attribute": "plan", "in": ["pro", "free"]},
     {"did": ORDER, "at_least": 2}]})], "contacts": True, "form": "csv", "until": "1997-05-05T06:00:00Z", "soon": True},
    {"title": "a last node completes", "journeys": [last_node()]},
    {"title": "a last node waits for the goals", "journeys": [last_node([BIG, THRICE])], "until": "1998-04-01T00:00:00Z"},
    {"title": "from the middle of 1997: what came before is history", "journeys": [win_back(), second_order()],
     "from": "1997-06-15T12:00:00Z"},
    {"title": "from the middle, two orders in the history count for entry",
     "journeys": [win_back(entered_by=entry({"allowed": True}, at_least=2, within="90d"))], "from": "1997-05-01T00:00:00Z"},
    {"title": "until the middle: some are inside", "journeys": [win_back(), second_order()], "until": "1997-03-10T08:30:00Z"},
    {"title": "until an instant at which waits end", "journeys": [win_back(wait="14d")], "until": "1997-04-02T12:00:00Z"},
    {"title": "until no timer is left", "journeys": [win_back(wait="365d", exits=())], "until": None},
    {"title": "stopped at noon of a day with orders", "journeys": [win_back(), second_order()],
     "actions": [("1997-03-20T12:00:00Z", "Win back", "stop")]},
    {"title": "paused for a month, then resumed", "journeys": [win_back(wait="14d")],
     "actions": [("1997-03-01T00:00:00Z", "Win back", "pause"), ("1997-04-01T00:00:00Z", "Win back", "resume")]},
]


def contacts_of(histories):
    """A contacts' file for CDNOW's customers: some without a plan, and a few who never order."""
    plans = {0: "pro", 1: "team", 2: "free", 3: "trial"}
    made = {}
    for customer in list(histories) + [f"visitor-{n}" for n in range(25)]:
        number = int(customer.split("-")[-1])
        made[customer] = {"score": number % 2, **({"plan": plans[number % 5]} if number % 5 in plans else {})}
    return made
