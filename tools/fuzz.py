#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Runs fuzz targets, two at once, from the corpora in tests/fuzz/corpus.

    fuzz.py FOLDER SECONDS [TARGET...]         runs each so long; FOLDER holds the programs fuzz_<target>
    fuzz.py FOLDER keep [TARGET...]            adds to the corpora what earlier runs have found, as far as it reaches
                                               code that nothing else there reaches

What a run finds stays in FOLDER/fuzz_found and is where the next one begins. A crash, a leak, a time-out, or more than
512 MB of memory fails, and leaves the input that did it in FOLDER/fuzz_failed.
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FUZZ = ROOT / "tests" / "fuzz"
LIMITS = ["-timeout=10", "-rss_limit_mb=512", "-max_len=4096"]
AT_ONCE = 2


def environment():
    # Freed memory that is held back counts as memory too.
    return {**os.environ, "ASAN_OPTIONS": "quarantine_size_mb=64:detect_leaks=1",
            "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"}


def paths(folder, target):
    found, kept = folder / "fuzz_found" / target, FUZZ / "corpus" / target
    found.mkdir(parents=True, exist_ok=True)
    return folder / f"fuzz_{target}", found, kept


def run(folder, target, seconds):
    """(whether all went well, what to say of it)"""
    program, found, kept = paths(folder, target)
    failed = folder / "fuzz_failed"
    failed.mkdir(exist_ok=True)
    command = [str(program), f"-max_total_time={seconds}", "-print_final_stats=1", *LIMITS,
               f"-artifact_prefix={failed}/{target}-"]
    if (dictionary := FUZZ / f"{target}.dict").exists():
        command.append(f"-dict={dictionary}")
    command += [str(folder) for folder in (found, kept) if folder.exists()]
    log = folder / f"fuzz_{target}.log"
    with open(log, "wb") as out:
        status = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, env=environment()).returncode
    text = log.read_text(errors="replace")
    number = lambda name: (re.findall(rf"stat::{name}:\s*(\d+)", text) or ["0"])[-1]
    progress = (re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", text) or [("0", "0", "0")])[-1]
    seeds = len(list(kept.iterdir())) if kept.exists() else 0
    told = (f"{target}: {int(number('number_of_executed_units')):,} executions in {seconds} s, {progress[0]} places "
            f"covered, {progress[1]} features, {progress[2]} inputs from {seeds} kept ones, "
            f"{number('peak_rss_mb')} MB at most")
    if status == 0:
        return True, told
    tail = "\n".join(text.splitlines()[-60:])
    again = "\n".join(f"    {program} {path}" for path in re.findall(r"Test unit written to (\S+)", text))
    return False, f"{tail}\n{told}\n{target}: failed with status {status}; once more with\n{again}"


def keep(folder, target):
    program, found, kept = paths(folder, target)
    kept.mkdir(parents=True, exist_ok=True)
    before = len(list(kept.iterdir()))
    command = [str(program), "-set_cover_merge=1", "-max_len=512", *LIMITS[:2], str(kept), str(found)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment())
    if done.returncode != 0:
        return False, done.stdout.decode(errors="replace")
    for path in kept.iterdir():
        if not path.suffix:
            path.rename(path.with_suffix(".bin"))
    return True, f"{target}: {len(list(kept.iterdir())) - before} inputs added to {before}"


def main():
    folder, what = pathlib.Path(sys.argv[1]), sys.argv[2]
    known = sorted(path.stem.removesuffix("_fuzz") for path in FUZZ.glob("*_fuzz.cpp"))
    targets = sys.argv[3:] or known
    for target in set(targets) - set(known):
        sys.exit(f"fuzz: no target {target}; there are {', '.join(known)}")
    work = (lambda target: keep(folder, target)) if what == "keep" else (lambda target: run(folder, target, int(what)))
    right = True
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for good, told in pool.map(work, targets):
            print(told, flush=True)
            right = right and good
    sys.exit(0 if right else 1)


main()
