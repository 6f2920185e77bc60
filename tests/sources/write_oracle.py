#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Writes what the csv and json modules of Python make of random rows, and the rows, for tests/sources/oracle_test.cpp.

    write_oracle.py FOLDER

csv.oracle and jsonl.oracle hold netstrings (`5:hello,`), which need no quoting and so share no mistake with CSV.
"""
import csv
import io
import json
import pathlib
import random
import sys

CSV_FILES, JSONL_FILES = 7000, 3000
PIECES = ['"', "'", ",", ";", "\t", "|", "\n", "\r", "\r\n", " ", "a", "bc", "0.5", "\u00e9", "\U0001f600", "\ufeff", "\x00", '""', ""]


def netstring(text):
    data = text if isinstance(text, bytes) else str(text).encode()
    return b"%d:%s," % (len(data), data)


STYLES = {"minimal": csv.QUOTE_MINIMAL, "all": csv.QUOTE_ALL, "nonnumeric": csv.QUOTE_NONNUMERIC, "none": csv.QUOTE_NONE}


def csv_file(rng, number):
    style = list(STYLES)[number % len(STYLES)]
    quoting = STYLES[style]
    separator, quote, end = rng.choice(",;\t|"), rng.choice("\"'"), rng.choice(["\n", "\r\n"])
    special = {separator, quote, "\n", "\r", "\r\n", '""'}
    # Without quotes there is no way to write these; and before a bare line feed Python, unlike RFC 4180, leaves a
    # carriage return outside of quotes.
    pieces = [p for p in PIECES if quoting != csv.QUOTE_NONE or not special & {p, *p}]
    if end == "\n" and quoting == csv.QUOTE_MINIMAL:
        pieces = [p for p in pieces if "\r" not in p]

    def field():
        if rng.random() < 0.2:
            return rng.choice([rng.randrange(-1000, 1000), rng.random()])
        return "".join(rng.choice(pieces) for _ in range(rng.randrange(rng.choice([2, 8]))))

    width = rng.randrange(1, 6)
    rows = [[field() for _ in range(width)] for _ in range(rng.randrange(5))]
    if quoting == csv.QUOTE_NONE:  # an empty line is no record, and cannot be told from one
        rows = [row for row in rows if width > 1 or row[0] != ""]
    # A byte order mark at the start is none of the text, also where it stands outside of quotes.
    if rows and str(rows[0][0]).startswith("\ufeff"):
        rows[0][0] = "x" + str(rows[0][0])
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator, quotechar=quote, quoting=quoting, lineterminator=end).writerows(rows)
    text = out.getvalue()
    if text.endswith(end) and rng.random() < 0.3:
        text = text[:-len(end)]  # the last record may lack its end
    if rng.random() < 0.2:
        text = "\ufeff" + text
    fields = [style, separator, quote, text, len(rows)]
    for row in rows:
        fields += [len(row), *row]
    return b"".join(map(netstring, fields))


def jsonl_file(rng, _):
    def text():
        return "".join(rng.choice([*PIECES, "\\", "\x1f", "\x7f", "\u2028", "{", "]"]) for _ in range(rng.randrange(6)))

    def row():
        return {
            "i": rng.choice([rng.randrange(-2**63, 2**63), rng.randrange(-9, 10)]),
            "d": rng.choice([rng.uniform(-1, 1), float(rng.randrange(2**60)), 10.0 ** rng.randrange(-300, 300)]) * rng.random(),
            "s": text(),
            "b": rng.choice([True, False, None]),
            "v": [text() for _ in range(rng.randrange(3))],
        }

    rows, out = [row() for _ in range(rng.randrange(5))], ""
    for one in rows:
        names = list(one)
        rng.shuffle(names)
        out += json.dumps({name: one[name] for name in names}, ensure_ascii=rng.random() < 0.5,
                          separators=rng.choice([(",", ":"), (", ", ": "), (" ,\t", " : ")])) + rng.choice(["\n", "\r\n"])
    fields = [out, len(rows)]
    for one in rows:
        fields += [one["i"], one["d"].hex(), one["s"], one["b"], len(one["v"]), *one["v"]]
    return b"".join(map(netstring, fields))


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, files, make in (("csv.oracle", CSV_FILES, csv_file), ("jsonl.oracle", JSONL_FILES, jsonl_file)):
        rng = random.Random(4180)
        (folder / name).write_bytes(netstring(files) + b"".join(make(rng, n) for n in range(files)))


main()
