#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""What examples/12_flagship/hourly_funnel has to find, computed in one straight pass over all rows, with nothing of the
library; and the comparison with what the job has written.

    funnel_truth.py INPUT OUTPUT

An event is late when its hour is over: the latest time before it, less two hours, is at or behind the hour's end. Rows are
judged in the order of the files' names and their lines, one by one.
"""
import collections
import csv
import datetime
import json
import pathlib
import re
import sys

TYPES = ("view", "cart", "purchase", "remove_from_cart")
HOUR = 3600
DISORDER = 2 * HOUR
REMEMBERED = 5000
MASK = 2**64 - 1
EPOCH = datetime.datetime(1970, 1, 1)

TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")
PRICE = re.compile(r"(\d{1,12})(?:\.(\d{0,2}))?")
NUMBER = re.compile(r"\d{1,19}")


def mixed(number):
    x = (number + 0x9E3779B97F4A7C15) & MASK
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & MASK
    return x ^ (x >> 31)


def normal(text):
    text = (text or "").strip(" \t")
    return text.lower() if text.isascii() else "".join(c.lower() if c.isascii() else c for c in text)


def seconds_of(text):
    if not TIME.fullmatch(text):
        return None
    try:
        return int((datetime.datetime.fromisoformat(text.removesuffix(" UTC")) - EPOCH).total_seconds())
    except ValueError:
        return None


def cents_of(text):
    found = PRICE.fullmatch(text)
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0")) if found else 0


def rows_of(path):
    """Line, fields by name or None where there are not as many as belong, text."""
    if path.suffix == ".jsonl":
        for line, text in enumerate(path.read_text().splitlines(), 1):
            try:
                yield line, {name: str(value) for name, value in json.loads(text).items()}, text
            except ValueError:
                yield line, None, text
        return
    with path.open(newline="") as file:
        reader = csv.reader(file)
        header = next(reader)
        for fields in reader:
            fits = len(fields) == len(header)
            yield reader.line_num, dict(zip(header, fields)) if fits else None, ",".join(fields)


def read_products(path):
    products = collections.defaultdict(lambda: ["", ""])
    if path.exists():
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                product = products[int(row["product_id"])]
                product[0] = product[0] or normal(row.get("brand"))
                product[1] = product[1] or normal(row.get("category_code"))
    return products


class Truth:
    def __init__(self, directory):
        self.directory = directory = pathlib.Path(directory)
        self.last = ""  # the file that was read last
        self.table = {}  # (brand, hour): what is counted
        self.late = []  # (id, seconds, brand, type, seconds late)
        self.dead = []  # (file, line)
        self.rows = self.removed = self.repeated = 0
        self.ids = set()
        self.products = read_products(directory / "items.csv")
        self.seen = collections.OrderedDict()
        self.frontier = None
        self.go_on()

    def go_on(self, most=None):
        """The files that have come since, or so many of them."""
        paths = sorted(self.directory.glob("events*.jsonl")) or sorted(self.directory.glob("events*.csv"))
        for path in [path for path in paths if path.name > self.last][:most]:
            self.last = path.name
            for line, row, text in rows_of(path):
                self.rows += 1
                self.take(path.name, line, row, text)

    def take(self, file, line, row, text):
        event = row and self.read(row)
        if not event:
            found = re.match(r'(?:\{"event_id": )?(\d+),', text)
            if found:
                self.ids.add(int(found[1]))
            self.dead.append((file, line))
            return
        number, seconds, kind, product, user, session, brand, category, cents = event
        self.ids.add(number)
        over = self.frontier  # as it was before this row
        self.frontier = max(self.frontier, seconds - DISORDER) if over is not None else seconds - DISORDER
        if kind == "remove_from_cart":
            self.removed += 1
            return
        same = (number, seconds, kind, product, user, session)
        if same in self.seen:
            self.seen.move_to_end(same)
            self.repeated += 1
            return
        self.seen[same] = True
        if len(self.seen) > REMEMBERED:
            self.seen.popitem(last=False)
        hour = seconds // HOUR * HOUR
        if over is not None and hour + HOUR <= over:
            self.late.append((number, seconds, brand, kind, over - seconds))
            return
        cell = self.table.setdefault(
            (brand, hour), {"view": 0, "cart": 0, "purchase": 0, "cents": 0, "users": set(), "categories": set(), "sum": 0})
        cell[kind] += 1
        cell["cents"] += cents if kind == "purchase" else 0
        cell["users"].add(user)
        cell["categories"].add(category)
        cell["sum"] = (cell["sum"] + mixed(number)) & MASK

    def read(self, row):
        seconds = seconds_of(row.get("event_time", ""))
        cents = cents_of(row.get("price", ""))
        numbers = [row.get("product_id", ""), row.get("user_id", ""), row.get("event_id") or "0"]
        right = all(NUMBER.fullmatch(text) for text in numbers)
        if seconds is None or cents == 0 or not right or row.get("event_type") not in TYPES or "user_session" not in row:
            return None
        product, user, number = map(int, numbers)
        known = self.products.get(product, ["", ""])
        brand = normal(row.get("brand")) or known[0] or "(no brand)"
        category = normal(row.get("category_code")) or known[1] or "(no category)"
        return number, seconds, row["event_type"], product, user, row["user_session"], brand, category, cents

    def cells(self):
        """The table as the job writes it."""
        for (brand, hour), cell in self.table.items():
            views, carts, purchases = cell["view"], cell["cart"], cell["purchase"]
            yield (brand, hour), (
                views, carts, purchases, cell["cents"], len(cell["users"]), len(cell["categories"]),
                carts / views if views else None, purchases / carts if carts else None,
                purchases / views if views else None, cell["sum"])


def time_of(text):
    return int((datetime.datetime.fromisoformat(text.removesuffix("Z")) - EPOCH).total_seconds())


class Found:
    """What the job has written."""

    def __init__(self, directory):
        directory = pathlib.Path(directory)
        self.table = {}
        self.records = 0
        with (directory / "funnel.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                self.records += 1
                rates = [float(row[name]) if row[name] else None for name in ("view_to_cart", "cart_to_purchase", "conversion")]
                self.table[row["brand"], time_of(row["hour"])] = (
                    int(row["views"]), int(row["carts"]), int(row["purchases"]), int(row["revenue"].replace(".", "")),
                    int(row["users"]), int(row["categories"]), *rates, int(row["events"]))
        with (directory / "late.csv").open(newline="") as file:
            self.late = [(int(row["event_id"]), time_of(row["event_time"]), row["brand"], row["event_type"],
                          int(row["seconds_late"])) for row in csv.DictReader(file)]
        self.dead = []
        for path in sorted(directory.glob("dead_letters.*.csv")):
            with path.open(newline="") as file:
                self.dead += [(row["file"], int(row["line"])) for row in csv.DictReader(file)]


def differences(truth, found):
    """Sentences; none when the job has found what it should."""
    wrong = []
    table = dict(truth.cells())
    for key in sorted(table.keys() | found.table.keys()):
        if table.get(key) != found.table.get(key):
            wrong.append(f"the row of {key} is {found.table.get(key)} and should be {table.get(key)}")
    if found.records != len(found.table):
        wrong.append(f"the table has {found.records} records for {len(found.table)} keys")
    for name, right, have in (("late list", truth.late, found.late), ("dead letters", truth.dead, found.dead)):
        if right != have:
            first = next((i for i, (a, b) in enumerate(zip(right, have)) if a != b), min(len(right), len(have)))
            wrong.append(f"the {name} has {len(have)} entries, and should have {len(right)}; from number {first + 1} on it is "
                         f"{have[first:first + 2]} and should be {right[first:first + 2]}")
    # Every row is in exactly one place.
    counted = sum(sum(cell[:3]) for cell in found.table.values())
    everywhere = counted + len(found.late) + len(found.dead) + truth.removed + truth.repeated
    if everywhere != truth.rows:
        wrong.append(f"{truth.rows} rows came in, and {everywhere} came out: {counted} counted, {len(found.late)} late, "
                     f"{len(found.dead)} dead letters, {truth.removed} that no funnel has, {truth.repeated} that came twice")
    return wrong


def main():
    truth, found = Truth(sys.argv[1]), Found(sys.argv[2])
    wrong = differences(truth, found)
    print("\n".join(wrong[:20]) or f"{len(found.table)} rows, {len(found.late)} late, {len(found.dead)} dead letters: all as they should be")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
