#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""House rules that can be seen in the text of a file."""
import re
import shutil
import subprocess

import co_await
from sources import Report, blank, files, line_of, read

SOURCES = ("*.hpp", "*.cpp", "*.h", "*.py", "*.sh", "*.cmake", "*.cmake.in", "CMakeLists.txt", "*.js", "dev", ".ci/run")
CPP = ("*.hpp", "*.cpp", "*.h")
NOT_TEXT = {".png", ".gif", ".ico", ".jpg", ".woff2", ".arrow", ".parquet", ".bin", ".gz"}

LEFTOVER = re.compile(r"\b(?:TO[D]O|FIX[M]E|XX[X])\b")
MACHINE_PATH = re.compile(r"(?<![\w.~}*)])/(?:work|root|home|Users)/[\w.]")
SLEEP = re.compile(r"\b(?:sleep_for|sleep_until|usleep|nanosleep)\b|(?<![\w.>])sleep\s*\(")
EMPTY_TEST = re.compile(r"\b(?:TEST_CASE|TEMPLATE_TEST_CASE)\s*\([^{}]*\)\s*\{\s*\}")
FENCE = re.compile(r"^```(?:cpp|c\+\+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
NATVIS = "tools/natvis/penstock.natvis"


def check_clang_format(report):
    """Where there is a clang-format, an editor takes it; another major version than ours breaks lines elsewhere."""
    wanted = re.search(r"clang-format (\d+)", read(".clang-format"))[1]
    if not shutil.which("clang-format") or shutil.which(f"clang-format-{wanted}"):
        return
    said = subprocess.run(["clang-format", "--version"], check=True, capture_output=True, text=True).stdout
    found = re.search(r"version (\d+)", said)
    if not found or found[1] != wanted:
        report.add(".clang-format", 1, f"is for clang-format {wanted}, and here is {said.strip()}; install clang-format-{wanted}")


def check_natvis(report):
    """Nothing tries the natvis file, but what it names is there. What gdb shows is tested."""
    text, headers = read(NATVIS), "\n".join(blank(read(path)) for path in files("*.hpp", under="include"))
    for match in re.finditer(r"\b[a-z]\w*_\b|(?<=->)\w+|(?<=_\.)\w+", text):
        if not re.search(rf"\b{match.group()}( = [^;]+|{{[^;]*}})?;", headers):
            report.add(NATVIS, line_of(text, match.start()), f"no class has a member {match.group()}")


def main():
    report = Report()
    everything = [path for path in files() if path.suffix not in NOT_TEXT]
    sources, cpp, awaits = set(files(*SOURCES)), set(files(*CPP)), 0

    for path in everything:
        try:
            text = read(path)
        except UnicodeDecodeError:
            report.add(path, 1, "is not UTF-8 text")
            continue
        for match in LEFTOVER.finditer(text):
            report.add(path, line_of(text, match.start()), f"leftover {match.group()}")
        for match in MACHINE_PATH.finditer(text):
            report.add(path, line_of(text, match.start()), "absolute path of one machine")
        if path in sources and "SPDX-License-Identifier: BSL-1.0" not in text[:1000]:
            report.add(path, 1, "lacks the line SPDX-License-Identifier: BSL-1.0")

        blocks = []
        if path in cpp:
            code = blank(text)
            blocks.append((code, 0))
            if path.suffix == ".hpp" and not re.search(r"^#pragma once$", text, re.MULTILINE):
                report.add(path, 1, "lacks #pragma once")
            if path.parts[0] == "tests":
                for match in SLEEP.finditer(code):
                    report.add(path, line_of(code, match.start()), "a test does not sleep; move the virtual clock")
                for match in EMPTY_TEST.finditer(code):
                    report.add(path, line_of(code, match.start()), "a test without a body")
        elif path.suffix == ".md":
            blocks += [(blank(match.group(1)), line_of(text, match.start(1)) - 1) for match in FENCE.finditer(text)]

        for code, offset in blocks:
            awaits += len(co_await.KEYWORD.findall(code))
            for position, reason in co_await.findings(code):
                report.add(path, offset + line_of(code, position), reason)

    check_clang_format(report)
    check_natvis(report)
    report.end(f"{len(everything)} files, {len(sources)} of them source, {awaits} co_await expressions")


main()
