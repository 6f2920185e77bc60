#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Compiles one must-not-compile test twice.

    must_not_compile.py FILE -- COMPILER [FLAG...]

The first line of FILE is `// expect: <regular expression>`. Without BAD the file must compile, so that the test
cannot rot; with -DBAD it must not, and the compiler must say the expected sentence, as its first error.
"""
import re
import subprocess
import sys


def compiles(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    return done.returncode == 0, done.stdout


def main():
    split = sys.argv.index("--")
    (path,), compiler = sys.argv[1:split], sys.argv[split + 1:]
    with open(path, encoding="utf-8") as file:
        first = file.readline()
    expect = re.match(r"// expect: (.+)", first)
    if not expect:
        sys.exit(f"{path}:1: the first line must be `// expect: <regular expression>`")
    sentence = expect.group(1).strip()

    command = compiler + ["-fsyntax-only", "-Wall", "-Wextra", "-Werror", path]
    good, output = compiles(command)
    if not good:
        sys.exit(f"{path}: without BAD it must compile, and does not:\n{output}")
    bad, output = compiles(command + ["-DBAD"])
    if bad:
        sys.exit(f"{path}: with BAD it must not compile, and does")
    if not re.search(sentence, output):
        sys.exit(f"{path}: with BAD the compiler must say /{sentence}/, but says:\n{output}")
    first = next((line for line in output.splitlines() if re.search(r"\berror:", line)), "")
    if not sentence.startswith("(?s)") and not re.search(sentence, first):
        sys.exit(f"{path}: with BAD the first error must be /{sentence}/, but is:\n{first}")
    if not re.search(r"static[_ ]assert", first):
        sys.exit(f"{path}: with BAD the first error must be one of ours, but is:\n{first}")
    lines, errors = len(output.splitlines()), len(re.findall(r"\berror:", output))
    print(f"{path}: refused with the expected sentence, {lines} lines, {errors} errors")


main()
