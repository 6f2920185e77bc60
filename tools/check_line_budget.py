#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""What including a front door costs: lines that g++ -E -P leaves, against a budget.

One finding costs every user of the header: look for the standard header that brings the lines (<algorithm>, <atomic>,
<chrono>, <memory> and <functional> are the dear ones) and do without it.
"""
import pathlib
import subprocess

from sources import ROOT, Report

# What the doors cost today, and a little air. A budget may be lowered, never raised.
BUDGET = {"penstock/core/stream.hpp": 32500, "penstock/core.hpp": 43000}


def preprocessed_lines(header):
    command = ["g++", "-std=c++20", "-E", "-P", "-I", str(ROOT / "include"), "-x", "c++", "-"]
    done = subprocess.run(command, input=f"#include <{header}>\n", capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return len(done.stdout.splitlines())


def main():
    report, told = Report(), []
    for header, budget in BUDGET.items():
        path = pathlib.PurePath("include", header)
        if not (ROOT / path).exists():
            told.append(f"{header} does not exist yet")
            continue
        try:
            lines = preprocessed_lines(header)
        except RuntimeError as error:
            report.add(path, 1, f"g++ -E fails:\n{error}")
            continue
        told.append(f"{header} {lines} of {budget} lines")
        if lines > budget:
            report.add(path, 1, f"{lines} preprocessed lines; the budget is {budget}")
    report.end(", ".join(told))


main()
