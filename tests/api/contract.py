"""api/openapi.yaml as something that answers can be held against."""
import re

import jsonschema
import yaml

METHODS = ("get", "put", "post", "delete", "patch")


class Contract:
    def __init__(self, path):
        with open(path, encoding="utf-8") as text:
            self.document = yaml.safe_load(text)
        self.operations = {}  # (METHOD, path) -> operation
        for template, item in self.document["paths"].items():
            for method in METHODS:
                if method in item:
                    self.operations[method.upper(), template] = item[method]
        self.seen, self.breaches = set(), []

    def resolve(self, thing):
        while isinstance(thing, dict) and thing.get("$ref", "").startswith("#/components/responses/"):
            thing = self.document["components"]["responses"][thing["$ref"].rsplit("/", 1)[1]]
        return thing

    def faults(self, schema, value):
        """What is wrong with a value by a schema of the document."""
        whole = {**schema, "components": self.document["components"]}
        checker = jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker())
        return [f"{error.json_path}: {error.message}" for error in checker.iter_errors(value)]

    def find(self, method, target):
        """Literal segments go before parameters."""
        path = target.split("?")[0]
        for template in sorted((t for m, t in self.operations if m == method), key=lambda t: t.count("{")):
            if re.fullmatch(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template)), path):
                return method, template
        return None

    def hold(self, method, target, answer):
        """Notes what the answer of the real server says against the document."""
        found = self.find(method, target)
        if not found:
            self.breaches.append(f"{method} {target}: no such operation")
            return
        self.seen.add((*found, answer.status))
        said = self.resolve(self.operations[found]["responses"].get(str(answer.status)))
        kind = (answer.headers.get("Content-Type") or "").split(";")[0]
        if said is not None and "content" not in said and not answer.text:
            self.hold_headers(method, target, said, answer)
            return
        if said is None or kind not in said.get("content", {}):
            self.breaches.append(f"{method} {target}: {answer.status} {kind} is not in the document: {answer}")
            return
        value = answer.text if answer.body is None else answer.body
        for fault in self.faults(said["content"][kind].get("schema", {}), value):
            self.breaches.append(f"{method} {target}: {answer.status}: {fault}: {answer}")
        self.hold_headers(method, target, said, answer)

    def hold_headers(self, method, target, said, answer):
        for header in said.get("headers", {}):
            if header not in answer.headers:
                self.breaches.append(f"{method} {target}: {answer.status} without the header {header}")
