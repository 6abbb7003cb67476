"""Settings, and the contract out of the binary. Each test takes the tap and a server."""
import pathlib

CART = {"name": "Set pause", "entry": {"rules": [{"event": "Set pause"}]}, "timeout": "30d", "start": "w",
        "nodes": {"w": {"type": "wait", "for": "1d", "next": "e"}, "e": {"type": "stop"}}}


def change(server, body, **headers):
    return server.ask("PATCH", "/v1/settings", body, "admin", {name.replace("_", "-"): value for name, value in headers.items()})


def values(answer):
    return {setting["name"]: setting["value"] for setting in answer.body["settings"]}


def batch_of(size):
    return '{"batch":[{"type":"track","userId":"big","event":"Big","properties":{"x":"' + "x" * size + '"}}]}'


def test_list(tap, server):
    answer = server.get("settings")
    tap.equal("settings are at their defaults", values(answer), {s["name"]: s["default"] for s in answer.body["settings"]})
    tap.ok(all(s["meaning"].endswith(".") and s["unit"] for s in answer.body["settings"]), "each says what it means", answer)


def test_pause_default(tap, server):
    server.publish(CART)
    tap.equal("a pause holds everything", server.act("Set pause", {"action": "pause"}).body["hold"], "all")
    server.act("Set pause", {"action": "resume"})
    tap.equal("until the setting is another", values(change(server, {"pause_default": "entries"}))["pause_default"], "entries")
    tap.equal("then it holds that", server.act("Set pause", {"action": "pause"}).body["hold"], "entries")
    server.act("Set pause", {"action": "resume"})
    tap.equal("one that names its hold has it", server.act("Set pause", {"action": "pause", "hold": "all"}).body["hold"], "all")
    tap.equal("null is the default again", values(change(server, {"pause_default": None}))["pause_default"], "all")


def test_batch_bytes(tap, server):
    big = batch_of(600 << 10)
    tap.equal("a large batch is refused", server.ask("POST", "/v1/batch", big, "write").status, 413)
    tap.equal("the limit is raised", change(server, {"batch_bytes_max": 1 << 20}).status, 200)
    answer = server.ask("POST", "/v1/batch", big, "write")
    tap.ok(answer.status != 413, "and holds from the next request on", answer)
    change(server, {"batch_bytes_max": 64 << 10})
    tap.equal("it may be lowered", server.ask("POST", "/v1/batch", batch_of(100 << 10), "write").status, 413)
    change(server, {"batch_bytes_max": None})
    tap.equal("and be the default again", server.ask("POST", "/v1/batch", batch_of(100 << 10), "write").status, 200)


def test_etag(tap, server):
    tag = server.get("settings").headers["ETag"]
    first = change(server, {"ingest_room_bytes": 32 << 20}, If_Match=tag)
    tap.ok(first.status == 200 and first.headers["ETag"] != tag, "a change is another revision", first)
    tap.equal("of two who read the same, the second is refused", change(server, {"ingest_room_bytes": None}, If_Match=tag).status, 412)
    tap.equal("and changes nothing", values(server.get("settings"))["ingest_room_bytes"], 32 << 20)
    tap.equal("nothing is no change", change(server, {}).headers["ETag"], first.headers["ETag"])


def test_refusals(tap, server):
    before = values(server.get("settings"))
    answer = change(server, {"pause_defalt": "all"})
    tap.ok(answer.status == 400 and "pause_default" in answer.body["detail"], "an unknown setting is refused, with the nearest", answer)
    for title, body, pointer in (("another hold", {"pause_default": "none"}, "/pause_default"), ("too few bytes", {"batch_bytes_max": 1}, "/batch_bytes_max"),
                                 ("too many bytes", {"batch_bytes_max": 5 << 20}, "/batch_bytes_max"), ("a text", {"ingest_room_bytes": "64 MB"}, "/ingest_room_bytes"),
                                 ("one of two", {"batch_bytes_max": 1 << 20, "pause_default": 3}, "/pause_default"), ("no object", [], None)):
        answer = change(server, body)
        tap.equal(f"{title} is refused", (answer.status, answer.body.get("pointer")), (400, pointer))
    tap.equal("what is refused changes nothing", values(server.get("settings")), before)
    tap.equal("a write key changes nothing", server.ask("PATCH", "/v1/settings", {}, "write").status, 401)


def test_contract(tap, server):
    answer = server.ask("GET", "/v1/openapi.yaml")
    document = pathlib.Path(__file__).resolve().parent.parent.parent / "api" / "openapi.yaml"
    tap.ok(answer.text == document.read_text(encoding="utf-8"), "the contract is served to the letter", answer.text[:200])
    again = server.ask("GET", "/v1/openapi.yaml", headers={"If-None-Match": answer.headers["ETag"]})
    tap.equal("who has it already is told so", (again.status, again.text), (304, ""))


TESTS = (test_list, test_pause_default, test_batch_bytes, test_etag, test_refusals, test_contract)


def test_restart(tap, binary, folder, served):
    with served(binary, folder) as server:
        change(server, {"batch_bytes_max": 64 << 10})
        before = server.get("settings")
    with served(binary, folder) as server:
        after = server.get("settings")
        tap.equal("settings outlive a crash", (values(after), after.headers["ETag"]), (values(before), before.headers["ETag"]))
        tap.equal("and are in effect", server.ask("POST", "/v1/batch", batch_of(100 << 10), "write").status, 413)
        change(server, {"batch_bytes_max": None})
