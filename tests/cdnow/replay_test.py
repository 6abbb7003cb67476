"""Replays CDNOW through the real binary and holds every figure it prints against the oracle.

usage: replay_test.py BINARY CDNOW_master.txt [part of a case's title]
"""
import csv
import json
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
import cases
import oracle
from tap import Tap

SECONDS_MAX = 600
DAY_MS = 86_400_000


def timestamp(record):
    day = record.at // 86_400_000
    return oracle.datetime.date.fromordinal(719_163 + day).isoformat() + "T12:00:00Z"


def rows(histories, order):
    """(contact, record) as CDNOW has them, by customer, or sorted by time with equal instants left in place."""
    listed = [(contact, record) for contact, records in histories.items() for record in records]
    return sorted(listed, key=lambda row: row[1].at) if order == "time" else listed


def write_ndjson(path, histories, order):
    with open(path, "w", encoding="utf-8") as out:
        for number, (contact, record) in enumerate(rows(histories, order)):
            out.write(f'{{"type":"track","userId":"{contact}","event":"{record.name}","timestamp":"{timestamp(record)}",'
                      f'"messageId":"cdnow-{number}","properties":{{"quantity":{record.properties["quantity"]},'
                      f'"total":{record.properties["total"]:.2f}}}}}\n')


def write_csv(path, histories, order):
    with open(path, "w", encoding="utf-8", newline="") as out:
        written = csv.writer(out)
        written.writerow(["userId", "event", "timestamp", "quantity:number", "total:number"])
        for contact, record in rows(histories, order):
            written.writerow([contact, record.name, timestamp(record), record.properties["quantity"],
                              f'{record.properties["total"]:.2f}'])


def write_contacts(path, attributes):
    with open(path, "w", encoding="utf-8", newline="") as out:
        written = csv.writer(out)
        written.writerow(["userId", "plan", "score:number"])
        for contact, known in attributes.items():
            written.writerow([contact, known.get("plan", ""), known["score"]])


class Bench:
    """A folder with the inputs, written once each, and the binary to run on them."""

    def __init__(self, binary, folder, histories):
        self.binary, self.folder, self.histories = binary, folder, histories
        self.attributes = cases.contacts_of(histories)

    def prepare(self):
        """Writes what several cases share, before workers could write it at once."""
        for form, order in (("ndjson", "customer"), ("ndjson", "time"), ("csv", "customer")):
            self.events(form, order)
        self.contacts()

    def path(self, name):
        return os.path.join(self.folder, name)

    def events(self, form, order):
        path = self.path(f"{order}.{form}")
        if not os.path.exists(path):
            {"ndjson": write_ndjson, "csv": write_csv}[form](path, self.histories, order)
        return path

    def contacts(self):
        path = self.path("contacts.csv")
        if not os.path.exists(path):
            write_contacts(path, self.attributes)
        return path

    def arguments(self, case, data):
        until = case.get("until", cases.UNTIL)
        made = ["replay", "--data", data, "--json"]
        for number, journey in enumerate(case["journeys"]):
            with open(f"{data}-journey-{number}.json", "w", encoding="utf-8") as out:
                json.dump(journey, out)
            made += ["--journey", out.name]
        if case.get("contacts"):
            made += ["--contacts", self.contacts()]
        if "actions" in case:
            with open(f"{data}-actions.ndjson", "w", encoding="utf-8") as out:
                for at, name, action in case["actions"]:
                    hold = {"hold": "all"} if action == "pause" else {}
                    out.write(json.dumps({"at": at, "action": action, "journey": name, **hold}) + "\n")
            made += ["--actions", out.name]
        if "from" in case:
            made += ["--from", case["from"]]
        if until is not None:
            made += ["--until", until]
        return made + ["--events", self.events(case.get("form", "ndjson"), case.get("order", "customer"))]

    def run(self, arguments):
        return subprocess.run([self.binary, *arguments], capture_output=True, text=True, timeout=SECONDS_MAX)

    def expected(self, case, until_ms=None):
        until = case.get("until", cases.UNTIL)
        actions = [(oracle.instant_ms(at), name, action) for at, name, action in case.get("actions", ())]
        return oracle.replay(case["journeys"], self.histories, self.attributes if case.get("contacts") else None,
                             oracle.instant_ms(case["from"]) if "from" in case else None,
                             until_ms or (oracle.instant_ms(until) if until else None), actions)


def differences(have, expected, place=""):
    """Every place where the two differ; a key that only one of them has is one."""
    if isinstance(have, dict) and isinstance(expected, dict):
        found = []
        for key in sorted(set(have) | set(expected)):
            found += differences(have.get(key, "nothing"), expected.get(key, "nothing"), f"{place}/{key}")
        return found
    if isinstance(have, float):  # sums, added up in another order
        return [] if abs(have - expected) < 1e-4 else [f"{place}: have {have}, expected {expected}"]
    return [] if have == expected else [f"{place}: have {have}, expected {expected}"]


def comparable(printed):
    """A replay's JSON by journey name, without the time it took."""
    result = {key: value for key, value in printed.items() if key != "seconds"}
    result["journeys"] = {journey["name"]: journey for journey in printed["journeys"]}
    if len(result["journeys"]) != len(printed["journeys"]):
        raise ValueError("two journeys of one name")
    return result


def minus(until, before, key=""):
    """What happened in between: counts subtract, who waits is a snapshot, and names and versions are no counts."""
    if isinstance(until, dict):
        return {name: minus(value, before[name], name) for name, value in until.items()}
    if isinstance(until, list):
        return [minus(a, b) for a, b in zip(until, before, strict=True)]
    return until if key in ("name", "version", "waiting", "waiting_before") else until - before


def check_days(bench, case, data, printed):
    """`status` over some days of the replay against the oracle's figures at both ends."""
    first = oracle.instant_ms(case.get("from", "1997-01-02T00:00:00Z")) // DAY_MS + 1
    last = (oracle.instant_ms(case.get("until") or cases.UNTIL)) // DAY_MS
    days = sorted(random.Random(case["title"]).choices(range(first, last + 1), k=2))
    names = [oracle.datetime.date.fromordinal(719_163 + day).isoformat() for day in days]
    told = bench.run(["status", "--data", data, "--json", "--from", names[0], "--to", names[1]])
    if told.returncode != 0:
        return [(False, f"{case['title']}: tells of days", told.stderr)]
    have = {journey["name"]: {k: v for k, v in journey.items() if k not in ("state", "from", "to")}
            for journey in json.loads(told.stdout)["journeys"]}
    end = min((days[1] + 1) * DAY_MS - 1, oracle.instant_ms(case.get("until") or cases.UNTIL))
    until, before = (comparable(bench.expected(case, until_ms))["journeys"] for until_ms in (end, days[0] * DAY_MS - 1))
    wanted = minus(until, before)
    for name, journey in comparable(printed)["journeys"].items():
        wanted[name]["in_journey"] = journey["in_journey"]
    found = differences(have, wanted)
    return [(not found, f"{case['title']}: every figure from {names[0]} to {names[1]}", "\n".join(found[:40]))]


def check_case(bench, number, case):
    """Two runs of one case: [(whether it is right, what was looked at, details)]."""
    title, checked = case["title"], []
    arguments = bench.arguments(case, bench.path(f"data-{number}"))
    first = bench.run(arguments)
    if first.returncode != 0:
        return [(False, f"{title}: replays", f"exit {first.returncode}\n{first.stderr or first.stdout}")]
    printed = json.loads(first.stdout)
    found = differences(comparable(printed), comparable(bench.expected(case)))
    checked.append((not found, f"{title}: every figure", "\n".join(found[:40])))
    took = printed["seconds"]
    checked.append((isinstance(took, (int, float)) and 0 <= took < SECONDS_MAX, f"{title}: says how long it took", took))
    again = bench.run(arguments)
    same = again.returncode == 0 and comparable(json.loads(again.stdout)) == comparable(printed)
    checked.append((same, f"{title}: the second run prints the same", again.stderr or again.stdout[:2000]))
    return checked + check_days(bench, case, bench.path(f"data-{number}"), printed)


def check_refusals(bench):
    """A directory belongs to the inputs of its first replay; after every refusal it still answers as before."""
    case = cases.CASES[0]
    checked = check_case(bench, "refusals", {**case, "title": "before the refusals"})
    others = {"another wait": {**case, "journeys": [cases.win_back(wait="31d")]},
              "one more journey": {**case, "journeys": [cases.win_back(), cases.second_order()]},
              "another journey": {**case, "journeys": [cases.second_order()]},
              "events in another order": {**case, "order": "time"},
              "contacts where there were none": {**case, "contacts": True},
              "another start": {**case, "from": "1997-02-01T00:00:00Z"},
              "actions where there were none": {**case, "actions": [("1997-03-01T00:00:00Z", "Win back", "stop")]}}
    for number, (title, other) in enumerate(others.items()):
        arguments = bench.arguments(other, bench.path(f"other-{number}"))
        arguments[arguments.index("--data") + 1] = bench.path("data-refusals")
        refused = bench.run(arguments)
        checked.append((refused.returncode > 0 and bool(refused.stderr.strip()), f"refused on a used directory: {title}",
                        f"exit {refused.returncode}, stderr: {refused.stderr}"))
    return checked + check_case(bench, "refusals", {**case, "title": "after the refusals"})


def work(number):
    """One task of a worker: a case by its number, or the refusals."""
    return check_refusals(BENCH) if number is None else check_case(BENCH, number, cases.CASES[number])


def chosen(part):
    """The numbers of the cases to run; None stands for the refusals."""
    if part:
        return [number for number, case in enumerate(cases.CASES) if part in case["title"]]
    few = os.environ.get("CDNOW_CASES") == "few"
    return [number for number, case in enumerate(cases.CASES) if not few or case.get("soon")] + [None]


def main(binary, data, part=""):
    global BENCH
    tap = Tap()
    if not os.path.exists(data):
        tap.skip("CDNOW", f"{data} is not there")
        return tap.done()
    with tempfile.TemporaryDirectory(prefix="sojourn-cdnow-") as folder:
        BENCH = Bench(os.path.abspath(binary), folder, oracle.read_cdnow(data))
        BENCH.prepare()
        with multiprocessing.get_context("fork").Pool(os.cpu_count()) as pool:  # the workers inherit the histories
            for checked in pool.imap(work, chosen(part)):
                for good, title, details in checked:
                    tap.ok(good, title, details)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
