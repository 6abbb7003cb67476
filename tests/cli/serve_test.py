"""How the server starts, what it refuses, and how it ends.

usage: serve_test.py BINARY
"""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "tools"))
from commands import WAIT, Commands, track
from serving import Serving
from tap import Tap

SECONDS_MAX = 30


def refused(tap, commands, title, code, told, *arguments):
    """It ends at once with that code and one line that holds each text of `told`."""
    try:
        run = commands.run("serve", *arguments)
    except subprocess.TimeoutExpired as error:
        tap.ok(False, f"refused: {title}", error)
        return
    lines = run.stderr.splitlines()
    tap.ok(run.returncode == code and len(lines) == 1 and lines[0].startswith("sojourn: ") and all(text in lines[0] for text in told),
           f"refused: {title}", f"exit {run.returncode}\n{run.stdout}{run.stderr}")


def check_usage(tap, commands):
    for listen in ("here", "127.0.0.1", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:65536", "127.0.0.1:-1", "x" * 64 + ":80"):
        refused(tap, commands, f"--listen \"{listen[:20]}\"", 2, ("--listen", "127.0.0.1:8080"), "--data", "usage", "--listen", listen)
    for workers in ("0", "-1", "1.5", "many", "17"):
        refused(tap, commands, f"--workers \"{workers}\"", 2, ("--workers", "from 1 to 16"), "--data", "usage", "--workers", workers)
    tap.ok(not os.path.exists(commands.path("usage")), "wrong usage makes no directory")
    refused(tap, commands, "a name to listen at", 1, ("localhost", "IP address"), "--data", "named", "--listen", "localhost:0")
    refused(tap, commands, "another machine's address", 1, ("192.0.2.1",), "--data", "far", "--listen", "192.0.2.1:0")
    run = commands.run("serve", "--help")
    tap.ok(run.returncode == 0 and all(text in run.stdout for text in ("--data", "--listen", "--workers", "127.0.0.1:8080")),
           "--help tells the options and that it listens on the loopback", run.stdout)


def check_data(tap, commands):
    commands.write("wait.json", WAIT)
    commands.write("events.ndjson", [track("ann", "2026-01-01T00:00:00Z")])
    tap.equal("a replay was made", commands.replay("replayed").returncode, 0)
    refused(tap, commands, "the directory of a replay", 1, ("replayed", "holds a replay"), "--data", "replayed", "--listen", "127.0.0.1:0")
    os.mkdir(commands.path("foreign"))
    commands.write("foreign/letter.txt", "Dear Ann")
    refused(tap, commands, "a directory with other files", 1, ("foreign", "holds other files"), "--data", "foreign", "--listen", "127.0.0.1:0")
    tap.equal("which stays as it was", os.listdir(commands.path("foreign")), ["letter.txt"])


def check_in_use(tap, commands, serving):
    serving.start()
    refused(tap, commands, "a port in use", 1, (f"127.0.0.1:{serving.port}",), "--data", "other", "--listen",
            f"127.0.0.1:{serving.port}")
    refused(tap, commands, "a data directory in use", 1, (serving.data,), "--data", serving.data, "--listen", "127.0.0.1:0")
    tap.ok(serving.ask("GET", "/healthz")[0] == 200 and serving.ask("GET", "/v1/journeys")[0] == 200, "who was there first goes on")
    tap.equal("SIGTERM ends it with status 0", serving.end(signal.SIGTERM), 0)


def refuses_connections(address, family, port):
    with socket.socket(family) as client:
        client.settimeout(SECONDS_MAX)
        return client.connect_ex((address, port)) != 0


def check_starts(tap, serving):
    """The directory has been served before."""
    serving.start()
    tap.ok("key" not in serving.printed and "token" not in serving.printed and len(serving.printed.splitlines()) == 1,
           "a second start prints no keys", serving.printed)
    tap.equal("those of the first still open it", [serving.ask("POST", "/v1/track", track("ann", "2026-01-01T00:00:00Z"))[0],
                                                    serving.ask("GET", "/v1/contacts/ann")[0]], [200, 200])
    tap.equal("SIGINT ends it with status 0", serving.end(signal.SIGINT), 0)
    tap.ok(all(line.startswith("level=info ") for line in serving.log().splitlines()) and "stopped" in serving.log(),
           "its log says so, line by line", serving.log())
    serving.start("--workers", "1", listen="0")
    tap.ok("http://127.0.0.1:" in serving.printed, "a port alone is one of the loopback", serving.printed)
    tap.ok(refuses_connections("127.0.0.2", socket.AF_INET, serving.port), "and no other address answers there")
    tap.equal("with one worker it does as well", serving.ask("GET", "/v1/contacts/ann")[0], 200)
    serving.end()


def check_ipv6(tap, serving):
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError as error:
        tap.skip("it listens at [::1]", f"no IPv6 here: {error}")
        return
    serving.start(listen="[::1]:0")
    tap.ok(f"http://[::1]:{serving.port}/" in serving.printed and not refuses_connections("::1", socket.AF_INET6, serving.port),
           "it listens at [::1]", serving.printed)
    serving.end()


def check_notify(tap, commands, serving, path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(SECONDS_MAX)
        serving.start(environment={"NOTIFY_SOCKET": path.replace("\0", "@", 1)})
        ready = manager.recv(4096).decode().split("\n")
        tap.ok("READY=1" in ready and f"STATUS=listening on 127.0.0.1:{serving.port}" in ready, "systemd is told when it listens", ready)
        status = serving.end()
        tap.equal("and when it ends", (manager.recv(4096).decode(), status), ("STOPPING=1", 0))


def check_health(tap, serving):
    serving.start()
    tap.equal("/healthz", serving.ask("GET", "/healthz"), (200, {"status": "live"}))
    tap.equal("/readyz", serving.ask("GET", "/readyz"), (200, {"status": "ready"}))
    status, metrics = serving.ask("GET", "/metrics")
    tap.ok(status == 200 and "sojourn_rows_durable_total" in metrics, "/metrics", metrics)
    serving.end()


ACTIVATE = {"name": "Tell", "entry": {"rules": [{"event": "Go"}]}, "start": "tell",
            "nodes": {"tell": {"type": "activate", "destinations": ["crm"], "next": "end"}, "end": {"type": "stop"}}}


def until(look, wanted):
    """What is seen when it is as wanted, or at the end of patience."""
    end = time.monotonic() + SECONDS_MAX
    seen = look()
    while seen != wanted and time.monotonic() < end:
        seen = look()
    return seen


def contacts_in(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return [json.loads(line)["contact"] for line in file]


def check_files(tap, commands, serving):
    """Absolute paths need the operator's word, at every start anew."""
    os.mkdir(commands.path("out"))
    allowed, define = os.path.realpath(commands.path("out")), ("PUT", "/v1/destinations/crm")
    refused(tap, commands, "a directory of --files that is not there", 1, ("nowhere", "no such directory"), "--data", "served", "--listen",
            "127.0.0.1:0", "--files", "nowhere")
    for title, directory in (("itself", serving.data), ("around it", os.path.dirname(serving.data))):
        refused(tap, commands, f"the data directory as --files: {title}", 1, (directory, "--files"), "--data", serving.data, "--listen",
                "127.0.0.1:0", "--files", directory)
    serving.start("--files", allowed, "--files", "/usr/share")
    serving.ask("POST", "/v1/journeys?publish=true", ACTIVATE)
    tap.equal("a path elsewhere is refused", serving.ask(*define, {"kind": "file", "path": "/usr/lib/crm"})[0], 403)
    tap.equal("one inside is not", serving.ask(*define, {"kind": "file", "path": f"{allowed}/crm"})[0], 201)
    serving.ask("POST", "/v1/track", {"userId": "ann", "event": "Go"})
    tap.equal("and is written", until(lambda: contacts_in(f"{allowed}/crm"), ["ann"]), ["ann"])
    serving.end()
    serving.start()
    serving.ask("POST", "/v1/track", {"userId": "bob", "event": "Go"})
    view = serving.ask("GET", define[1])[1]["state"]
    tap.ok(view == "refused" and "destination=\"crm\"" in serving.log() and contacts_in(f"{allowed}/crm") == ["ann"],
           "without --files it gets nothing, and the log says so", serving.log())
    serving.end()
    serving.start("--files", allowed)
    tap.equal("with it what waited goes out", until(lambda: contacts_in(f"{allowed}/crm"), ["ann", "bob"]), ["ann", "bob"])
    serving.end()


def check_quiet(tap, commands, serving):
    """A command on a closed directory lets nothing out while it works."""
    serving.start()
    crm = os.path.join(serving.data, "destinations", "later", "crm")
    tap.equal("a destination that can't be written to yet", serving.ask("PUT", "/v1/destinations/crm", {"kind": "file", "path": "later/crm"})[1]["state"],
              "failing")
    serving.ask("POST", "/v1/track", {"userId": "eve", "event": "Go"})
    serving.end()
    os.mkdir(os.path.dirname(crm))
    run = commands.run("pause", "Tell", "--data", serving.data)
    tap.ok(run.returncode == 0 and contacts_in(crm) == [], "a pause of a closed directory comes before what could leave by now", run.stderr)
    serving.start()
    held = until(lambda: serving.ask("GET", "/v1/destinations/crm")[1]["effects"]["held"], 1)
    tap.equal("so the server holds it", (held, contacts_in(crm)), (1, []))
    serving.ask("POST", "/v1/journeys/Tell/actions", {"action": "resume"})
    tap.equal("until it is resumed", until(lambda: contacts_in(crm), ["eve"]), ["eve"])
    serving.end()


def main(binary):
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="sojourn-serve-") as folder:
        commands, serving = Commands(binary, folder), Serving(binary, f"{folder}/data")
        try:
            check_usage(tap, commands)
            check_data(tap, commands)
            check_in_use(tap, commands, serving)
            check_starts(tap, serving)
            check_ipv6(tap, serving)
            check_notify(tap, commands, serving, f"{folder}/notify")
            check_notify(tap, commands, serving, f"\0sojourn-test-{os.getpid()}")
            check_health(tap, serving)
            check_files(tap, commands, serving)
            check_quiet(tap, commands, serving)
        finally:
            serving.abandon()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
