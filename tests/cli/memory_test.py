"""What /metrics says of memory, held against what the kernel says: the kinds must add up to within a tenth of it.

usage: memory_test.py BINARY [CONTACTS]
"""
import os
import re
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tools"), HERE]
from serving import SECONDS_MAX, Serving
from tap import Tap

CONTACTS, RECORDS, WITHIN, RECORD_BYTES = 300_000, 1000, 0.1, 48
WAITING = {"name": "Waiting", "entry": {"rules": [{"event": "Joined"}]}, "timeout": "30d",
           "nodes": {"a": {"type": "wait", "for": "7d", "next": "end"}, "end": {"type": "stop"}}, "start": "a"}
# Meson has malloc write over what it hands out, which makes memory resident that nobody has used yet.
ENVIRONMENT = {"MALLOC_PERTURB_": "0"}
KIND = re.compile(r'^sojourn_memory_bytes\{kind="(\w+)"\} (\d+)$', re.M)
RESIDENT = re.compile(r"^sojourn_resident_bytes (\d+)$", re.M)


def identify(n):
    return (f'{{"type":"identify","userId":"{n * 2654435761 % 2**32:08x}-5b1c-4d2e-9f30-{n:012x}","traits":{{"email":"{n * 40503 % 2**48:012x}@example.org",'
            f'"city":"city {n % 7}","plan":"plan {n % 3}","source":"source {n % 5}","language":"language {n % 4}","score":{n % 1000},"age":{n % 90},'
            f'"spent":{n % 977}.5,"opted":{"true" if n % 2 else "false"},"since":"2026-01-{n % 28 + 1:02}T10:00:00Z"}}}}')


def track(n, event):
    return f'{{"type":"track","userId":"{n * 2654435761 % 2**32:08x}-5b1c-4d2e-9f30-{n:012x}","event":"{event}","messageId":"{event}-{n}"}}'


def send(serving, connection, records):
    """Again where the server has no room for more just now."""
    body = '{"batch":[' + ",".join(records) + "]}"
    while True:
        connection.request("POST", "/v1/batch", body, serving.headers("/v1/batch"))
        answer = connection.getresponse()
        text = answer.read()
        if answer.status == 200:
            return
        if answer.status not in (429, 503):
            raise RuntimeError(f"{answer.status} {text}")


def fill(serving, contacts):
    connection = serving.connect()
    for record in (identify, lambda n: track(n, "Seen"), lambda n: track(n, "Bought"), lambda n: track(n, "Joined")):
        for first in range(0, contacts, RECORDS):
            send(serving, connection, [record(n) for n in range(first, min(first + RECORDS, contacts))])
    connection.close()


def weigh(serving):
    text = serving.ask("GET", "/metrics")[1]
    return {kind: int(size) for kind, size in KIND.findall(text)}, int(RESIDENT.search(text)[1])


def weigh_when_told(serving, enrollments):
    """The workers tell what they hold once a second."""
    until = time.monotonic() + SECONDS_MAX
    while True:
        kinds, resident = weigh(serving)
        if kinds["enrollments"] >= enrollments * RECORD_BYTES or time.monotonic() > until:
            return kinds, resident


def check(tap, when, kinds, resident, contacts):
    told = sum(kinds.values())
    listing = " ".join(f"{kind} {size / 1e6:.1f}" for kind, size in kinds.items())
    print(f"# {when}: {told / 1e6:.1f} of {resident / 1e6:.1f} MB: {listing}", flush=True)
    tap.ok(abs(told - resident) <= WITHIN * resident, f"{when}, the kinds add up to what is resident, within a tenth", listing)
    for kind, least, most in (("contacts", 60, 110), ("attributes", 85, 100), ("strings", 20, 40), ("past", 60, 110), ("enrollments", 48, 60), ("timers", 8, 24)):
        tap.ok(least <= kinds[kind] / contacts <= most, f"{when}, {kind} are {least} to {most} bytes each", f"{kinds[kind] / contacts:.1f}")


def main(binary, contacts=CONTACTS):
    contacts, tap = int(contacts), Tap()
    with tempfile.TemporaryDirectory(prefix="sojourn-memory-") as folder:
        serving = Serving(binary, f"{folder}/data")
        try:
            serving.start("--workers", "2", environment=ENVIRONMENT)
            tap.equal("a journey is published", serving.ask("POST", "/v1/journeys?publish=true", WAITING)[0], 201)
            began = time.monotonic()
            fill(serving, contacts)
            print(f"# {time.monotonic() - began:.1f} s to fill it", flush=True)
            check(tap, "filled over HTTP", *weigh_when_told(serving, contacts), contacts)
            serving.end()
            serving.start("--workers", "2", environment=ENVIRONMENT)
            check(tap, "started again", *weigh_when_told(serving, contacts), contacts)
            tap.equal("it stops", serving.end(), 0)
        finally:
            serving.abandon()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
