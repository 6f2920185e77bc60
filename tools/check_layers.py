#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Includes between the rooms only go down, and core stays small and free of what is costly.

core <- {exec, state} <- {ops, sources, sinks, time} <- {frame, connect, parallel, observe} <- testing
"""
import pathlib
import re

from sources import Report, blank, files, line_of, read

LAYERS = [["core"], ["exec", "state"], ["ops", "sources", "sinks", "time"],
          ["frame", "connect", "parallel", "observe"], ["testing"]]
RANK = {room: rank for rank, rooms in enumerate(LAYERS) for room in rooms}

# Headers beside the rooms. The first two may be included from everywhere, the others from nowhere in the library.
EVERYWHERE = {"version.hpp", "fwd.hpp"}
FRONT_DOORS = {"core.hpp", "penstock.hpp"}

COSTLY = {"functional", "iostream", "regex", "ranges", "filesystem"}  # not in core
NO_ASIO = {"core", "ops", "time", "frame"}
CORE_LINES = 300

# What only POSIX has: its headers, and calls that it adds to headers of the standard.
POSIX_HEADER = re.compile(r"(?:unistd|fcntl|poll|signal|spawn|dirent|pthread|sched|netdb|termios|dlfcn|(?:sys|netinet|arpa|linux)/.+)\.h")
POSIX_CALL = re.compile(r"\b(?:gmtime_r|localtime_r|timegm|fileno|sigaction|pread|pwrite|fsync|posix_spawnp?)\b")
GUARD = re.compile(r'^#if !defined\(__(?:unix|linux)__\).*\n#error "penstock/[\w/]+\.hpp: .+"\n#endif$', re.MULTILINE)

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:<([^>\n]+)>|"([^"\n]+)")', re.MULTILINE)
TOP = pathlib.PurePath("include/penstock")


def includes(path):
    """(line, name) of each include; a name that is relative to the file is made relative to include/."""
    code = read(path)
    kept = blank(code, literals=False)
    for match in INCLUDE.finditer(kept):
        name = match.group(1) or match.group(2)
        beside = path.parent / name
        if match.group(2) and not name.startswith("penstock/") and (path.parent / name) in HEADERS:
            name = str(beside.relative_to("include"))
        yield line_of(kept, match.start()), name


def posix_without_guard(path):
    """The line of what is POSIX alone, where nothing before it says so on other systems or asks whether it is there."""
    text = read(path)
    found = [line for line, name in includes(path) if POSIX_HEADER.fullmatch(name)]
    found += [line_of(text, match.start()) for match in POSIX_CALL.finditer(blank(text))]
    guard = GUARD.search(text) or re.search(r"^#if __has_include\(<[\w/]+\.h>\)$", text, re.MULTILINE)
    before = [line for line in found if not guard or line < line_of(text, guard.start())]
    return min(before, default=None)


def room_of(name):
    parts = pathlib.PurePath(name).parts
    return parts[1] if len(parts) > 2 and parts[0] == "penstock" else None


def cycles(graph):
    """One cycle for each way back into a node that is still being visited."""
    state, found = {}, []

    def visit(node, trail):
        state[node] = "open"
        for target in sorted(graph.get(node, ())):
            if state.get(target) == "open":
                found.append(trail[trail.index(target):] + [target])
            elif target not in state:
                visit(target, trail + [target])
        state[node] = "done"

    for node in sorted(graph):
        if node not in state:
            visit(node, [node])
    return found


HEADERS = set(files("*.hpp", under="include"))


def main():
    report, edges, first_line, sideways = Report(), {}, {}, {}
    for path in sorted(HEADERS):
        name = str(path.relative_to("include"))
        room = room_of(name)
        if room is None and path.name not in EVERYWHERE | FRONT_DOORS and path.parent == TOP:
            report.add(path, 1, "a header beside the rooms: only "
                       f"{', '.join(sorted(EVERYWHERE | FRONT_DOORS))} stand there")
        if room is not None and room not in RANK:
            report.add(path, 1, f"'{room}' is not one of the rooms; tools/check_layers.py lists them")
        if room == "core":
            lines = read(path).count("\n")
            if lines > CORE_LINES:
                report.add(path, CORE_LINES + 1, f"a core header has at most {CORE_LINES} lines; this one has {lines}")

        posix = posix_without_guard(path)
        if posix:
            report.add(path, posix, 'is POSIX alone, and no #if !defined(__unix__) with #error "penstock/...: sentence" stands before it')

        for line, target in includes(path):
            top = target.split("/")[0]
            if top == "boost" and room == "core":
                report.add(path, line, f"core includes no Boost, and this is <{target}>")
            elif target.startswith(("boost/asio", "boost/beast")) and room in NO_ASIO:
                report.add(path, line, f"{room} does not include <{target}> itself; it asks exec")
            elif target in COSTLY and room == "core":
                report.add(path, line, f"core does not include <{target}>, which costs every user dearly")
            if top != "penstock":
                continue
            if pathlib.PurePath("include", target) not in HEADERS:
                report.add(path, line, f"no header <{target}>")
                continue
            edges.setdefault(name, set()).add(target)
            first_line[name, target] = line
            to = room_of(target)
            if to is None and target != "penstock/version.hpp" and target != "penstock/fwd.hpp" and room is not None:
                report.add(path, line, f"a room does not include the front door <{target}>")
            if room in RANK and to in RANK:
                if RANK[to] > RANK[room]:
                    report.add(path, line, f"arrows only go down: {room} includes <{target}>, and {to} lies above {room}")
                elif to != room and RANK[to] == RANK[room]:
                    sideways.setdefault(room, set()).add(to)
                    first_line.setdefault((room, to), (path, line))

    for ring in cycles(edges):
        path = pathlib.PurePath("include", ring[0])
        report.add(path, first_line[ring[0], ring[1]], "headers include each other: " + " -> ".join(ring))
    for ring in cycles(sideways):
        path, line = first_line[ring[0], ring[1]]
        report.add(path, line, "rooms of one layer include each other: " + " -> ".join(ring))

    # What a synchronous user includes must need nothing but the standard library, however far down.
    reached, waiting = set(), ["penstock/core.hpp"] if TOP / "core.hpp" in HEADERS else []
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        for line, target in includes(pathlib.PurePath("include", name)):
            if target.startswith(("boost/", "fmt/")):
                report.add(pathlib.PurePath("include", name), line,
                           f"<penstock/core.hpp> leads here and needs only the standard library, and this is <{target}>")
            elif pathlib.PurePath("include", target) in HEADERS:
                waiting.append(target)

    total = sum(len(targets) for targets in edges.values())
    report.end(f"{len(HEADERS)} headers, {total} includes between them, {len(reached)} behind <penstock/core.hpp>")


main()
