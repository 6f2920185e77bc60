#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Writes the snapshots in tests/state/fixtures, from what docs/reference/state.md says of the format and nothing else.

    write_snapshot.py FOLDER

A file there is never written anew once a release can read it: that later ones still can is what it is for.
"""
import pathlib
import struct
import sys
import zlib


def count(number):
    digits = bytearray()
    while number > 127:
        digits.append(number & 127 | 128)
        number >>= 7
    return bytes(digits) + bytes([number])


def text(value):
    value = value if isinstance(value, bytes) else value.encode()
    return count(len(value)) + value


def state(values, *types):
    behind = count(len(types)) + b"".join(text(name) for name in types)
    return values + behind + struct.pack("<I", len(behind))


def snapshot(epoch, graph, entries):
    body = struct.pack("<Q", epoch) + text(graph) + count(len(entries))
    body += b"".join(text(part) for entry in entries for part in entry)
    body = state(body, "Snapshot{u64,string,vector<Entry{string,string,string}>}")
    whole = b"penstock" + struct.pack("<IQ", 1, len(body)) + body
    return whole + struct.pack("<I", zlib.crc32(whole))


def main():
    totals = count(2) + text("acme") + struct.pack("<qd", 3, 12.5) + text("zeta") + struct.pack("<qd", -1, 0.25)
    entries = [
        ("events", "from_csv", state(text("a.csv") + struct.pack("<Q", 4711), "string", "u64")),
        ("totals", "accumulate", state(totals, "map<string,tuple<i64,f64>>")),
        ("accounts", "process", state(count(1) + struct.pack("<i", 7), "vector<Account v1>", "i32")),
    ]
    folder = pathlib.Path(sys.argv[1])
    (folder / "format_1.bin").write_bytes(snapshot(42, "from_csv events\naccumulate totals\n", entries))


main()
