#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Runs a query of NEXMark and compares its rows with what a straight-line computation here makes of the same events.

    check.py PROGRAM

The events are those that the program q0 beside it prints, whose SHA-256 is known for 5 000 and 100 000 of them, in order and
mixed up. Where totals of the answers have been published they are compared as well. Prints for each run how many rows there are
and the SHA-256 of the sorted rows.
"""
import collections
import hashlib
import pathlib
import subprocess
import sys

RUNS = [(5_000, 1), (5_000, 1000), (100_000, 1), (100_000, 1000)]
EVENTS = {(5_000, 1): "fe08b7a62c2053c57a5b05761718848a657bd2ab284fea2ca2b28db807536576",
          (100_000, 1): "d2ce9362b7d0a69fabe483c441ea74f06a5e1c989d0676cfb6b6d144bfef527a",
          (100_000, 1000): "fda2f31338ca86d7588c74e7815b98b045854c110c6d538d1b54d2de63f260b3"}

Person = collections.namedtuple("Person", "id name email card city state time")
Auction = collections.namedtuple("Auction", "id name description initial reserve time expires seller category")
Bid = collections.namedtuple("Bid", "auction bidder price time")
MS, SECOND, DAY = 1_000, 1_000_000, 86_400_000_000


class Site:
    """The events, times in microseconds."""

    def __init__(self, text):
        self.persons, self.auctions, self.bids, self.order = [], [], [], []
        for line in text.splitlines():
            kind, *fields = line.split(",")
            if kind == "P":
                event = Person(int(fields[0]), *fields[1:6], int(fields[6]) * MS)
                self.persons.append(event)
            elif kind == "A":
                n = [int(f) for f in (fields[0], *fields[3:])]
                event = Auction(n[0], fields[1], fields[2], n[1], n[2], n[3] * MS, n[4] * MS, n[5], n[6])
                self.auctions.append(event)
            else:
                n = [int(f) for f in fields]
                event = Bid(n[0], n[1], n[2], n[3] * MS)
                self.bids.append(event)
            self.order.append(event)


def grouped(items, key):
    groups = collections.defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups


# --- the queries: rows of texts

def q1(site):
    return [(b.auction, b.bidder, b.price * 89 // 100, b.time) for b in site.bids]


def q2(site):
    return [(b.auction, b.price) for b in site.bids if b.auction % 123 == 0]


def q3(site):
    sellers = {p.id: p for p in site.persons if p.state in ("OR", "ID", "CA")}
    return [(a.id, p.name, p.city, p.state) for a in site.auctions if a.category == 10
            for p in [sellers.get(a.seller)] if p]


def winners(site):
    bids = grouped(site.bids, lambda b: b.auction)
    for a in site.auctions:
        in_time = [b for b in bids[a.id] if a.time <= b.time <= a.expires]
        if in_time:
            yield a, min(in_time, key=lambda b: (-b.price, b.time, b.bidder))


def q4(site):
    rows = []
    for category, won in grouped(winners(site), lambda w: w[0].category).items():
        total = sum(bid.price for _, bid in won)
        rows.append((category, len(won), total, total // len(won)))
    return rows


def q5(site, slide):
    size, step = 10 * SECOND, slide * SECOND
    counts = collections.defaultdict(collections.Counter)
    for b in site.bids:
        last = b.time // step * step
        for start in range(last, b.time - size, -step):
            counts[start][b.auction] += 1
    return [(start, auction, n) for start, window in counts.items()
            for auction, n in window.items() if n == max(window.values())]


def q7(site):
    rows = []
    for start, bids in grouped(site.bids, lambda b: b.time // (10 * SECOND)).items():
        best = min(bids, key=lambda b: (-b.price, b.time, b.bidder))
        rows.append((start * 10 * SECOND, best.auction, best.bidder, best.price, best.time))
    return rows


def q8(site):
    sold = grouped(site.auctions, lambda a: (a.seller, a.time // (10 * SECOND)))
    return [(p.time // (10 * SECOND) * 10 * SECOND, p.id, p.name, a.id) for p in site.persons
            for a in sold[p.id, p.time // (10 * SECOND)]]


def q9(site):
    return [(a.id, a.name, b.bidder, b.price, b.time) for a, b in winners(site)]


def q11(site, gap):
    rows = []
    for bidder, bids in grouped(site.bids, lambda b: b.bidder).items():
        times = sorted(b.time for b in bids)
        start = end = times[0]
        n = 0
        for time in times:
            if time > end and n > 0:
                rows.append((bidder, start, end, n))
                start, n = time, 0
            end, n = time + gap * MS, n + 1
        rows.append((bidder, start, end, n))
    return rows


def q14(site):
    def part(hour):
        return "day" if 8 <= hour <= 18 else "night" if hour <= 6 or hour >= 20 else "other"
    return [(b.auction, b.bidder, part(b.time // 3_600_000_000 % 24), b.time) for b in site.bids
            if 1e6 < 0.908 * b.price < 5e7]


def bands(bids):
    return [bids, [b for b in bids if b.price < 10_000], [b for b in bids if 10_000 <= b.price < 1_000_000],
            [b for b in bids if b.price >= 1_000_000]]


def q15(site):
    rows = []
    for day, bids in grouped(site.bids, lambda b: b.time // DAY).items():
        parts = bands(bids)
        rows.append((day * DAY, *(len(p) for p in parts), *(len({b.bidder for b in p}) for p in parts),
                     *(len({b.auction for b in p}) for p in parts)))
    return rows


def q17(site):
    rows = []
    for (auction, _), bids in grouped(site.bids, lambda b: (b.auction, b.time // DAY)).items():
        prices = [b.price for b in bids]
        rows.append((auction, *(len(p) for p in bands(bids)), min(prices), max(prices), sum(prices)))
    return rows


def q18(site):
    return [(bidder, auction, *max((b.time, b.price) for b in bids)[::-1])
            for (bidder, auction), bids in grouped(site.bids, lambda b: (b.bidder, b.auction)).items()]


def q19(site):
    rows = []
    for (auction, _), bids in grouped(site.bids, lambda b: (b.auction, b.time // DAY)).items():
        best = sorted(bids, key=lambda b: (-b.price, b.time, b.bidder))[:10]
        rows += [(auction, place, b.bidder, b.price, b.time) for place, b in enumerate(best, 1)]
    return rows


def q20(site):
    known = {a.id: a for a in site.auctions if a.category == 10}
    return [(b.auction, b.bidder, b.price, b.time, a.name, a.seller, a.initial) for b in site.bids
            for a in [known.get(b.auction)] if a]


def late(site, disorder):
    """The frontier is moved by every event, behind it; a window is closed when its end has been reached."""
    size, frontier, dropped, counted, before = 30 * MS, None, 0, 0, 0
    waiting = collections.defaultdict(set)  # by their end
    for event in site.order:
        if isinstance(event, Bid):
            end = event.time // size * size + size
            if frontier is not None and end <= frontier:
                dropped += 1
            else:
                counted += 1
                waiting[end].add(event.auction)
        if frontier is None or event.time - disorder * MS > frontier:
            frontier = event.time - disorder * MS
            for end in [end for end in waiting if end <= frontier]:
                before += len(waiting.pop(end))
    return [(dropped, before, sum(map(len, waiting.values())), counted)]


# --- what has been published: by query and number of events, and the query's own number

def total(rows, column):
    return sum(int(row[column]) for row in rows)


def whole(*expected):
    return lambda rows: [tuple(map(int, row)) for row in rows] == list(expected)


BASE = 1_436_918_400 * SECOND
PUBLISHED = {
    ("q1", 5_000, 0): lambda rows: (len(rows), total(rows, 2)) == (4_600, 30_425_475_487),
    ("q1", 100_000, 0): lambda rows: (len(rows), total(rows, 2)) == (92_000, 594_478_917_334),
    ("q2", 5_000, 0): lambda rows: (len(rows), total(rows, 1)) == (6, 8_466_641),
    ("q2", 100_000, 0): lambda rows: (len(rows), total(rows, 1)) == (351, 2_502_808_698),
    ("q3", 5_000, 0): lambda rows: (len(rows), total(rows, 0)) == (4, 5_110),
    ("q3", 100_000, 0): lambda rows: (len(rows), total(rows, 0)) == (580, 2_586_338),
    ("q5", 5_000, 2): lambda rows: (len({r[0] for r in rows}), len(rows)) == (5, 10),
    ("q5", 100_000, 2): lambda rows: (len({r[0] for r in rows}), len(rows)) == (9, 15) and {
        (str(BASE - 8 * SECOND), "1000", "1518"), (str(BASE - 8 * SECOND), "1100", "1518"),
        (str(BASE), "4200", "1565")} <= set(rows),
    ("q5", 5_000, 5): lambda rows: (len({r[0] for r in rows}), len(rows)) == (2, 4),
    ("q5", 100_000, 5): lambda rows: (len({r[0] for r in rows}), len(rows)) == (3, 5),
    ("q7", 5_000, 0): lambda rows: [(r[1], r[3]) for r in rows] == [("1252", "99819658")],
    ("q7", 100_000, 0): whole((BASE, 3100, 1438, 99_958_591, BASE + 3_533 * MS)),
    ("q8", 5_000, 0): lambda rows: (len({r[1] for r in rows}), len(rows)) == (46, 298),
    ("q8", 100_000, 0): lambda rows: (len({r[1] for r in rows}), len(rows)) == (902, 6_000),
    ("q11", 5_000, 100): lambda rows: len(rows) == 126,
    ("q11", 100_000, 100): lambda rows: len(rows) == 15_510,
    ("q11", 5_000, 10_000): lambda rows: len(rows) == 100,
    ("q11", 100_000, 10_000): lambda rows: len(rows) == 1_919,
    ("q14", 5_000, 0): lambda rows: len(rows) == 1_313,
    ("q14", 100_000, 0): lambda rows: len(rows) == 26_069,
    ("q18", 5_000, 0): lambda rows: len(rows) == 542,
    ("q18", 100_000, 0): lambda rows: len(rows) == 25_248,
    ("late", 100_000, 0): whole((73_692, 4_289, 1, 18_308)),
    ("late", 100_000, 20): whole((55_200, 8_728, 2, 36_800)),
    ("late", 100_000, 50): whole((27_600, 14_337, 3, 64_400)),
    ("late", 100_000, 100): whole((0, 19_503, 5, 92_000)),
}
NUMBERS = {"q5": [2, 5], "q11": [100, 10_000], "late": [0, 20, 50, 100]}
TOTALS = {5_000: ((100, 300, 4_600), 34_185_930_072), 100_000: ((2_000, 6_000, 92_000), 667_953_890_778)}


def output(program, *arguments):
    return subprocess.run([program, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          check=True).stdout


def events(program, run):
    text = output(program.parent / "q0", *run)
    if run in EVENTS and hashlib.sha256(text).hexdigest() != EVENTS[run]:
        sys.exit(f"q0 {run}: these are not the events")
    site = Site(text.decode())
    counts = (len(site.persons), len(site.auctions), len(site.bids))
    if (counts, sum(b.price for b in site.bids)) != TOTALS[run[0]]:
        sys.exit(f"q0 {run}: other numbers of events, or another sum of prices, than have been published")
    return site


def check(program, site, run, number):
    name = program.name
    text = output(program, *run, *([number] if number is not None else [])).decode()
    rows = [tuple(line.split(",")) for line in text.splitlines()]
    say = f"{name} {run[0]} events, groups of {run[1]}" + (f", {number}" if number is not None else "")
    if name != "q0":
        model = globals()[name]
        expected = [tuple(map(str, row)) for row in (model(site) if number is None else model(site, number))]
        missing, extra = (collections.Counter(a) - collections.Counter(b) for a, b in ((expected, rows), (rows, expected)))
        if missing or extra:
            sys.exit(f"{say}: {len(missing)} rows are missing, such as {list(missing)[:3]}, and {len(extra)} should not be "
                     f"there, such as {list(extra)[:3]}")
        published = PUBLISHED.get((name, run[0], number or 0))
        if published and (name != "late" or run[1] == 1000) and not published(rows):
            sys.exit(f"{say}: is not what has been published")
    canonical = "".join(line + "\n" for line in sorted(text.splitlines()))
    print(f"{say}: {len(rows)} rows, SHA-256 {hashlib.sha256(canonical.encode()).hexdigest()}")


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    for run in RUNS:
        site = events(program, run)
        for number in NUMBERS.get(program.name, [None]):
            check(program, site, run, number)


main()
