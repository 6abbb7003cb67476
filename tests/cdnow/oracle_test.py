"""Is the oracle itself right? Histories small enough to work out on paper, the figures that the issue states,
and the same questions asked of SQLite in plain SQL."""
import os
import sqlite3
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
import cases
import oracle
from tap import Tap

DAY = 86_400_000
NOON = oracle.instant_ms("1997-01-01T12:00:00Z")


def history(*days_and_totals):
    return [oracle.Record(NOON + round(day * DAY), cases.ORDER, {"quantity": 1, "total": float(total)}, {})
            for day, total in days_and_totals]


def one(journey, *days_and_totals, **options):
    return oracle.replay([journey], {"a": history(*days_and_totals)}, **options)["journeys"][0]


def on_paper(tap):
    left = one(cases.win_back(), (0, 10), (30, 10))["left"]
    tap.equal("an order at the instant the wait ends still puts the contact out", (left["exit_rule"], left["completed"]), (1, 1))
    figures = one(cases.second_order(), (0, 10), (60, 20))
    tap.equal("the 60th day belongs to the window", figures["nodes"]["again"]["moved"], {"yes": 1, "timed_out": 0})
    figures = one(cases.second_order(), (0, 10), (60 + 1 / 24, 20))
    tap.equal("an hour later does not", figures["nodes"]["again"]["moved"], {"yes": 0, "timed_out": 1})
    figures = one(cases.second_order(), (0, 50))
    tap.equal("the order that let the contact in is not the one it waits for", figures["nodes"]["again"]["moved"]["yes"], 0)
    figures = one(cases.second_order(), (0, 10), (0, 50))
    tap.equal("a second order of the same instant is", figures["nodes"]["again"]["moved"]["yes"], 1)
    figures = one(cases.second_order(rule={"event": cases.ORDER}, reentry={"allowed": True}), (0, 10), (1, 10))
    tap.equal("an order that moves a contact through stop does not let it in again", figures["entered"], 1)
    figures = one(cases.win_back(reentry={"allowed": True, "after": "14d"}), (0, 10), (1, 10), (14, 10), (15, 10))
    tap.equal("re-entry is open from exactly `after` the leaving on", figures["entered"], 2)
    figures = one(cases.win_back(timeout="30d"), (0, 10))
    tap.equal("a journey timeout comes before a wait that ends with it", figures["left"]["timed_out"], 1)
    figures = one(cases.win_back(exits=(), goals=[cases.BIG, cases.BOUGHT]), (0, 10), (1, 90))
    tap.equal("a goal ends the enrollment once", (figures["left"]["goal"], figures["entered"]), (1, 2))
    figures = one(cases.win_back(exits=[{"event": cases.ORDER, "at_least": 2}]), (0, 10), (1, 10), (2, 10))
    tap.equal("at_least of an exit rule counts from the entry on", (figures["left"]["exit_rule"], figures["entered"]), (1, 2))
    figures = one(cases.win_back(wait="60d", loyal=2, within="60d", exits=(), reentry=None), (0, 10), (1, 10))
    tap.equal("within 60 days takes the first instant of the window", figures["nodes"]["tier"]["moved"]["loyal"], 1)
    figures = one(cases.win_back(wait="60d", loyal=2, within="59d", exits=(), reentry=None), (0, 10), (1, 10))
    tap.equal("and not the one before it", figures["nodes"]["tier"]["moved"]["loyal"], 0)
    figures = one(cases.win_back(), (0, 10), (5, 10), (9, 10), from_ms=NOON + 9 * DAY)
    tap.equal("history lets nobody in and counts for the split", (figures["entered"], figures["nodes"]["tier"]["moved"]["loyal"]), (1, 1))
    figures = one(cases.win_back(), (0, 10), until_ms=NOON + 30 * DAY)
    tap.equal("a timer due at the end itself fires", (figures["in_journey"], figures["left"]["completed"]), (0, 1))
    figures = one(cases.win_back(), (0, 10), until_ms=NOON + 30 * DAY - 1)
    tap.equal("one a millisecond later does not", (figures["in_journey"], figures["nodes"]["cool_off"]["waiting"]), (1, 1))
    figures = one(cases.reminders("20d"), (0, 60), until_ms=NOON + 42 * DAY)
    tap.equal("a loop comes round", (figures["nodes"]["remind"]["entered"], figures["nodes"]["later"]["waiting"]), (1, 1))
    figures = one(cases.last_node([cases.BIG]), (0, 10))
    tap.equal("with goals a contact stays at the last node until the timeout", figures["nodes"]["push"]["left"]["timed_out"], 1)
    figures = one(cases.win_back(exits=[{"did": cases.ORDER, "at_least": 2}]), (0, 10), (40, 10), (41, 10))
    tap.equal("a contact rule as exit keeps out who meets it", (figures["entered"], figures["left"]["completed"]), (1, 1))
    actions = [(NOON + 10 * DAY, "Win back", "pause"), (NOON + 50 * DAY, "Win back", "resume")]
    figures = one(cases.win_back(), (0, 10), (20, 10), actions=actions)
    tap.equal("an exit in a hold takes the contact out and lets nobody in", (figures["entered"], figures["left"]["exit_rule"]), (1, 1))
    figures = one(cases.win_back(), (0, 10), actions=[(NOON + 30 * DAY, "Win back", "stop")])
    tap.equal("a stop comes before the timers of its instant", figures["left"]["version_stopped"], 1)


def database(histories):
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE orders (n INTEGER PRIMARY KEY, contact TEXT, at INTEGER, total REAL)")
    rows = ((contact, record.at, record.properties["total"]) for contact, records in histories.items() for record in records)
    db.executemany("INSERT INTO orders (contact, at, total) VALUES (?, ?, ?)", rows)
    return db


# Every order puts out who is inside and lets in again, so each row is a passage of its own: it is over at the
# next order if that comes no later than the wait's end, and is judged at the wait's end otherwise.
WIN_BACK = """
WITH passage AS (
  SELECT n, contact, at + :wait AS due, lead(at) OVER (PARTITION BY contact ORDER BY n) AS next_at FROM orders),
judged AS (
  SELECT (SELECT count(*) FROM orders o WHERE o.contact = p.contact AND o.at <= p.due
             AND (:within IS NULL OR o.at >= p.due - :within)) AS number
    FROM passage p WHERE next_at IS NULL OR next_at > due)
SELECT (SELECT count(*) FROM passage), (SELECT count(*) FROM passage WHERE next_at <= due),
       (SELECT count(*) FROM judged WHERE number >= :loyal), (SELECT count(*) FROM judged WHERE number < :loyal)"""

SECOND_ORDER = """
WITH first AS (SELECT contact, min(n) AS n FROM orders GROUP BY contact),
answered AS (
  SELECT f.contact, EXISTS (SELECT 1 FROM orders o WHERE o.contact = f.contact AND o.n > f.n
             AND o.total >= :total AND o.at <= e.at + :window) AS yes
    FROM first f JOIN orders e ON e.n = f.n)
SELECT count(*), sum(yes), sum(NOT yes) FROM answered"""


def against_sql(tap, histories):
    db = database(histories)
    db.execute("CREATE INDEX by_contact ON orders (contact, n)")
    for wait, loyal, within in (("30d", 3, None), ("7d", 2, None), ("61d", 4, None), ("17h", 3, None),
                                ("30d", 2, "60d"), ("52w", 2, "200d")):
        days = {"wait": oracle.duration_ms(wait), "loyal": loyal, "within": within and oracle.duration_ms(within)}
        figures = oracle.replay([cases.win_back(wait=wait, loyal=loyal, within=within)], histories)["journeys"][0]
        tier = figures["nodes"]["tier"]["moved"]
        tap.equal(f"SQL agrees on Win back: wait {wait}, loyal {loyal}, within {within}",
                  (figures["entered"], figures["left"]["exit_rule"], tier["loyal"], tier["others"]),
                  db.execute(WIN_BACK, days).fetchone())
    for window, total in (("60d", 20), ("30d", 0), ("90d", 35)):
        rule = {"event": cases.ORDER, "where": cases.at_least_total(total)}
        figures = oracle.replay([cases.second_order(rule=rule, window=window)], histories)["journeys"][0]
        moved = figures["nodes"]["again"]["moved"]
        tap.equal(f"SQL agrees on wait_for: {window}, total {total}",
                  (figures["entered"], moved["yes"], moved["timed_out"]),
                  db.execute(SECOND_ORDER, {"window": oracle.duration_ms(window), "total": total}).fetchone())


def literal(tap, histories):
    until = oracle.instant_ms(cases.UNTIL)
    win_back, second = oracle.replay([cases.win_back(), cases.second_order()], histories, until_ms=until)["journeys"]
    nodes = win_back["nodes"]
    tap.equal("Win back has the figures of the issue",
              (win_back["entered"], win_back["left"]["exit_rule"], nodes["loyal_offer"]["entered"],
               nodes["win_back"]["entered"], win_back["in_journey"]), (69659, 22705, 18956, 27998, 0))
    moved = second["nodes"]["again"]["moved"]
    tap.equal("wait_for has the figures of the issue", (second["entered"], moved["yes"], moved["timed_out"]), (23570, 3999, 19571))


def main(data):
    tap = Tap()
    on_paper(tap)
    if os.path.exists(data):
        histories = oracle.read_cdnow(data)
        literal(tap, histories)
        against_sql(tap, histories)
    else:
        tap.skip("CDNOW", f"{data} is not there")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
