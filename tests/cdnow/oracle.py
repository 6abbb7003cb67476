"""What a replay must print, worked out without the engine.

A contact never meets another one in these journeys, so each is walked alone: its records in time order, and
between them the timers that fall due. The order is that of spec/time-runs-stats.md section 1 and nothing is
shared with src/: no queue, no batches, no ledger, just one contact and a list of records. Whatever a definition
says that this file does not understand is an error, so that no figure is compared by luck.
"""
import collections
import datetime

# What came about a contact: an event (name, properties) or a change of its attributes (name None, traits).
Record = collections.namedtuple("Record", "at name properties traits")

REASONS = ("completed", "goal", "exit_rule", "timed_out", "force_exit", "version_stopped", "carried_over",
           "removed", "contact_deleted", "contact_merged")
UNIT_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


def duration_ms(text):
    return int(text[:-1]) * UNIT_MS[text[-1]]


def instant_ms(text):
    return round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def only(mapping, *keys):
    unknown = set(mapping) - set(keys)
    if unknown:
        raise NotImplementedError(f"the oracle does not know {sorted(unknown)} in {mapping}")


def compare(rule, have):
    """Missing is false in every comparison but `missing`."""
    if "missing" in rule:
        return (have is None) == rule["missing"]
    if "exists" in rule:
        return (have is not None) == rule["exists"]
    if have is None:
        return False
    operators = {"eq": lambda v: have == v, "ne": lambda v: have != v, "gt": lambda v: have > v,
                 "gte": lambda v: have >= v, "lt": lambda v: have < v, "lte": lambda v: have <= v,
                 "in": lambda v: have in v, "between": lambda v: v[0] <= have <= v[1]}
    named = [name for name in operators if name in rule]
    if len(named) != 1:
        raise NotImplementedError(f"the oracle does not know the comparison {rule}")
    return operators[named[0]](rule[named[0]])


def where_holds(where, record):
    if where is None:
        return True
    if "all" in where:
        return all(where_holds(w, record) for w in where["all"])
    if "any" in where:
        return any(where_holds(w, record) for w in where["any"])
    if "not" in where:
        return not where_holds(where["not"], record)
    return compare(where, record.properties.get(where["property"]))


def enough(rule, number):
    if "exactly" in rule:
        return number == rule["exactly"]
    if "at_most" in rule:
        return number <= rule["at_most"] and number >= rule.get("at_least", 0)
    return number >= rule.get("at_least", 1)


def count(name, rule, records, now):
    since = now - duration_ms(rule["within"]) if "within" in rule else None
    return sum(1 for record in records if record.name == name and (since is None or record.at >= since)
               and where_holds(rule.get("where"), record))


def rule_holds(rule, records, attributes, now):
    """A contact rule over what has arrived: `records` ends with the newest one there is."""
    if "all" in rule:
        return all(rule_holds(r, records, attributes, now) for r in rule["all"])
    if "any" in rule:
        return any(rule_holds(r, records, attributes, now) for r in rule["any"])
    if "not" in rule:
        return not rule_holds(rule["not"], records, attributes, now)
    if "attribute" in rule:
        return compare(rule, attributes.get(rule["attribute"]))
    only(rule, "did", "did_not", "where", "within", "at_least", "at_most", "exactly")
    if "did_not" in rule:
        return not enough(rule, count(rule["did_not"], rule, records, now))
    return enough(rule, count(rule["did"], rule, records, now))


def outcomes(node):
    """Every outcome of a node, in the order of definition.md section 2."""
    kind = node["type"]
    if kind in ("wait", "update"):
        return ["next"]
    if kind == "wait_for":
        return ["yes", "timed_out"]
    if kind == "segment":
        return [group["name"] for group in node["groups"]] + ["other"]
    if kind == "split":
        return [path["name"] for path in node["paths"]] + ["others"]
    if kind == "activate":
        return ["next", "failed"]
    if kind in ("exit", "stop"):
        return []
    raise NotImplementedError(kind)


def edges(node):
    """Outcome -> node of what is drawn; `next` stands for outcomes without an edge of their own."""
    drawn = dict(node.get("on", {}))
    for branch in node.get("groups", []) + node.get("paths", []):
        if "next" in branch:
            drawn[branch["name"]] = branch["next"]
    if "next" in node:
        for outcome in outcomes(node):
            drawn.setdefault(outcome, node["next"])
    for edge in drawn.values():
        if not isinstance(edge, str):
            raise NotImplementedError(f"the oracle does not know the edge {edge}")
    return drawn


class Journey:
    """A definition with its figures, all zeros until contacts walk through it."""

    def __init__(self, definition):
        only(definition, "name", "description", "labels", "entry", "exits", "goals", "timeout", "nodes", "start")
        self.name = definition["name"]
        self.nodes = definition["nodes"]
        self.start = definition["start"]
        self.edges = {name: edges(node) for name, node in self.nodes.items()}
        self.goals = definition.get("goals", [])
        self.exits = definition.get("exits", [])
        self.timeout_ms = duration_ms(definition["timeout"]) if "timeout" in definition else None
        entry = definition["entry"]
        only(entry, "mode", "match", "rules", "filter", "reentry")
        if len(entry["rules"]) != 1 or "event" not in entry["rules"][0]:
            raise NotImplementedError("the oracle knows one entry rule, an event")
        self.entry_rule, self.filter = entry["rules"][0], entry.get("filter")
        reentry = entry.get("reentry", {"allowed": False})
        self.reentry_allowed = reentry["allowed"]
        self.reentry_after_ms = duration_ms(reentry["after"]) if "after" in reentry else 0
        self.figures = {
            "name": self.name, "version": 1, "qualified": 0, "held_out": 0, "entered": 0, "carried_in": 0,
            "in_journey": 0, "left": dict.fromkeys(REASONS, 0), **self.ends_counted(),
            "nodes": {name: {"entered": 0, "moved": dict.fromkeys(outcomes(node), 0), "waiting": 0,
                             "waiting_before": 0, "left": dict.fromkeys(REASONS, 0),
                             "left_before": dict.fromkeys(REASONS, 0), **self.ends_counted()}
                      for name, node in self.nodes.items()}}

    def ends_counted(self):
        """left.goal by name and left.exit_rule by number, each apart."""
        return {"goals": {goal["name"]: 0 for goal in self.goals}, "goal_values": {goal["name"]: 0 for goal in self.goals}, "exit_rules": [0] * len(self.exits)}


class Walk:
    """One contact's way through one journey, from its first record to the end of the replay."""

    def __init__(self, journey, records, attributes):
        self.journey, self.records, self.attributes = journey, records, dict(attributes)
        self.seen = 0             # how many of the records have arrived
        self.inside = False
        self.ever = False         # has a passage that bars others
        self.left_at = None
        self.held, self.stopped = False, False
        self.kept = []            # what arrived while everything was held

    # -- the timeline ---------------------------------------------------------------------------------------
    def run(self, from_ms, until_ms, actions):
        happenings = [(at, 0, action) for at, action in actions]
        happenings += [(record.at, 1, record) for record in self.records if until_ms is None or record.at <= until_ms]
        happenings.sort(key=lambda happening: happening[:2])  # stable: the file's order within an instant
        for at, kind, what in happenings:
            self.timers_fire(lambda due: due < at)
            if kind == 0:
                self.act(what, at)
            else:
                self.seen += 1
                self.attributes.update(what.traits)
                if self.held:
                    self.kept.append(self.seen - 1)
                elif at >= from_ms:
                    self.settle(self.seen - 1, at)
        self.timers_fire(lambda due: until_ms is None or due <= until_ms)
        if self.inside:
            self.journey.figures["in_journey"] += 1
            self.figures()["waiting"] += 1

    def timers_fire(self, is_due, now=None):
        while self.inside and not self.held:
            due, kind = min(((when, order) for when, order in ((self.timeout_due, 0), (self.due, 1))
                             if when is not None), default=(None, None))
            if due is None or not is_due(due):
                return
            at = due if now is None else now
            if kind == 0:
                self.leave("timed_out", at)
            else:
                self.move("timed_out" if self.node()["type"] == "wait_for" else "next", at)

    def act(self, action, at):
        if action == "stop":
            self.held, self.stopped = False, True
            if self.inside:
                self.leave("version_stopped", at)
        elif action == "pause":
            self.held = True
        elif action == "resume":
            self.held = False
            if self.inside and (self.timeout_due is not None or self.node()["type"] != "wait"):
                raise NotImplementedError("the oracle resumes only where contacts stand in waits, without timeout")
            for index in self.kept:
                if self.inside:
                    self.ends(index, at)
            self.kept = []
            self.timers_fire(lambda due: due < at, now=at)
        else:
            raise NotImplementedError(action)

    # -- one event: ends, entry, movement -------------------------------------------------------------------
    def settle(self, index, at):
        if self.inside:
            self.ends(index, at)
        if not self.inside:
            self.enter(index, at)
        elif self.node()["type"] == "wait_for":
            if self.awaited(self.node()["rule"], index, at):
                self.move("yes", at)

    def ends(self, index, at):
        for reason, rules, armed in (("goal", self.journey.goals, self.goals_armed),
                                     ("exit_rule", self.journey.exits, None)):
            for number, rule in enumerate(rules):
                if "event" in rule:
                    holds = self.event_rule_met(rule, index, self.entered_after, at)
                else:
                    holds = self.holds(rule, at)
                    if armed is not None and not armed[number]:
                        armed[number], holds = not holds, False
                if holds:
                    self.leave(reason, at, number, self.records[index].properties.get(rule["value"], 0) if "value" in rule else 0)
                    return

    def event_rule_met(self, rule, index, after, at):
        """`after` records had arrived when counting began: it is this one's turn only if it fits as well."""
        only(rule, "event", "where", "at_least", "within", "name", "value")
        record = self.records[index]
        return (rule["event"] == record.name and index >= after and where_holds(rule.get("where"), record)
                and count(record.name, rule, self.records[after:index + 1], at) >= rule.get("at_least", 1))

    def awaited(self, rule, index, at):
        if "event" in rule:
            return self.event_rule_met(rule, index, self.arrived_after, at)
        return self.holds(rule, at)

    def holds(self, rule, at):
        rule = {key: value for key, value in rule.items() if key != "name"}
        return rule_holds(rule, self.records[:self.seen], self.attributes, at)

    def enter(self, index, at):
        journey = self.journey
        if self.stopped or not self.event_rule_met(journey.entry_rule, index, 0, at):
            return
        if self.ever and not journey.reentry_allowed:
            return
        if self.left_at is not None and at < self.left_at + journey.reentry_after_ms:
            return
        if journey.filter is not None and not self.holds(journey.filter, at):
            return
        if any("event" not in rule and self.holds(rule, at) for rule in journey.exits):
            return
        self.inside = self.ever = True
        self.entered_after = self.seen
        self.goals_armed = ["event" in rule or not self.holds(rule, at) for rule in journey.goals]
        self.timeout_due = at + journey.timeout_ms if journey.timeout_ms is not None else None
        journey.figures["qualified"] += 1
        journey.figures["entered"] += 1
        self.at_node = journey.start
        self.arrive(at)

    # -- nodes ----------------------------------------------------------------------------------------------
    def node(self):
        return self.journey.nodes[self.at_node]

    def figures(self):
        return self.journey.figures["nodes"][self.at_node]

    def arrive(self, at):
        node = self.node()
        self.figures()["entered"] += 1
        self.due, self.arrived_after = None, self.seen
        kind = node["type"]
        if kind == "wait":
            self.due = at + duration_ms(node["for"])
        elif kind == "wait_for":
            if "event" not in node["rule"] and self.holds(node["rule"], at):
                self.move("yes", at)
            elif "timeout" in node:
                self.due = at + duration_ms(node["timeout"])
        elif kind == "segment":
            value = self.attributes.get(node["attribute"])
            self.move(next((g["name"] for g in node["groups"] if value in g["values"]), "other"), at)
        elif kind == "split":
            self.move(next((p["name"] for p in node["paths"] if self.holds(p["rule"], at)), "others"), at)
        elif kind == "update":
            self.update(node["changes"])
            self.move("next", at)
        elif kind == "activate":
            self.move("next", at)  # in a replay every destination answers at once
        else:
            self.leave("force_exit" if kind == "exit" else "completed", at)

    def update(self, changes):
        for change in changes:
            if "set" in change:
                self.attributes[change["set"]] = change["to"]
            elif "increase" in change:
                self.attributes[change["increase"]] += change["by"]
            else:
                raise NotImplementedError(change)

    def move(self, outcome, at):
        drawn = self.journey.edges[self.at_node]
        if not drawn:
            self.due = None
            if not self.journey.goals:  # a last node: with goals the contact stays for one of them
                self.leave("completed", at)
            return
        if outcome not in drawn:
            self.due = None
            return
        self.figures()["moved"][outcome] += 1
        self.at_node = drawn[outcome]
        self.arrive(at)

    def leave(self, reason, at, number=None, value=0):
        for figures in (self.figures(), self.journey.figures):
            figures["left"][reason] += 1
            if reason == "goal":
                figures["goals"][self.journey.goals[number]["name"]] += 1
                figures["goal_values"][self.journey.goals[number]["name"]] += value
            if reason == "exit_rule":
                figures["exit_rules"][number] += 1
        self.inside, self.left_at = False, at


def replay(definitions, histories, attributes=None, from_ms=None, until_ms=None, actions=()):
    """The JSON that `sojourn replay` owes for these inputs, without `seconds`.

    histories: contact -> its Records in time order, those of one instant in the order of the file.
    attributes: contact -> {name: value} of the contacts' file, if there is one.
    actions: [(at in ms, journey name, "pause" | "resume" | "stop")] in time order.
    """
    attributes = attributes or {}
    if from_ms is None:
        from_ms = min(records[0].at for records in histories.values() if records)
    journeys = [Journey(definition) for definition in definitions]
    for journey in journeys:
        of_journey = [(at, action) for at, name, action in actions if name == journey.name]
        for contact, records in histories.items():
            Walk(journey, records, attributes.get(contact, {})).run(from_ms, until_ms, of_journey)
    arrived = {contact: [record for record in records if until_ms is None or record.at <= until_ms]
               for contact, records in histories.items()}
    return {"contacts": len(set(attributes) | {contact for contact, records in arrived.items() if records}),
            "events": sum(1 for records in arrived.values() for record in records if record.name is not None),
            "journeys": [journey.figures for journey in journeys]}


def read_cdnow(path):
    """CDNOW_master.txt as replay() wants it, customers in the order of the file."""
    histories = {}
    with open(path, encoding="ascii") as lines:
        next(lines)
        for line in lines:
            if not line.strip():
                continue
            customer, date, quantity, total = line.split()
            at = instant_ms(f"{date[:4]}-{date[4:6]}-{date[6:]}T12:00:00Z")
            properties = {"quantity": int(quantity), "total": float(total)}
            histories.setdefault(customer, []).append(Record(at, "Order Completed", properties, {}))
    for records in histories.values():
        records.sort(key=lambda record: record.at)
    return histories
