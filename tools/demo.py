#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Shows a stream that survives: a shop writes down what happens in it, hourly_funnel keeps a table by brand and hour, is killed
with SIGKILL in the middle and started again, and in the end the table has to be what a batch computation over all
files finds.

    ./dev demo [--input DIR] [--output DIR] [--events N] [--seed N]
"""
import argparse
import csv
import datetime
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from funnel_truth import Found, Truth, differences
from signals import tell

CHECKPOINT_EVERY = 250  # milliseconds


def say(text):
    print(text, flush=True)


def thousands(number):
    return f"{number:,}".replace(",", " ")


def show(table, most):
    best = sorted(table.items(), key=lambda item: (-item[1][3], item[0]))[:most]
    say(f"{'hour (UTC)':<16}  {'brand':<16} {'views':>6} {'carts':>6} {'bought':>6} {'users':>6} {'revenue':>10}  view to cart  conversion")
    for (brand, hour), row in best:
        views, carts, bought, cents, users, _, to_cart, _, conversion, _ = row
        when = datetime.datetime.fromtimestamp(hour, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M")
        rates = [f"{rate:.1%}" if rate is not None else "" for rate in (to_cart, conversion)]
        say(f"{when}  {brand:<16.16} {views:>6} {carts:>6} {bought:>6} {users:>6} {cents / 100:>10.2f}  {rates[0]:>12} {rates[1]:>11}")


def records(path):
    return max(len(path.read_bytes().splitlines()) - 1, 0) if path.exists() else 0


def in_order(given, into):
    """The job reads files in the order of their names, and months, for one, have names of another order."""
    def first_time(path):
        with path.open(newline="") as file:
            return next(csv.DictReader(file), {}).get("event_time") or ""

    into.mkdir()
    paths = sorted(given.glob("events*.jsonl")) or sorted(given.glob("events*.csv"), key=first_time)
    for number, path in enumerate(paths, 1):
        (into / f"events_{number:06}_{path.name}").symlink_to(path.resolve())
    if (given / "items.csv").exists():
        (into / "items.csv").symlink_to((given / "items.csv").resolve())
    return into


def watch(truth, ended):
    """The batch computation uses the time while files come."""
    while not ended():
        truth.go_on(most=1)
        time.sleep(0.01)


def finish(process):
    if process.wait(timeout=300) != 0:
        sys.exit(f"demo: hourly_funnel ended with {process.returncode}")


def main():
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--input", help="read events*.csv or events*.jsonl there, with items.csv if it is there; "
                                        "without it a shop is made up")
    parser.add_argument("--output", help="where the table, the late list and the dead letters go, and the state; without it a "
                                         "directory that is removed at the end")
    parser.add_argument("--events", type=int, default=300_000, help="of the made-up shop")
    parser.add_argument("--seed", type=int, default=1, help="another made-up shop")
    options = parser.parse_args()
    if options.events < 1000:
        parser.error("--events: a shop has at least 1000")

    programs = pathlib.Path(options.programs)
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="penstock-demo-"))
    try:
        run(options, programs, scratch)
    finally:
        shutil.rmtree(scratch)


def run(options, programs, scratch):
    given = options.input and pathlib.Path(options.input)
    source = scratch / "shop"
    output = pathlib.Path(options.output) if options.output else scratch / "funnel"
    if given and not list(given.glob("events*.jsonl")) and not list(given.glob("events*.csv")):
        sys.exit(f"demo: no events*.csv and no events*.jsonl in {given}")
    if (output / "state").exists():
        sys.exit(f"demo: {output} is that of another run; name a fresh one")
    form = "jsonl" if given and list(given.glob("events*.jsonl")) else "csv"
    job = [programs / "hourly_funnel", "--input", source, "--format", form, "--output", output, "--state", output / "state",
           "--checkpoint-every", str(CHECKPOINT_EVERY)]

    writer = truth = None
    if given:
        say(f"Reading what is in {given}.")
        in_order(given, source)
        first = subprocess.Popen(job)
        time.sleep(0.05)
    else:
        files = 60
        say(f"A made-up shop writes {thousands(options.events)} events into {files} files, which are counted as they arrive.")
        writer = subprocess.Popen([programs / "shop_writer", "--output", source, "--events", str(options.events),
                                   "--files", str(files), "--pace", "60", "--seed", str(options.seed)])
        while not list(source.glob("events*")) and writer.poll() is None:
            time.sleep(0.01)
        first = subprocess.Popen([*job, "--follow"])
        truth, enough = Truth(source), time.monotonic() + 1.9
        watch(truth, lambda: time.monotonic() > enough)
    first.kill()
    first.wait()
    so_far = records(output / "funnel.csv")
    if first.returncode == -signal.SIGKILL:
        say(f"Killed with SIGKILL: the table has {thousands(so_far)} rows. Started again.")
    else:
        say("It was through before it could be killed. Started again.")
    second = subprocess.Popen([*job, "--follow"] if writer else job)
    if writer:
        watch(truth, lambda: writer.poll() is not None)
        if writer.returncode != 0:
            sys.exit("demo: the shop could not write its files")
        tell(second, signal.SIGINT)  # read what is there, and end
    finish(second)

    found = Found(output)
    truth = truth or Truth(source)
    truth.go_on()
    say("")
    show(found.table, 10)
    say(f"and {thousands(max(len(found.table) - 10, 0))} more brands and hours\n")
    wrong = differences(truth, found)
    for sentence in wrong[:10]:
        say("WRONG: " + sentence)
    if wrong:
        sys.exit("The result is not that of the batch computation.")
    say(f"All {thousands(truth.rows)} rows are accounted for: the {thousands(len(found.table))} rows of the table, {len(found.late)} late "
        f"events and {len(found.dead)} dead letters are those of a batch computation; nothing is lost, nothing counted twice.")


main()
