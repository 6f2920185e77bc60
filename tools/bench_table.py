#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""One table of what penstock_bench measured: each contender beside `hand1` of its workload and beside its goals.

    bench_table.py RESULTS.json [--report docs/reference/performance.md] [--compiler "g++ 12"] [--flags "-O2"]

With --report the table replaces the one in that page. What misses a goal is told and is no error: figures wobble.
"""
import argparse
import json
import pathlib
import re
import sys

BEGIN, END = "<!-- table of the last run -->", "<!-- end of the table -->"
TIMES = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}
HEAD = ["workload", "contender", "ns", "of hand1", "goal", "reached", "", "counted", "adds", "goal", "", "allocations"]


class Row:
    def __init__(self, workload, name):
        self.workload, self.name = workload, name
        self.ns = self.allocations = self.counted = self.error = None
        self.label = self.counted_label = ""


def rows_of(results):
    """In the order of their registration, which is that of the family numbers."""
    rows, chosen = {}, {}
    for one in results["benchmarks"]:
        if one.get("aggregate_name", "median") != "median":
            continue
        key = one.get("run_name", one["name"])
        if one.get("aggregate_name") or key not in chosen:
            chosen[key] = one
    for key, one in sorted(chosen.items(), key=lambda item: item[1].get("family_index", 0)):
        parts = [part for part in key.split("/") if part not in ("real_time", "manual_time", "iterations:1")
                 and not re.fullmatch(r"(?:iterations|repeats):\d+", part)]
        row = rows.setdefault((parts[0], parts[1]), Row(parts[0], parts[1]))
        if one.get("error_occurred"):
            row.error = one.get("error_message", "failed")
            continue
        time = one["real_time" if one["real"] else "cpu_time"] * TIMES[one["time_unit"]] / one["elements"]
        if parts[-1] == "counted":
            row.counted, row.counted_label = time, one.get("label", "")
        else:
            row.ns, row.allocations, row.label = time, one["allocations"], one.get("label", "")
    return rows


def figure(value):
    if value is None:
        return ""
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"


def verdict(good):
    return "ok" if good else "missed"


def goals_of(row, rows):
    """(goal, reached, verdict) of each goal in the label."""
    for goal in filter(None, row.label.split("; ")):
        if match := re.fullmatch(r"at most ([\d.]+) of (\w+)", goal):
            other = rows.get((row.workload, match[2]))
            if other is None or other.ns is None:
                yield f"{match[1]} of {match[2]}", "", "not run"
                continue
            ratio = row.ns / other.ns
            yield f"{match[1]} of {match[2]}", figure(ratio), verdict(ratio <= float(match[1]))
        elif match := re.fullmatch(r"at most ([\d.]+) ns", goal):
            yield f"{match[1]} ns", figure(row.ns), verdict(row.ns <= float(match[1]))
        elif match := re.fullmatch(r"at most ([\d.]+) allocations", goal):
            count = row.allocations
            yield f"{match[1]} allocations", f"{count:.3g}", verdict(count <= float(match[1]) + 0.0005)
        elif match := re.fullmatch(r"at least ([\d.]+) times faster than ([\d.e+]+) ns", goal):
            factor = float(match[2]) / row.ns
            yield f"{match[1]} x Streamz's {float(match[2]):.0f}", f"{factor:.0f}", verdict(factor >= float(match[1]))
        else:
            raise ValueError(f"unknown goal: {goal}")


def counting_of(row):
    """(counted ns, what counting adds, goal, verdict)"""
    if row.counted is None or row.ns is None:
        return "", "", "", ""
    more = row.counted - row.ns
    if match := re.fullmatch(r"counting adds at most ([\d.]+) ns", row.counted_label):
        return figure(row.counted), f"{more:+.2f} ns", f"{match[1]} ns", verdict(more <= float(match[1]))
    if match := re.fullmatch(r"counting adds at most ([\d.]+) %", row.counted_label):
        percent = 100 * more / row.ns
        return figure(row.counted), f"{percent:+.1f} %", f"{match[1]} %", verdict(percent <= float(match[1]))
    return figure(row.counted), f"{more:+.2f} ns", "", ""


def lines_of(rows):
    for row in rows.values():
        if row.error is not None:
            yield [row.workload, row.name, "", "", "", row.error, "WRONG"] + [""] * 5
            continue
        if row.ns is None:
            continue
        hand = rows.get((row.workload, "hand1"))
        ratio = figure(row.ns / hand.ns) if hand and hand.ns and hand is not row else ""
        goals = list(goals_of(row, rows)) or [("", "", "")]
        first, *others = goals
        yield [row.workload, row.name, figure(row.ns), ratio, *first, *counting_of(row), f"{row.allocations:.3g}"]
        for goal in others:
            yield [""] * 4 + list(goal) + [""] * 5


def plain(lines):
    widths = [max(map(len, column)) for column in zip(HEAD, *lines)]
    left = (0, 1, 4, 9)
    for line in [HEAD, *lines]:
        yield "  ".join(cell.ljust(width) if i in left else cell.rjust(width)
                        for i, (cell, width) in enumerate(zip(line, widths))).rstrip()


def markdown(lines):
    yield "| " + " | ".join(HEAD) + " |"
    yield "|" + "|".join("---" if i in (0, 1, 4, 9) else "---:" for i in range(len(HEAD))) + "|"
    for line in lines:
        yield "| " + " | ".join(line) + " |"


def conclusion(lines):
    verdicts = [cell for line in lines for cell in (line[6], line[10])]
    return (f"{verdicts.count('ok')} goals reached, {verdicts.count('missed')} missed, "
            f"{verdicts.count('WRONG')} contenders with a wrong result")


def machine(results, compiler, flags):
    context = results["context"]
    processor = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
                      if line.startswith("model name")), "unknown processor")
    load = ", ".join(f"{value:.1f}" for value in context.get("load_avg", []))
    repetitions = next((one["repetitions"] for one in results["benchmarks"]), 1)
    return (f"{processor}, {context['num_cpus']} processors at {context['mhz_per_cpu']} MHz; {compiler}, `{flags}`; "
            f"{repetitions} repetitions; {context['date'][:10]}; load averages when it began: {load} "
            f"(more than 1 means that others used the machine too)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=pathlib.Path)
    parser.add_argument("--report", type=pathlib.Path)
    parser.add_argument("--compiler", default="g++")
    parser.add_argument("--flags", default="-O2")
    args = parser.parse_args()

    results = json.loads(args.results.read_text(encoding="utf-8"))
    rows = rows_of(results)
    lines = list(lines_of(rows))
    for line in plain(lines):
        print(line)
    about = machine(results, args.compiler, args.flags)
    print(f"{about}\n{conclusion(lines)}")
    if args.report:
        page = args.report.read_text(encoding="utf-8")
        before, found, rest = page.partition(BEGIN)
        _, closed, after = rest.partition(END)
        if not (found and closed):
            sys.exit(f"{args.report}: lacks the lines {BEGIN} and {END}")
        table = "\n".join(markdown(lines))
        args.report.write_text(f"{before}{BEGIN}\n\n{about}.\n\n{conclusion(lines)}.\n\n{table}\n\n{END}{after}",
                               encoding="utf-8")
    sys.exit(1 if any(row.error for row in rows.values()) else 0)


main()
