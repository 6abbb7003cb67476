#!/usr/bin/env python3
"""Makes the demo shop: contacts and a month of what they did. The same seed gives the same bytes.

usage: generate.py [FOLDER]     writes FOLDER/contacts.csv and FOLDER/events.ndjson (here by default)

Only Random.random() is drawn from, and only + - * on it: both are the same on every Python and machine.
"""
import datetime
import json
import pathlib
import random
import sys

SEED = 20260501
START = datetime.datetime(2026, 5, 1)
DAYS = 31
CONTACTS = 900
SIGN_UPS = 40  # contacts who come during the month: in the events, not in the file

PLANS = [("free", 0.62), ("pro", 0.22), ("team", 0.10), ("", 0.06)]
COUNTRIES = [("DE", 0.34), ("FR", 0.24), ("IT", 0.16), ("PT", 0.10), ("PL", 0.16)]
FIRST_NAMES = ["Ana", "Ben", "Chiara", "Dirk", "Elif", "Felix", "Greta", "Hugo", "Inês", "Jakub", "Katrin", "Léa",
               "Marta", "Nico", "Ola", "Paulo", "Rita", "Søren", "Tomasz", "Zoë"]
PRODUCTS = [("lamp-arc", "lighting", 129.0), ("lamp-desk", "lighting", 39.5), ("candle", "lighting", 7.9),
            ("chair-oak", "furniture", 189.0), ("stool", "furniture", 59.0), ("shelf", "furniture", 84.0),
            ("mug", "kitchen", 12.5), ("teapot", "kitchen", 34.0), ("knife", "kitchen", 46.0), ("board", "kitchen", 18.0),
            ("plaid", "textile", 54.0), ("cushion", "textile", 22.0), ("towel", "textile", 16.5), ("rug", "textile", 149.0)]
# How likely a visit begins in each hour of the day.
HOURS = [1, 1, 0, 0, 0, 1, 2, 4, 5, 5, 6, 6, 8, 7, 5, 5, 6, 7, 9, 12, 14, 12, 7, 3]


class Chance:
    def __init__(self, seed):
        self.random = random.Random(seed).random

    def below(self, n):
        return int(self.random() * n)

    def likely(self, probability):
        return self.random() < probability

    def one_of(self, weighted):
        at = self.random() * sum(weight for _, weight in weighted)
        for value, weight in weighted:
            at -= weight
            if at < 0:
                return value
        return weighted[-1][0]


def instant(at):
    return at.isoformat(timespec="milliseconds") + "Z"


def contact(chance, number):
    plan = chance.one_of(PLANS)
    joined = START - datetime.timedelta(seconds=1 + chance.below(900 * 86_400))
    spent = round(chance.random() * chance.random() * (900 if plan in ("pro", "team") else 400), 2)
    return {"userId": f"shopper-{number:04}", "first_name": FIRST_NAMES[chance.below(len(FIRST_NAMES))], "plan": plan,
            "email_opt_in": chance.likely(0.78), "country": chance.one_of(COUNTRIES),
            "lifetime_value": spent if chance.likely(0.9) else 0, "signed_up": joined}


class Shop:
    """The month as it comes: every call appends one record at the shopper's own clock."""

    def __init__(self, chance):
        self.chance, self.records, self.orders = chance, [], 0

    def put(self, at, who, kind, **fields):
        self.records.append((at, len(self.records), {"type": kind, "userId": who, **fields}))

    def track(self, at, who, event, **properties):
        self.put(at, who, "track", event=event, properties=properties)

    def pause(self, at, seconds_max):
        return at + datetime.timedelta(milliseconds=2_000 + self.chance.below(seconds_max * 1000))

    def order(self, at, who, basket):
        self.orders += 1
        total = round(sum(price for _, _, price in basket), 2)
        self.track(at, who, "Order Completed", order_id=f"order-{self.orders:05}", total=total,
                   items=len(basket), currency="EUR")

    def visit(self, at, who, eager):
        """One session: pages and products, perhaps a basket, perhaps an order; returns a basket left behind."""
        if self.chance.likely(0.35):
            name, path = ("Home", "/") if self.chance.likely(0.6) else ("Sale", "/sale")
            self.put(at, who, "page", name=name, properties={"path": path})
        basket = []
        for _ in range(1 + self.chance.below(4)):
            at = self.pause(at, 180)
            product = PRODUCTS[self.chance.below(len(PRODUCTS))]
            self.track(at, who, "Product Viewed", product_id=product[0], category=product[1], price=product[2])
            if self.chance.likely(0.24 + 0.16 * eager):
                at = self.pause(at, 60)
                basket.append(product)
                self.track(at, who, "Cart Updated", total=round(sum(p for _, _, p in basket), 2), items=len(basket))
        if not basket:
            return at, None
        if self.chance.likely(0.5 + 0.2 * eager):
            at = self.pause(at, 240)
            self.track(at, who, "Checkout Started", items=len(basket))
            if self.chance.likely(0.62):
                at = self.pause(at, 300)
                self.order(at, who, basket)
                return at, None
        return at, basket

    def shopper(self, who, first_day, eager):
        """A contact's month: visits on some days, and after an abandoned basket sometimes a way back."""
        day = first_day + self.chance.random() * 6
        while day < DAYS:
            hour = self.chance.one_of(list(enumerate(HOURS)))
            at = START + datetime.timedelta(days=int(day), hours=hour, milliseconds=self.chance.below(3_600_000))
            at, basket = self.visit(at, who, eager)
            if basket and self.chance.likely(0.45):
                back = at + datetime.timedelta(milliseconds=1_200_000 + self.chance.below(3 * 86_400_000))
                self.track(back, who, "Cart Viewed", items=len(basket))
                if self.chance.likely(0.4 + 0.2 * eager):
                    self.order(self.pause(back, 600), who, basket)
            day += 2 + self.chance.random() * (26 - 18 * eager)

    def change(self, at, who):
        """Now and then a contact changes the plan or the mind about mail."""
        traits = {"plan": self.chance.one_of([("pro", 3), ("team", 1), ("free", 1)])} if self.chance.likely(0.6) \
            else {"email_opt_in": self.chance.likely(0.35)}
        self.put(at, who, "identify", traits=traits)


def some_instant(chance):
    return START + datetime.timedelta(milliseconds=chance.below(DAYS * 86_400_000))


def month(chance, contacts):
    shop = Shop(chance)
    for person in contacts:
        eager = chance.random() * chance.random() + (0.3 if person["plan"] in ("pro", "team") else 0)
        if chance.likely(0.8):
            shop.shopper(person["userId"], 0, min(eager, 1))
        if chance.likely(0.05):
            shop.change(some_instant(chance), person["userId"])
    for number in range(CONTACTS + 1, CONTACTS + SIGN_UPS + 1):
        at, person = some_instant(chance), contact(chance, number)
        traits = {key: value for key, value in person.items() if key not in ("userId", "signed_up") and value != ""}
        shop.put(at, person["userId"], "identify", traits={**traits, "lifetime_value": 0, "signed_up": instant(at)})
        shop.shopper(person["userId"], (at - START).days + 1, 0.6)
    return shop.records


def write_contacts(path, contacts):
    with open(path, "w", encoding="utf-8", newline="\n") as out:
        out.write("userId,first_name,plan,email_opt_in:boolean,country,lifetime_value:number,signed_up:instant\n")
        for person in contacts:
            out.write(f"{person['userId']},{person['first_name']},{person['plan']},"
                      f"{'true' if person['email_opt_in'] else 'false'},{person['country']},"
                      f"{person['lifetime_value']},{instant(person['signed_up'])}\n")


def write_events(path, records):
    end = START + datetime.timedelta(days=DAYS)
    kept = sorted(record for record in records if record[0] < end)
    with open(path, "w", encoding="utf-8", newline="\n") as out:
        for number, (at, _, record) in enumerate(kept, 1):
            made = {"type": record["type"], "userId": record["userId"], "timestamp": instant(at),
                    "messageId": f"m-{number:06}"}
            made.update({key: value for key, value in record.items() if key not in made})
            out.write(json.dumps(made, ensure_ascii=False, separators=(",", ":")) + "\n")


def main(folder):
    chance = Chance(SEED)
    contacts = [contact(chance, number) for number in range(1, CONTACTS + 1)]
    write_contacts(folder / "contacts.csv", contacts)
    write_events(folder / "events.ndjson", month(chance, contacts))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent / "cart-rescue")
