#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""What the documents show is in the programs that the tests run.

A block of C++ in README.md or docs/ has the line `<!-- examples/01_main/readme.cpp -->` before it and stands, line by
line, in that file; so does a block of output with `<!-- examples/01_main/readme.expected -->`. A block that is no part
of a program says why: `<!-- not compiled: what it looks like inside -->`.
"""
import pathlib
import re
import textwrap

from sources import ROOT, Report, files, line_of, read

GENERATED = {pathlib.PurePath("docs/reference/operators.md"), pathlib.PurePath("docs/reference/wrong_programs.md")}
BLOCK = re.compile(r"^(?:<!-- (?P<mark>[^\n]*?) -->\n)?```(?P<language>[\w+]*)[^\n]*\n(?P<text>.*?)^```$",
                   re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\((?P<to>[^)#\s]+)(?:#[^)\s]*)?\)")


def lines_of(text):
    return [line.rstrip() for line in textwrap.dedent(text).strip("\n").split("\n")]


def stands_in(part, whole):
    """True when the lines of `part`, indented by the same for all, follow each other in `whole`."""
    whole = [line.rstrip() for line in whole.split("\n")]
    for start in range(len(whole) - len(part) + 1):
        window = whole[start:start + len(part)]
        if [line.strip() for line in window] == [line.strip() for line in part] and \
                lines_of("\n".join(window)) == part:
            return True
    return False


def main():
    report, checked, links = Report(), 0, 0
    for path in sorted({*files("README.md"), *files("*.md", under="docs")} - GENERATED):
        if path.name == "README.md" and path.parent != pathlib.PurePath(".") and path.parts[0] != "docs":
            continue
        text = read(path)
        for match in BLOCK.finditer(text):
            line, mark = line_of(text, match.start()), match.group("mark")
            if mark is None:
                if match.group("language") in ("cpp", "c++"):
                    report.add(path, line, "a block of C++ that names no program: <!-- examples/... --> before it")
                continue
            if mark.startswith("not compiled: "):
                continue
            source = pathlib.PurePath(mark)
            if source not in set(files(under=str(source.parent))):
                report.add(path, line, f"no file {mark}")
            elif not stands_in(lines_of(match.group("text")), read(source)):
                report.add(path, line, f"this does not stand in {mark}")
            checked += 1
        for match in LINK.finditer(text):
            to = match.group("to")
            if "://" in to or to.startswith("mailto:"):
                continue
            links += 1
            if not (ROOT / path.parent / to).exists():
                report.add(path, line_of(text, match.start()), f"a link to {to}, which does not exist")
    report.end(f"{checked} snippets in programs, {links} links within the project")


main()
