"""Reads the demo shop of examples/ the way spec/interfaces.md sections 1 and 3 say, without the engine."""
import csv
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cdnow"))
import oracle


def typed(kind, text):
    return {"string": str, "number": float, "boolean": lambda t: t == "true", "instant": oracle.instant_ms}[kind](text)


def read_contacts(path):
    """contact -> attributes; an empty cell is no value."""
    with open(path, encoding="utf-8", newline="") as lines:
        rows = csv.reader(lines)
        columns = [(head.split(":") + ["string"])[:2] for head in next(rows)]
        return {row[0]: {name: typed(kind, text) for (name, kind), text in zip(columns[1:], row[1:]) if text != ""}
                for row in rows}


def read_records(path):
    """contact -> Records in time order."""
    histories = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            at = oracle.instant_ms(record["timestamp"])
            name = {"track": record.get("event"), "page": "Page Viewed", "identify": None}[record["type"]]
            made = oracle.Record(at, name, record.get("properties", {}), record.get("traits", {}))
            histories.setdefault(record["userId"], []).append(made)
    for records in histories.values():
        records.sort(key=lambda record: record.at)
    return histories


def expected(folder, **options):
    """What a replay of the demo must print but `seconds`."""
    folder = pathlib.Path(folder)
    histories = read_records(folder / "events.ndjson")
    definition = json.loads((folder / "journey.json").read_text(encoding="utf-8"))
    return oracle.replay([definition], histories, read_contacts(folder / "contacts.csv"), **options)
