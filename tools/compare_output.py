#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Runs an example and compares what it prints with its committed output.

    compare_output.py EXPECTED PROGRAM [ARGUMENT...]
"""
import difflib
import pathlib
import subprocess
import sys


def main():
    expected_path, program = sys.argv[1], sys.argv[2:]
    done = subprocess.run(program, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    printed = done.stdout.decode("utf-8", errors="replace")
    expected = pathlib.Path(expected_path).read_text(encoding="utf-8")
    if printed != expected:
        sys.stdout.writelines(
            line if line.endswith("\n") else line + "\n"
            for line in difflib.unified_diff(
                expected.splitlines(keepends=True), printed.splitlines(keepends=True), expected_path, "printed"))
        sys.exit(f"{program[0]} does not print what {expected_path} says (exit status {done.returncode})")
    if done.returncode != 0:
        sys.exit(f"{program[0]} ended with exit status {done.returncode}")
    print(f"{len(expected.splitlines())} lines as expected")


main()
