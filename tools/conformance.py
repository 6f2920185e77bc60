#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Runs the test programs and tells, for every row of the conformance table, which test shows it.

    conformance.py [--reasons FILE] PROGRAM...

A test case shows the rows its name starts with: "row 42 sliding_window ...", "P14 buffer ...",
"row 37, D5: delay ...". Rows that C++ makes meaningless stand in FILE as lines `| row 26 | not applicable | reason |`.
A second table is made of the test cases named "contract <operator>: <check>".
Ends with 1 when a row is missing, failed, or both tested and said to be not applicable.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree


def rows(last_row, last_probe, last_defect):
    return [f"{kind}{n}" for kind, last in (("row ", last_row), ("P", last_probe), ("D", last_defect))
            for n in range(1, last + 1)]


REQUIRED = rows(133, 30, 22) + ["D32", "D35"]
TABLE = rows(233, 30, 35)  # rows that are not required are told where a test shows them
ID = r"(?:row \d+|[PD]\d+)"
IDS = re.compile(rf"({ID}(?:,\s*{ID})*)(?=[\s:]|$)")
LOOKS_LIKE_IDS = re.compile(r"(?:rows?\s*\d|[PD]\d+\b)", re.IGNORECASE)
CONTRACT = re.compile(r"contract ([^:]+):\s*(.+)")
NOT_APPLICABLE = re.compile(rf"\|\s*({ID})\s*\|\s*not applicable\s*\|\s*(.*?)\s*\|\s*$", re.MULTILINE)
SECONDS = 600


class Case:
    def __init__(self, name, place):
        self.name, self.place, self.result = name, place, "failed"


def run(program):
    """The test cases of one program. One that crashed or hung while running counts as failed."""
    cases, note, empty = [], None, []
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder, "cases.xml")
        try:
            done = subprocess.run([program, "--reporter", "xml", "--out", str(out)], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, text=True, errors="replace", timeout=SECONDS)
            empty = re.findall(r": the test case asserts nothing: (.+)", done.stderr)
            if done.returncode < 0:
                note = f"died of signal {-done.returncode}"
        except subprocess.TimeoutExpired:
            note = f"was stopped after {SECONDS} s"
        text = out.read_text(encoding="utf-8", errors="replace") if out.exists() else ""

    parser = ElementTree.XMLPullParser(["start", "end"])
    try:
        parser.feed(text)
        for event, element in parser.read_events():
            if event == "start" and element.tag == "TestCase":
                cases.append(Case(element.get("name"), f"{element.get('filename')}:{element.get('line')}"))
            elif event == "end" and element.tag == "TestCase":
                result = element.find("OverallResult")
                warnings = [warning.text or "" for warning in element.iter("Warning")]
                if result is not None and result.get("success") == "true":
                    skipped = any("skipped: " in warning for warning in warnings) or result.get("skips", "0") != "0"
                    cases[-1].result = "skipped" if skipped else "passed"
    except ElementTree.ParseError as error:
        note = note or f"wrote a report that cannot be read ({error})"
    if not text:
        note = note or "wrote no report"
    for case in cases:
        if case.name in empty:
            case.result = "failed"
    return cases, note


def worst(results):
    return next(result for result in ("failed", "skipped", "passed") if result in results)


def print_rows(cases, reasons, problems):
    by_row = {row: [] for row in TABLE}
    for case in cases:
        match = IDS.match(case.name)
        if match:
            for row in re.split(r",\s*", match.group(1)):
                if row in by_row:
                    by_row[row].append(case)
                else:
                    problems.append(f"{case.place}: no row '{row}' in the table: {case.name}")
        elif LOOKS_LIKE_IDS.match(case.name):
            problems.append(f"{case.place}: the rows cannot be read from the name: {case.name}")

    totals = dict.fromkeys(("passed", "failed", "skipped", "not applicable", "MISSING"), 0)
    for row in TABLE:
        tests, reason = by_row[row], reasons.get(row)
        if row not in REQUIRED and not tests and not reason:
            continue
        if tests and reason:
            problems.append(f"{row} is said to be not applicable, and is tested: {tests[0].name}")
        if tests:
            result = worst({case.result for case in tests})
            shown = next(case for case in tests if case.result == result)
            more = f" and {len(tests) - 1} more" if len(tests) > 1 else ""
            print(f"{row:8} {result}  ({shown.name}){more}")
        elif reason:
            result = "not applicable"
            print(f"{row:8} not applicable: {reason}")
        else:
            result = "MISSING"
            print(f"{row:8} MISSING")
        totals[result] += 1
    print(f"{sum(totals.values())} rows, {len(REQUIRED)} of them required: " + ", ".join(f"{count} {result}" for result, count in totals.items()))
    return totals


def print_contract(cases):
    results, checks = {}, []
    for case in cases:
        match = CONTRACT.match(case.name)
        if match:
            operator, check = match.group(1).strip(), match.group(2).strip()
            if check not in checks:
                checks.append(check)
            results.setdefault(operator, {}).setdefault(check, set()).add(case.result)
    if not results:
        print("No contract checks yet.")
        return 0
    shown = {"passed": "ok", "failed": "FAIL", "skipped": "skip", "not claimed": "-"}
    checks.sort()
    print("Contract checks (- is not claimed):")
    for number, check in enumerate(checks, 1):
        print(f"  {number:2}  {check}")
    width = max(len(operator) for operator in results)
    print(" " * width + "".join(f"{number:>5}" for number in range(1, len(checks) + 1)))
    counts = dict.fromkeys(shown, 0)
    for operator in sorted(results):
        found = [worst(results[operator][check]) if check in results[operator] else "not claimed" for check in checks]
        for result in found:
            counts[result] += 1
        print(f"{operator:{width}}" + "".join(f"{shown[result]:>5}" for result in found))
    print(f"{len(results)} operators, {len(checks)} checks: " + ", ".join(f"{n} {result}" for result, n in counts.items()))
    return counts["failed"]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--reasons", type=pathlib.Path)
    arguments.add_argument("programs", nargs="*")
    arguments = arguments.parse_args()

    reasons = {}
    if arguments.reasons and arguments.reasons.exists():
        reasons = dict(NOT_APPLICABLE.findall(arguments.reasons.read_text(encoding="utf-8")))
    problems, cases = [], []
    problems += [f"{arguments.reasons}: no row '{row}' in the table" for row in reasons if row not in TABLE]
    problems += [f"{arguments.reasons}: {row} has no reason" for row, reason in reasons.items() if not reason]

    for program in arguments.programs:
        found, note = run(program)
        cases += found
        if note:
            last = f" in the test case '{found[-1].name}' ({found[-1].place})" if found else ""
            problems.append(f"{program} {note}{last}; the test cases behind it did not run")

    totals = print_rows(cases, reasons, problems)
    print()
    failed = print_contract(cases)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems or failed or totals["failed"] or totals["MISSING"]:
        sys.exit(1)


main()
