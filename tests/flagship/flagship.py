#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Kills examples/12_flagship/hourly_funnel in every way there is, starts it again, and compares what it leaves behind with
the batch computation of tools/funnel_truth.py: the table, the late list, the dead letters, every row in one place.

    flagship.py SCENARIO --job PROGRAM --writer PROGRAM [--kills N] [--seed N] [--data DIR] [--keep]

    kills       SIGKILL at random times, 50 to 500 ms after each start, while files arrive
    failpoints  SIGKILL at each failpoint for the first, second and third time; PROGRAM is built with PENSTOCK_FAILPOINTS
    processes   a second process on the same state is refused, also while the first one sleeps; SIGTERM, and going on
    data        the test data, in DIR
"""
import argparse
import concurrent.futures
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
from funnel_truth import Found, Truth, differences  # noqa: E402
from signals import tell  # noqa: E402

AT_ONCE = 2


class Failed(Exception):
    pass


class Shop:
    """The files of a shop, and what has to be found in them."""

    def __init__(self, options, seed, events, files, form):
        self.directory = options.scratch / f"shop-{seed}-{form}"
        self.form = form
        subprocess.run([options.writer, "--output", self.directory, "--seed", str(seed), "--events", str(events),
                        "--files", str(files), "--format", form], check=True)
        self.truth = Truth(self.directory)
        if not self.truth.late or not self.truth.dead or not self.truth.repeated:
            raise Failed("the made-up shop has nothing late, damaged or repeated")

    def arrive(self, into, pause):
        """The files come into a directory one by one."""
        for file in sorted(self.directory.glob("events*")):
            os.link(file, into / file.name)
            time.sleep(pause)


class Run:
    """One job with its directories, however often it is started."""

    def __init__(self, options, name, shop, every, live=False):
        self.options, self.shop = options, shop
        self.directory = options.scratch / name
        self.input, self.output, self.state = (self.directory / part for part in ("in", "out", "state"))
        self.input.mkdir(parents=True)
        self.arguments = [options.job, "--input", self.input, "--output", self.output, "--items",
                          shop.directory / "items.csv", "--format", shop.form, "--state", self.state, "--checkpoint-every", str(every)] + ["--live"] * live

    def start(self, *more, failpoint=None):
        environment = dict(os.environ)
        environment.pop("PENSTOCK_FAILPOINT", None)
        if failpoint:
            environment["PENSTOCK_FAILPOINT"] = failpoint
        return subprocess.Popen([*self.arguments, *more], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)

    def finish(self):
        """From where it is to the end."""
        process = self.start()
        errors = self.end(process)
        if process.returncode != 0:
            raise Failed(f"the job ended with {process.returncode}: {errors}")

    def end(self, process, seconds=120):
        try:
            return process.communicate(timeout=seconds)[1].decode()
        except subprocess.TimeoutExpired:
            process.kill()
            raise Failed(f"the job does not come to its end in {seconds} s: {process.communicate()[1].decode()}") from None

    def compare(self):
        wrong = differences(self.shop.truth, Found(self.output))
        if wrong:
            raise Failed("\n".join(wrong[:10]))

    def remove(self):
        if not self.options.keep:
            shutil.rmtree(self.directory)


def kills(options):
    """Until so many have hit a job that was alive."""
    shops = [Shop(options, options.seed, 100_000, 50, "csv"), Shop(options, options.seed + 1, 60_000, 50, "jsonl")]
    done = rounds = 0
    while done < options.kills:
        rounds += 1
        shop = options.random.choice(shops)
        every = options.random.choice([5, 20, 100])
        live = options.random.random() < 0.3
        run = Run(options, f"kills-{rounds}", shop, every, live)
        arriving = threading.Thread(target=shop.arrive, args=(run.input, options.random.choice([0.02, 0.05])))
        arriving.start()
        here, times = 0, []
        while done + here < options.kills and (arriving.is_alive() or here == 0):
            process = run.start("--follow")
            times.append(options.random.randint(50, 500))
            time.sleep(times[-1] / 1000)
            process.kill()
            errors = run.end(process)
            if process.returncode != -signal.SIGKILL:
                raise Failed(f"the job ended by itself with {process.returncode}: {errors}")
            here += 1
        arriving.join()
        done += here
        try:
            run.finish()
            run.compare()
        except Failed as failure:
            raise Failed(f"round {rounds}, a checkpoint every {every} ms, killed after {times} ms, {shop.form}{', live' * live}: {failure}") from None
        run.remove()
    print(f"{done} kills in {rounds} rounds of {len(shops)} shops: table, late list and dead letters as they should be")


def killed_at(options, shop, name, hit):
    """Whether a job came to the failpoint; in either case it is gone on with, and the result is compared."""
    # A machine that is slow takes fewer snapshots while files come: then they have to come more slowly.
    for pause in (0.015, 0.06, 0.25, 1):
        # Only a table whose rows change is ever written anew.
        run = Run(options, f"failpoint-{name}-{hit}-{pause}", shop, 1, live=name.startswith("upsert."))
        process = run.start("--follow", failpoint=f"{name}:{hit}")
        shop.arrive(run.input, pause)
        tell(process, signal.SIGINT)
        errors = run.end(process)
        if process.returncode not in (0, -signal.SIGKILL):
            raise Failed(f"{name}, hit {hit}: the job ended with {process.returncode}: {errors}")
        try:
            run.finish()
            run.compare()
        except Failed as failure:
            raise Failed(f"{name}, hit {hit}: {failure}") from None
        run.remove()
        if process.returncode != 0:
            return True
    return False


def hits(options, shop, name):
    """How often a job came to the failpoint: one that does not come to it again does not come to it a third time."""
    for hit in (1, 2, 3):
        if not killed_at(options, shop, name, hit):
            return hit - 1
    return 3


def failpoints(options):
    environment = dict(os.environ, PENSTOCK_FAILPOINT_NAMES="1")
    listed = subprocess.run([options.job, "--help"], env=environment, check=True, stdout=subprocess.PIPE).stdout.decode()
    names = [line.split()[1] for line in listed.splitlines() if line.startswith("failpoint ")]
    if len(names) < 5:
        raise Failed(f"only {len(names)} failpoints: is the program built with PENSTOCK_FAILPOINTS?")
    shop = Shop(options, options.seed, 60_000, 12, "csv")
    # Most of the time files are waited for, so several jobs do not disturb each other.
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        reached = list(pool.map(lambda name: hits(options, shop, name), names))
    never = [f"{name}:{hit}" for name, until in zip(names, reached) for hit in range(until + 1, 4)]
    killed = sum(reached)
    print(f"{len(names)} failpoints, {killed} kills at them: table, late list and dead letters as they should be")
    if never:
        print("never came to: " + " ".join(never))
    return never


def processes(options):
    shop = Shop(options, options.seed, 50_000, 20, "csv")
    run = Run(options, "processes", shop, 20)
    arriving = threading.Thread(target=shop.arrive, args=(run.input, 0.02))
    arriving.start()
    first = run.start("--follow")
    while not run.state.exists() or not any(run.state.iterdir()):
        time.sleep(0.01)
    for sleeps in (False, True):
        if sleeps:
            first.send_signal(signal.SIGSTOP)
        second = run.start()
        errors = run.end(second)
        if second.returncode in (0, -signal.SIGKILL) or not errors.strip():
            raise Failed(f"a second process on the same state ended with {second.returncode}: {errors!r}")
        print("a second process is told: " + errors.strip())
    first.send_signal(signal.SIGCONT)
    # Suspended and gone on with, again and again.
    while arriving.is_alive():
        tell(first, signal.SIGTERM)
        errors = run.end(first)
        if first.returncode != 0:
            raise Failed(f"SIGTERM: the job ended with {first.returncode}: {errors}")
        first = run.start("--follow")
        time.sleep(options.random.uniform(0.1, 0.2))
    tell(first, signal.SIGINT)
    errors = run.end(first)
    if first.returncode != 0:
        raise Failed(f"SIGINT: the job ended with {first.returncode}: {errors}")
    run.finish()  # nothing is left to do
    run.compare()
    run.remove()
    print("stopped and gone on with: table, late list and dead letters as they should be")


def data(options):
    if not options.data or not pathlib.Path(options.data, "cosmetics").exists():
        print("no test data")
        sys.exit(77)
    given = pathlib.Path(options.data)
    cosmetics, several = options.scratch / "cosmetics", options.scratch / "several"
    cosmetics.mkdir()
    several.mkdir()
    # Names have to sort as the files come.
    for number, month in enumerate(("2022_oct", "2022_nov", "2022_dec", "2023_jan", "2023_feb"), 1):
        shutil.copy(given / "cosmetics" / f"events_{month}.csv", cosmetics / f"events_{number}.csv")
    shutil.copy(given / "cosmetics" / "items.csv", cosmetics)
    shutil.copy(given / "multicategory_oct.csv", several / "events_oct.csv")
    for directory in (cosmetics, several):
        output = options.scratch / f"{directory.name}-out"
        subprocess.run([options.job, "--input", directory, "--output", output], check=True)
        truth, found = Truth(directory), Found(output)
        wrong = differences(truth, found)
        if wrong:
            raise Failed(f"{directory.name}: " + "\n".join(wrong[:10]))
        print(f"{directory.name}: {truth.rows} rows, {len(found.table)} brands and hours, as they should be")


def main():
    scenarios = {"kills": kills, "failpoints": failpoints, "processes": processes, "data": data}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", choices=scenarios)
    parser.add_argument("--job", required=True)
    parser.add_argument("--writer", required=True)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--data", default=os.environ.get("PENSTOCK_TEST_DATA"))
    parser.add_argument("--keep", action="store_true", help="keep the files")
    options = parser.parse_args()
    options.random = random.Random(options.seed)
    options.scratch = pathlib.Path(tempfile.mkdtemp(prefix="penstock-flagship-"))
    print(f"{options.scenario}: seed {options.seed}", flush=True)
    try:
        never = scenarios[options.scenario](options)
    except Failed as failure:
        options.keep = True
        sys.exit(f"{failure}\nagain: {pathlib.Path(__file__).name} {options.scenario} --seed {options.seed} "
                 f"--kills {options.kills} ...; the files are in {options.scratch}")
    finally:
        if options.keep:
            print(f"files: {options.scratch}")
        else:
            shutil.rmtree(options.scratch)
    # Each of them is there for a reason; one that nobody comes to tests nothing.
    missing = sorted({each.rsplit(":", 1)[0] for each in never or () if each.endswith(":1")})
    if missing:
        sys.exit("no job comes to " + ", ".join(missing))


if __name__ == "__main__":
    main()
