#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Bytes of machine code of the smallest pipeline, bench/gates/hello.cpp at -O2, against a budget.

What a program needs that uses next to nothing, every program pays. `nm -S --size-sort -C` on the object file shows where the
bytes are; what is rarely needed belongs into functions that are no templates and not inlined.
"""
import re
import subprocess
import sys
import tempfile

from sources import ROOT, Report

# What it takes today, and a little air. The goal is 10 240; the budget may be lowered, never raised.
BUDGET = 21000
COMPILER = "g++ (Debian 12.2.0-14+deb12u1) 12.2.0"
HELLO = "bench/gates/hello.cpp"


def output_of(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} fails:\n{done.stdout}{done.stderr}")
    return done.stdout


def main():
    report = Report()
    compiler = output_of("g++", "--version").splitlines()[0]
    if compiler != COMPILER:
        return report.end(f"skipped, the budget is that of {COMPILER}, and this is {compiler}")
    with tempfile.NamedTemporaryFile(suffix=".o") as made:
        output_of("g++", "-std=c++20", "-O2", f"-I{ROOT}/include", "-c", f"{ROOT}/{HELLO}", "-o", made.name)
        sections = output_of("size", "-A", made.name)
    code = sum(int(size) for size in re.findall(r"^\.text\S*\s+(\d+)", sections, re.MULTILINE))
    if code > BUDGET:
        report.add(HELLO, 1, f"{code} bytes of code; the budget is {BUDGET}")
    return report.end(f"{code} of {BUDGET} bytes of code")


main()
