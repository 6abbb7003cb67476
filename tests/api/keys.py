"""Write keys and admin tokens over the API. Each test takes the tap and a server."""


def make(server, kind, name, key="admin"):
    return server.ask("POST", "/v1/keys", {"kind": kind, "name": name}, key)


def revoke(server, number, key="admin"):
    return server.ask("DELETE", f"/v1/keys/{number}", key=key)


def listed(server, **query):
    return server.get("keys", **query).body


def test_make(tap, server):
    before = listed(server)["keys"]
    ann = make(server, "admin", "ann")
    tap.equal("an admin token is made", (ann.status, ann.body["kind"], ann.body["name"], ann.body["id"], ann.body["revoked"]),
              (201, "admin", "ann", before[-1]["id"] + 1, None))
    bearer = "Bearer " + ann.body["secret"]
    tap.equal("and good at once", server.ask("GET", "/v1/journeys", key=bearer).status, 200)
    shop = make(server, "write", "shop", bearer)
    tap.equal("who made it is known by the token's name", shop.body["created_by"], "ann")
    sent = server.ask("POST", "/v1/track", {"userId": "kim", "event": "Keyed"}, None)
    tap.equal("no key sends nothing", sent.status, 401)
    sent = server.ask("POST", "/v1/track", {"userId": "kim", "event": "Keyed", "writeKey": shop.body["secret"]}, None)
    tap.equal("a write key sends events", sent.status, 200)
    tap.ok("secret" not in str(listed(server)) and shop.body["secret"] not in str(listed(server)), "lists show no secrets", listed(server))
    return ann.body, shop.body


def test_refusals(tap, server):
    tap.equal("the name of a key in force is taken", make(server, "admin", "ann").body["pointer"], "/name")
    tap.equal("for its kind", make(server, "admin", "ann").status, 409)
    for title, body, pointer in (("no kind", {"name": "x"}, "/kind"), ("another kind", {"kind": "root", "name": "x"}, "/kind"),
                                 ("no name", {"kind": "write"}, "/name"), ("an empty name", {"kind": "write", "name": ""}, "/name"),
                                 ("a long name", {"kind": "write", "name": "x" * 81}, "/name"), ("a number", {"kind": 3, "name": "x"}, "/kind")):
        answer = server.ask("POST", "/v1/keys", body, "admin")
        tap.equal(f"{title} is refused", (answer.status, answer.body.get("pointer")), (400, pointer))
    tap.equal("an unknown member is refused", server.ask("POST", "/v1/keys", {"kind": "write", "name": "x", "role": 1}, "admin").status, 400)
    tap.equal("a body that is no object is refused", server.ask("POST", "/v1/keys", [], "admin").status, 400)
    tap.equal("an id that is nobody's is 404", [revoke(server, number).status for number in (0, 999, "x")], [404] * 3)
    tap.equal("a write key makes none", make(server, "write", "y", "write").status, 401)
    tap.equal("a cursor that no list gave is refused", server.get("keys", cursor="-1").status, 400)


def test_revoke(tap, server):
    ann, shop = (next(k for k in listed(server)["keys"] if k["name"] == name) for name in ("ann", "shop"))
    secret = make(server, "admin", "bob").body["secret"]
    answer = revoke(server, ann["id"])
    tap.equal("a token is revoked", (answer.status, answer.body["revoked"] is None), (200, False))
    tap.equal("again it stays as it was", revoke(server, ann["id"]).body, answer.body)
    again = make(server, "admin", "ann")
    tap.ok(again.status == 201 and again.body["id"] != ann["id"], "its name may be given again, its id not", again)
    tap.equal("revoked by a token that was good until now", revoke(server, shop["id"], "Bearer " + secret).body["revoked_by"], "bob")
    bob = next(k for k in listed(server)["keys"] if k["name"] == "bob")
    revoke(server, bob["id"])
    tap.equal("what is revoked opens nothing from then on", server.ask("GET", "/v1/keys", key="Bearer " + secret).status, 401)
    page = listed(server, limit=2)
    rest = listed(server, limit=1000, cursor=page["next"])
    tap.equal("pages of the list follow each other", page["keys"] + rest["keys"], listed(server)["keys"])


def test_last(tap, server):
    """Leaves one admin token: the server's own."""
    own = next(k["id"] for k in listed(server)["keys"] if k["kind"] == "admin" and k["revoked"] is None)
    for key in listed(server)["keys"]:
        if key["kind"] == "admin" and key["revoked"] is None and key["id"] != own:
            revoke(server, key["id"])
    answer = revoke(server, own)
    tap.equal("the last admin token is not revoked", (answer.status, server.get("keys").status), (409, 200))
    tap.ok("last admin token" in answer.body["detail"], "and why is said", answer)


def test_many(tap, server):
    """Leaves room again."""
    made = []
    while (answer := make(server, "write", f"many {len(made)}")).status == 201:
        made.append(answer.body["id"])
    tap.ok(150 < len(made) < 200 and answer.status == 409 and "revoke one" in answer.body["detail"], "only so many keys are in force", answer)
    tap.equal("one that is revoked makes room", (revoke(server, made[0]).status, make(server, "write", "after").status), (200, 201))
    for number in made[1:]:
        revoke(server, number)


TESTS = (test_make, test_refusals, test_revoke, test_last, test_many)


def test_restart(tap, binary, folder, served):
    """What was made is good after a crash, what was revoked is not."""
    with served(binary, folder) as server:
        kept, gone = make(server, "admin", "kept").body, make(server, "admin", "gone").body
        revoke(server, gone["id"])
        before = listed(server)["keys"]
    with served(binary, folder) as server:
        statuses = [server.ask("GET", "/v1/keys", key="Bearer " + key["secret"]).status for key in (kept, gone)]
        tap.equal("after a crash a key is good, or revoked, as it was", statuses, [200, 401])
        tap.equal("ids and names are the same", listed(server)["keys"][:len(before)], before)
