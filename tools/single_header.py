#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Writes <penstock/core.hpp> and everything of ours that it includes as one header that needs nothing but C++20.

    single_header.py [FILE] [--stand-ins DIR]     into FILE, or to the standard output

The same sources give the same bytes. --stand-ins writes, for each header that went in, one of the same name into DIR that
includes FILE: with DIR before include/ on the include path our own tests are compiled against the single header.
"""
import argparse
import os
import pathlib
import re
import sys

from sources import ROOT, blank

FIRST = ["penstock/version.hpp", "penstock/core.hpp"]

DIRECTIVE = re.compile(r'^[ \t]*#[ \t]*(?P<word>\w+)(?:[ \t]*(?P<rest>.*))?$')
CONDITIONAL, END = {"if", "ifdef", "ifndef"}, "endif"


class Expander:
    def __init__(self):
        self.standard, self.open, self.done, self.parts = set(), [], set(), []

    def take(self, name):
        """Puts the header `name` behind all that it includes."""
        if name in self.done:
            return
        if name in self.open:
            sys.exit(f"{name} includes itself: {' -> '.join([*self.open, name])}")
        self.open.append(name)
        path = ROOT / "include" / name
        text = path.read_text(encoding="utf-8")
        kept, depth = [], 0
        for number, (line, code) in enumerate(zip(text.split("\n"), blank(text, literals=False).split("\n")), 1):
            found = DIRECTIVE.match(code)
            word, rest = (found["word"], found["rest"].strip()) if found else (None, "")
            if word in CONDITIONAL:
                depth += 1
            elif word == END:
                depth -= 1
            elif word == "include":
                ours = rest.startswith(('"', "<penstock/"))
                if depth and ours:
                    sys.exit(f"include/{name}:{number}: a header of ours under a condition cannot go into a single one")
                if depth:
                    kept.append(line)  # a choice between the system's headers stays where it is
                elif rest.startswith('"'):
                    self.take(rest.strip('"'))
                elif rest.startswith("<penstock/"):
                    self.take(rest.strip("<>"))
                elif re.fullmatch(r"<[a-z_]+>", rest):
                    self.standard.add(rest)
                else:
                    sys.exit(f"include/{name}:{number}: {rest} is neither ours nor of the standard library")
                continue
            if word == "pragma" and rest == "once" or line.startswith("// SPDX-License-Identifier:"):
                continue
            kept.append(line)
        body = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip("\n")
        if re.search(r"\S", blank(body)):
            self.parts.append(f"// {name}\n\n{body}\n")
        self.open.pop()
        self.done.add(name)


def version():
    text = (ROOT / "include" / FIRST[0]).read_text(encoding="utf-8")
    return ".".join(re.search(rf"^#define PENSTOCK_VERSION_{part} (\d+)$", text, re.MULTILINE)[1]
                    for part in ("MAJOR", "MINOR", "PATCH"))


def text_of(expander):
    includes = "\n".join(f"#include {name}" for name in sorted(expander.standard))
    licence = "\n".join(f"// {line}".rstrip() for line in (ROOT / "LICENSE").read_text(encoding="utf-8").splitlines())
    top = f"""\
// SPDX-License-Identifier: BSL-1.0
// Penstock {version()}, the core in one header: what <penstock/core.hpp> is, and the version.
// Made by tools/single_header.py from {len(expander.done)} headers; change those.
//
{licence}

#pragma once

#if __cplusplus < 202002L
#error "penstock_core.hpp needs C++20: compile with -std=c++20"
#endif

{includes}
"""
    return "\n".join([top, *expander.parts])


def write(path, text):
    """Leaves a file alone that says this already, so that nothing is compiled again."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=pathlib.Path)
    parser.add_argument("--stand-ins", type=pathlib.Path, metavar="DIR")
    arguments = parser.parse_args()

    expander = Expander()
    for name in FIRST:
        expander.take(name)
    text = text_of(expander)
    if arguments.file is None:
        sys.stdout.write(text)
        return
    write(arguments.file, text)
    if arguments.stand_ins:
        for name in expander.done:
            path = arguments.stand_ins / name
            write(path, f'#include "{os.path.relpath(arguments.file, path.parent)}"\n')
    print(f"{arguments.file}: {len(text.splitlines())} lines")


if __name__ == "__main__":
    main()
