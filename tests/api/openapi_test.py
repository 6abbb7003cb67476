"""The document and the table of routes are the same: usage: openapi_test.py API_SERVER OPENAPI."""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tools"))
from contract import Contract
from tap import Tap

ACCESS = {"open": [], "write": [{"writeKey": []}], "write_body": [{"writeKey": []}, {}], "admin": [{"adminToken": []}]}


def contents(contract, operation):
    """Every (where, schema, example) of an operation."""
    if "requestBody" in operation:
        for kind, content in operation["requestBody"]["content"].items():
            yield f"the request's {kind}", content["schema"], content.get("example")
    for status, response in operation["responses"].items():
        for kind, content in contract.resolve(response).get("content", {}).items():
            yield f"{status}'s {kind}", content["schema"], content.get("example")


def references(thing):
    if isinstance(thing, dict):
        if isinstance(thing.get("$ref"), str):
            yield thing["$ref"]
        for value in thing.values():
            yield from references(value)
    elif isinstance(thing, list):
        for value in thing:
            yield from references(value)


def known(document, reference):
    for part in reference.removeprefix("#/").split("/"):
        document = document.get(part) if isinstance(document, dict) else None
    return document is not None


def main(binary, path):
    tap, contract = Tap(), Contract(path)
    listed = subprocess.run([binary, "--routes"], capture_output=True, text=True, check=True).stdout.split("\n")
    routes = {(line.split()[0], line.split()[1]): line.split()[2] for line in listed if line}
    tap.equal("no route is served twice", len(routes), len([line for line in listed if line]))
    tap.equal("every route is in the document", sorted(set(routes) - set(contract.operations)), [])
    tap.equal("every operation of the document is served", sorted(set(contract.operations) - set(routes)), [])
    tap.equal("both ask for the same credentials", {route: contract.operations[route].get("security") for route in routes
                                                    if route in contract.operations},
              {route: ACCESS[access] for route, access in routes.items()})
    used = set(references(contract.document))
    tap.equal("every reference leads somewhere", sorted(r for r in used if not known(contract.document, r)), [])
    parts = [f"#/components/{kind}/{name}" for kind in ("schemas", "responses", "parameters") for name in contract.document["components"][kind]]
    tap.equal("nothing is described and not used", sorted(set(parts) - used), [])
    wrong, without = [], []
    for (method, template), operation in contract.operations.items():
        for where, schema, example in contents(contract, operation):
            if example is None:
                without.append(f"{method} {template}: {where}")
            else:
                wrong += [f"{method} {template}: {where}: {fault}" for fault in contract.faults(schema, example)]
    tap.equal("every body has an example", without, [])
    tap.ok(not wrong, "every example is what its schema says", "\n".join(wrong))
    names = [operation["operationId"] for operation in contract.operations.values()]
    tap.equal("operations have names of their own", len(set(names)), len(names))
    return tap.done()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
