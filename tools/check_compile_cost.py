#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""What a program that uses Penstock costs its compiler: preprocessed lines, seconds and memory of hello pipelines at -O2.

    check_compile_cost.py [--report docs/reference/compile_cost.md]

Lines (of `-E -P`) and memory are held by budgets, those of the compilers named below; seconds wobble and are only shown. Every
program is run, too. --report compiles each one three times, takes the least, and writes the table into that page.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

from sources import ROOT, Report

BEGIN, END = "<!-- table of the last run -->", "<!-- end of the table -->"
FLAGS = ["-std=c++20", f"-I{ROOT}/include"]
COMPILERS = {"g++": "g++ (Debian 12.2.0-14+deb12u1) 12.2.0", "clang++-14": "Debian clang version 14.0.6"}
HELLOS = {"core only": "bench/gates/hello.cpp", "event loop": "bench/gates/hello_loop.cpp", "CSV": "bench/gates/hello_csv.cpp"}
# The file whose name each one gets, and what it prints.
ORDERS = "item,pieces\nnail,3\nsaw,1\n"
PRINTS = {"core only": "0\n20\n40\n", "event loop": "0\n10\n20\n30\n40\n", "CSV": "nail 3\n"}

# What it costs today, and a little air: lines, and megabytes (15 % of air). A budget may be lowered,
# never raised.
LINES = {"core only": 43000, "event loop": 107500, "CSV": 52000}
MEGABYTES = {("core only", "g++"): 214, ("event loop", "g++"): 393, ("CSV", "g++"): 324,
             ("core only", "clang++-14"): 184, ("event loop", "clang++-14"): 264, ("CSV", "clang++-14"): 215}

ENVIRONMENT = {**os.environ, "CCACHE_DISABLE": "1"}


def lines_of(compiler, source):
    """Lines that the preprocessor leaves."""
    done = subprocess.run([compiler, *FLAGS, "-E", "-P", source], capture_output=True, text=True, env=ENVIRONMENT)
    if done.returncode != 0:
        sys.exit(f"{compiler} -E fails:\n{done.stderr}")
    return done.stdout.count("\n")


def cost_of(command):
    """Seconds of processor time and megabytes at the peak, of the command and all that it starts."""
    child = subprocess.Popen(command, env=ENVIRONMENT)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{' '.join(command)} fails")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6


def check_output(folder, name, objects):
    program, orders = folder / "program", folder / "orders.csv"
    orders.write_text(ORDERS, encoding="utf-8")
    subprocess.run(["g++", str(objects), "-o", str(program), "-lfmt", "-pthread"], check=True)
    printed = subprocess.run([str(program), str(orders)], check=True, capture_output=True, text=True).stdout
    if printed != PRINTS[name]:
        sys.exit(f"{HELLOS[name]} prints {printed!r} in place of {PRINTS[name]!r}")


def measured(folder, name, compiler, runs):
    """Lines, seconds, megabytes."""
    source, objects = str(ROOT / HELLOS[name]), folder / "hello.o"
    command = [compiler, *FLAGS, "-O2", "-c", source, "-o", str(objects)]
    costs = [cost_of(command) for _ in range(runs)]
    check_output(folder, name, objects)
    return lines_of(compiler, source), min(cost[0] for cost in costs), min(cost[1] for cost in costs)


def versions():
    """The compilers that there are, with the first line of what they say of themselves."""
    found = {}
    for compiler in COMPILERS:
        try:
            said = subprocess.run([compiler, "--version"], check=True, capture_output=True, text=True).stdout
        except OSError:
            continue
        found[compiler] = said.splitlines()[0]
    return found


def write_page(page, rows, compilers):
    processor = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
                      if line.startswith("model name")), "unknown processor")
    table = ["| hello | compiler | lines | seconds | megabytes |", "|---|---|---:|---:|---:|"]
    table += [f"| {name} | {compiler} | {lines} | {seconds:.1f} | {megabytes:.0f} |"
              for name, compiler, lines, seconds, megabytes in rows]
    about = (f"{processor}; {'; '.join(compilers)}; `-std=c++20 -O2`; the least of three runs; load average "
             f"at their end: {os.getloadavg()[1]:.1f} (more than 1 means that others used the machine too).")
    before, found, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not (found and closed):
        sys.exit(f"{page}: lacks the lines {BEGIN} and {END}")
    page.write_text(before + "\n\n".join([BEGIN, about, "\n".join(table), END]) + after, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", type=pathlib.Path)
    args = parser.parse_args()

    report, rows, compilers = Report(), [], versions()
    print(f"{'hello':<12}{'compiler':<12}{'lines':>8}{'seconds':>9}{'megabytes':>11}")
    with tempfile.TemporaryDirectory() as folder:
        for name in HELLOS:
            for compiler in compilers:
                lines, seconds, megabytes = measured(pathlib.Path(folder), name, compiler, 3 if args.report else 1)
                rows.append((name, compiler, lines, seconds, megabytes))
                print(f"{name:<12}{compiler:<12}{lines:>8}{seconds:>9.1f}{megabytes:>11.0f}", flush=True)
                if compilers[compiler] != COMPILERS[compiler]:
                    continue  # the budgets are those of another one
                for unit, value, budget in (("lines", lines, LINES[name]), ("megabytes", megabytes, MEGABYTES[name, compiler])):
                    if value > budget:
                        report.add(HELLOS[name], 1, f"{value:.0f} {unit} with {compiler}; the budget is {budget}")
    if args.report:
        write_page(args.report, rows, compilers.values())
    report.end(f"{len(rows)} hello programs, {', '.join(compilers.values())}")


main()
