#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Instructions and allocations an element costs, against bench/gates/instructions.json.

    check_instructions.py [--update]

bench/gates/driver.cpp emits elements into one graph under callgrind; two runs of different length are subtracted, so that
the start of the program cancels out. Instructions may differ by 2 %, allocations not at all. --update records what is
measured now. The figures belong to one compiler: with another one, or without valgrind, there is nothing to compare and
the check says so.
"""
import json
import re
import shutil
import subprocess
import sys
import tempfile

from sources import ROOT, Report

FIGURES = ROOT / "bench/gates/instructions.json"
FLAGS = ["-std=c++20", "-O2", "-DNDEBUG"]
SHORT, LONG = 2000, 12000
TOLERANCE = 0.02


def output_of(command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} fails:\n{done.stdout}{done.stderr}")
    return done.stdout, done.stderr


def instructions_and_allocations(driver, workload, n):
    out, log = output_of(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", driver, workload, n])
    found = re.search(r"Collected\s*:\s*(\d+)", log)
    if not found:
        sys.exit(f"callgrind says nothing of instructions:\n{log}")
    return int(found[1]), int(out)


def measured(folder):
    driver = f"{folder}/driver"
    output_of(["g++", *FLAGS, f"-I{ROOT}/include", f"-I{ROOT}/bench", f"{ROOT}/bench/gates/driver.cpp", "-o", driver])
    figures = {}
    for workload in output_of([driver, "list"])[0].split():
        short = instructions_and_allocations(driver, workload, SHORT)
        long = instructions_and_allocations(driver, workload, LONG)
        each = [(b - a) / (LONG - SHORT) for a, b in zip(short, long)]
        figures[workload] = {"instructions": round(each[0], 2), "allocations": round(each[1], 4)}
    return figures


def main():
    compiler = output_of(["g++", "--version"])[0].splitlines()[0]
    update = sys.argv[1:] == ["--update"]
    recorded = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    report = Report()
    if shutil.which("valgrind") is None:
        return report.end("skipped, there is no valgrind")
    if not update and recorded.get("compiler") != compiler:
        return report.end(f"skipped, the figures are those of {recorded.get('compiler')}, and this is {compiler}")

    with tempfile.TemporaryDirectory() as folder:
        now = measured(folder)
    if update:
        text = json.dumps({"compiler": compiler, "flags": " ".join(FLAGS), "each": now}, indent=2)
        FIGURES.write_text(text + "\n", encoding="utf-8")
        for workload, figures in now.items():
            before = recorded.get("each", {}).get(workload, {}).get("instructions", "nothing")
            print(f"{workload}: {figures['instructions']} instructions, was {before}; {figures['allocations']} allocations")
        return None

    path = FIGURES.relative_to(ROOT)
    for workload in sorted(now.keys() | recorded["each"].keys()):
        here, there = now.get(workload), recorded["each"].get(workload)
        if here is None or there is None:
            report.add(path, 1, f"{workload} is {'measured' if here else 'recorded'} only; run tools/check_instructions.py --update")
            continue
        was, is_ = there["instructions"], here["instructions"]
        if abs(is_ - was) > TOLERANCE * was:
            what = "more: find out why" if is_ > was else "fewer: record it with tools/check_instructions.py --update"
            report.add(path, 1, f"{workload} takes {is_} instructions an element and took {was}, which is {what}")
        if here["allocations"] != there["allocations"]:
            report.add(path, 1, f"{workload} allocates {here['allocations']} times an element, and did {there['allocations']} times")
    return report.end(", ".join(f"{name} {figures['instructions']}" for name, figures in now.items()))


main()
