#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Runs a program under gdb with our printers and compares what gdb prints, `$1 = ...`, with a committed file.

    run.py PRINTERS COMMANDS EXPECTED PROGRAM

Leaves with 77, which ctest counts as skipped, where there is no gdb with Python, or where it may not trace a program.
"""
import pathlib
import re
import shutil
import subprocess
import sys

NOT_ALLOWED = re.compile(r"ptrace: |Could not trace|Cannot PTRACE|Operation not permitted|process_vm", re.IGNORECASE)


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def main():
    printers, commands, expected, program = sys.argv[1:]
    if not shutil.which("gdb"):
        skip("there is no gdb")
    gdb = ["gdb", "-nx", "-batch"]
    if subprocess.run([*gdb, "-ex", "python import gdb.printing"], capture_output=True).returncode != 0:
        skip("this gdb was built without Python")
    done = subprocess.run([*gdb, "-x", printers, "-x", commands, program], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=250)
    shown = [line for line in done.stdout.splitlines() if re.match(r"\$\d+ = ", line)]
    if not shown and NOT_ALLOWED.search(done.stdout):
        skip("gdb may not trace a program here")
    wanted = pathlib.Path(expected).read_text(encoding="utf-8").splitlines()
    if shown != wanted:
        print(done.stdout)
        sys.exit("\n".join(["gdb shows:", *shown, "and not:", *wanted]))
    print(f"{len(wanted)} values shown as expected")


main()
