"""Keys made and revoked by command, against a running server and against a closed directory.

usage: key_test.py BINARY
"""
import json
import os
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tools"), HERE]
from asking import Asking
from commands import Commands, track
from serving import Serving
from tap import Tap


def keys(asking):
    """[(kind, name, in force)] as `key list` has them."""
    return [(key["kind"], key["name"], key["revoked"] is None) for key in json.loads(asking.run("key", "list", "--json").stdout)]


def made(tap, asking, kind, name):
    """A new key's id and secret."""
    run = asking.run("key", "create", kind, name)
    lines = run.stdout.splitlines()
    tap.ok(run.returncode == 0 and run.stderr == "" and len(lines) == 2 and lines[0].startswith(f'{kind} key "{name}", id ') and
           lines[1].startswith(f"{kind}_"), f"key create {kind} {name} ({asking.way})", run.stdout + run.stderr)
    return lines[0].split("id ")[1].split(".")[0], lines[1]


def refused(tap, asking, title, code, texts, *words):
    run = asking.run("key", *words)
    tap.ok(run.returncode == code and run.stderr.startswith("sojourn: ") and all(text in run.stderr for text in texts) and run.stdout == "",
           f"{title} ({asking.way})", f"exit {run.returncode}\n{run.stdout}{run.stderr}")


def check_keys(tap, asking):
    """`write` and `admin` of a name of each way; what is made is revoked, but for the admin token that it gives back."""
    name = f"of {asking.way}"
    before = keys(asking)
    write, _ = made(tap, asking, "write", name)
    admin, token = made(tap, asking, "admin", name)
    tap.equal(f"both are in force ({asking.way})", keys(asking), [*before, ("write", name, True), ("admin", name, True)])
    listed = asking.run("key", "list").stdout
    tap.ok(listed.splitlines()[0].split() == ["id", "kind", "created", "revoked", "by", "name"] and name in listed and token not in listed,
           f"key list shows them without secrets ({asking.way})", listed)
    refused(tap, asking, "a name that is taken", 1, (f"sojourn: {name}: ",), "create", "write", name)
    refused(tap, asking, "an unknown kind", 1, ("/kind", "write and admin"), "create", "read", name)
    run = asking.run("key", "revoke", write)
    tap.equal(f"key revoke ({asking.way})", (run.returncode, run.stdout), (0, f'write key "{name}", id {write}: revoked\n'))
    tap.equal(f"it is in force no more ({asking.way})", keys(asking)[-2:], [("write", name, False), ("admin", name, True)])
    tap.equal(f"revoked again it stays so ({asking.way})", asking.run("key", "revoke", write).returncode, 0)
    for wrong in ("9999", "0", "all"):
        refused(tap, asking, f"key revoke {wrong}", 1, (f"sojourn: {wrong}: ",), "revoke", wrong)
    return admin, token


def check_usage(tap, asking):
    for words, text in (((), "list, create or revoke is missing"), (("lsit",), 'did you mean "list"?'), (("destroy",), "there are list, create and revoke"),
                        (("create", "write"), "key create KIND NAME"), (("create", "write", "web", "shop"), "quote a name"),
                        (("revoke",), "key revoke ID"), (("list", "all"), "key list")):
        refused(tap, asking, f"key {' '.join(words)}", 2, (text,), *words)
    run = asking.commands.run("key", "--help")
    tap.ok(run.returncode == 0 and "sojourn key create admin ann" in run.stdout, f"key --help ({asking.way})", run.stdout)


def status_of(serving, path, key_kind, secret, body=None):
    serving.keys[key_kind] = secret
    return serving.ask("POST" if body else "GET", path, body)[0]


def check_what_they_open(tap, commands, serving):
    """A key that the command made is one; a token revoked is none; one made on the closed directory opens the server."""
    asking, old = Asking(commands, serving, False), serving.keys["admin token"]
    number, secret = made(tap, asking, "write", "shop")
    tap.equal("a new write key takes events", status_of(serving, "/v1/track", "write key", secret, track("ann", "2026-01-01T00:00:00Z")), 200)
    asking.run("key", "revoke", number)
    tap.equal("and when it is revoked no more", status_of(serving, "/v1/track", "write key", secret, track("ann", "2026-01-01T00:00:00Z")), 401)
    refused(tap, asking, "the last admin token stays", 1, ("admin",), "revoke", "2")
    number, secret = made(tap, asking, "admin", "ann")
    tap.equal("a new admin token opens the API", status_of(serving, "/v1/journeys", "admin token", secret), 200)
    tap.equal("with two of them one can go", asking.run("key", "revoke", "2").returncode, 0)
    tap.equal("and is none any more", status_of(serving, "/v1/journeys", "admin token", old), 401)
    serving.keys["admin token"] = secret


def main(binary):
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="sojourn-key-") as folder:
        commands, serving = Commands(binary, folder), Serving(binary, f"{folder}/data")
        try:
            serving.start()
            check_what_they_open(tap, commands, serving)
            running, closed = Asking(commands, serving, False), Asking(commands, serving, True)
            check_usage(tap, running)
            number, _ = check_keys(tap, running)
            tap.equal("tidied up", running.run("key", "revoke", number).returncode, 0)
            serving.end()
            check_usage(tap, closed)
            _, token = check_keys(tap, closed)
            serving.start()
            tap.equal("a token made while the server was stopped opens it", status_of(serving, "/v1/journeys", "admin token", token), 200)
            made_by = {key["name"]: key["created_by"] for key in json.loads(running.run("key", "list", "--json").stdout)}
            tap.equal("who made them is known", (made_by["ann"], made_by["of --server"], made_by["of --data"]), ("admin", "ann", "command line"))
            serving.end()
        finally:
            serving.abandon()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
