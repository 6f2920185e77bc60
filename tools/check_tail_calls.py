#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""A push through a node ends in a jump to the next node, and not in a call of it and a return.

Compiles tools/tail_calls.cpp as releases are compiled, with every compiler at hand, and reads the machine code. A finding
means that something in the function named has to be done after the push: a class that is returned or destroyed, or a local
variable whose address is handed to a function that is not inlined (put what is rare into a function of its own, noinline
and cold, that takes the element as detail::Aside).
"""
import pathlib
import re
import shutil
import subprocess
import tempfile

from sources import ROOT, Report

COMPILERS = ["g++", "clang++-14"]
PROGRAM = pathlib.PurePath("tools/tail_calls.cpp")
FLAGS = ["-std=c++20", "-O2", "-DNDEBUG", "-Wall", "-Wextra", "-Werror"]

NUMBER, TEXT = r"long, Context const\*", r"Text(?: const&|&&), Context const\*"


def chain(element, steps):
    """A chain, and what stands before it while elements are counted."""
    return rf"Receiver<{element}, ChainNode<{element}, {steps}>(?:::Counted)?>::push"


# What is looked for, as functions are called without their namespaces: a name that nothing has is a finding too, and so is
# a number of functions other than this one, with and without counting, borrowed and given.
PUSHES = [
    ("a stream", rf"Receiver<long, StreamNode<long>>::push\({NUMBER}\)", 1),
    ("a stream of large elements", rf"Receiver<Text, StreamNode<Text>>::push\({TEXT}\)", 2),
    ("a map", rf"{chain('long', 'MapStep<Twice>')}\({NUMBER}\)", 2),
    ("a filter", rf"{chain('long', 'FilterStep<true, Even>')}\({NUMBER}\)", 2),
    ("a filter of large elements", rf"{chain('Text', 'FilterStep<true, Full>')}\({TEXT}\)", 4),
    ("accumulate", rf"{chain('long', 'AccumulateStep<Sum, [^()]*>')}\({NUMBER}\)", 2),
    ("take", rf"{chain('long', 'TakeStep')}\({NUMBER}\)", 2),
    ("take of large elements", rf"{chain('Text', 'TakeStep')}\({TEXT}\)", 4),
    ("a fused chain", rf"{chain('long', 'MapStep<Twice>, FilterStep<true, Even>, MapStep<Twice>')}\({NUMBER}\)", 2),
    ("tap", rf"{chain('long', 'TapStep<Look>')}\({NUMBER}\)", 2),
    ("a tee", rf"{chain('long', 'TeeStep<TeeEnd<SinkStep<Look>>>')}\({NUMBER}\)", 2),
    ("a tee that may wait", rf"{chain('long', 'TeeStep<TeeEnd<Slow>>')}\({NUMBER}\)", 2),
]
# One with calls of all branches but the last.
FAN_OUTS = [
    ("a fan-out", rf"Receiver<long, FanOut<long>>::push\({NUMBER}\)", 1),
    ("a fan-out of large elements", rf"Receiver<Text, FanOut<Text>>::push\({TEXT}\)", 2),
]
MISTAKE = rf"MapByClass::push\({NUMBER}\)"

FUNCTION = re.compile(r"^[0-9a-f]+ <(.*)>:$")
CODE = re.compile(r"^\s+[0-9a-f]+:\s+(?!R_X86_64_)(\S.*?)\s*$")
TARGET = re.compile(r"^\s+[0-9a-f]+:\s+R_X86_64_\w+\s+(.*?)(?:[-+]0x[0-9a-f]+)?$")
CALL = re.compile(r"(?:notrack )?call\s+\*")
JUMP = re.compile(r"(?:notrack )?jmp\s+\*")
TO_NAME = re.compile(r"jmp\s+[0-9a-f]+ <")


def plain(name):
    """A function's name without its namespaces and the blanks between closing brackets."""
    return re.sub(r">\s+(?=>)", ">", re.sub(r"\b(?:penstock|detail|tail_calls)::", "", name))


def functions(compiler, folder):
    """Every function of the program with its instructions; direct jumps to others as `jmp name`."""
    out = pathlib.Path(folder, "tail_calls.o")
    subprocess.run([compiler, *FLAGS, "-I", str(ROOT / "include"), "-c", str(ROOT / PROGRAM), "-o", str(out)], check=True)
    text = subprocess.run(["objdump", "-dr", "-C", "--no-show-raw-insn", str(out)], check=True, capture_output=True,
                          text=True).stdout
    found, body = {}, None
    for line in text.splitlines():
        if match := FUNCTION.match(line):
            body = found.setdefault(plain(match.group(1)), [])
        elif body is None:
            continue
        elif match := TARGET.match(line):
            if body and TO_NAME.match(body[-1]):
                body[-1] = "jmp " + plain(match.group(1))
        elif match := CODE.match(line):
            body.append(match.group(1))
    return found


def jumps_on(body, known):
    """Whether it ends in an indirect jump, or in a jump to a function that does."""
    if any(JUMP.match(code) for code in body):
        return True
    return any(code.startswith("jmp ") and code[4:] in known and jumps_on(known[code[4:]], {}) for code in body)


def around_last_call(body):
    calls = [i for i, code in enumerate(body) if CALL.match(code)]
    last = (calls or [i for i, code in enumerate(body) if code.startswith("call")] or [len(body)])[-1]
    return body[max(last - 8, 0):last + 8]


def check(compiler, found, report):
    def matching(pattern):
        return {name: body for name, body in found.items() if re.fullmatch(pattern, name)}

    checked = 0
    for what, pattern, number in PUSHES + FAN_OUTS:
        matches = matching(pattern)
        if len(matches) != number:
            report.add(PROGRAM, 1, f"{compiler}: {what}: {len(matches)} functions instead of {number} are called /{pattern}/")
        for name, body in matches.items():
            checked += 1
            calls = [code for code in body if CALL.match(code)]
            most = 2 if (what, pattern, number) in FAN_OUTS else 0  # its loop may be unrolled once
            if not jumps_on(body, found) or len(calls) > most:
                report.add(PROGRAM, 1, f"{compiler}: {what} calls what is behind it and returns, instead of jumping there, in "
                           f"{name}:\n    " + "\n    ".join(around_last_call(body)))
    # The check itself: this one must be found out.
    mistakes = matching(MISTAKE)
    if not mistakes or any(jumps_on(body, found) or not any(map(CALL.match, body)) for body in mistakes.values()):
        report.add(PROGRAM, 1, f"{compiler}: an answer by class is not found out: the check sees nothing")
    return checked


def main():
    report, told = Report(), []
    if subprocess.run(["uname", "-m"], capture_output=True, text=True).stdout.strip() != "x86_64":
        return report.end("reads the code of x86-64 only, and this is another processor")
    if not shutil.which("objdump"):
        return report.end("objdump (binutils) is not installed, so no code was read")
    for compiler in COMPILERS:
        if not shutil.which(compiler):
            told.append(f"{compiler} is not installed")
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                told.append(f"{check(compiler, functions(compiler, folder), report)} pushes of {compiler}")
            except subprocess.CalledProcessError as error:
                report.add(PROGRAM, 1, f"{' '.join(map(str, error.cmd))} fails")
    report.end(", ".join(told))


main()
