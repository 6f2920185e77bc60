#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""docs/reference/wrong_programs.md shows each program of tests/must_not_compile with the sentence that refuses it, and what
throws when a graph is wired wrongly.

    check_wrong_programs.py          the page is what it would be made now, and every program is refused by a known sentence
    check_wrong_programs.py --page   prints the page
"""
import pathlib
import re
import sys

from sources import Report, files, line_of, read

PAGE = pathlib.PurePath("docs/reference/wrong_programs.md")
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
EXCEPTIONS = {"bad_argument": "std::invalid_argument", "misuse": "std::logic_error"}

TOP = """# Wrong programs, and what says so

Made from `tests/must_not_compile` and the headers by `./dev docs`; change it there. Every program on this page is a test, with each
compiler that the tests run with: it has to be refused, and with the sentence that stands below it.

A compiler tells where its error comes from as well, and why the function did not do. Read the line with `error:` first: it has the
sentence. The last line that names your file is where to look.

```text
penstock/ops/map.hpp:62:5: error: static_assert failed "map: the function must be callable with an element of the stream and
return a value (sink and tap take functions that return nothing)"
...
app.cpp:10:11: note: in instantiation of function template specialization ... requested here
  numbers.map([](const std::string& text) { return text.size(); });
          ^
```

## What the compiler refuses
"""

THROWN = """## What throws when it is wired

A graph that makes no sense throws while it is put together, before an element has come: `std::invalid_argument` for an argument that
cannot be meant, `std::logic_error` for operators that do not belong together. `…` stands for what differs from case to case.

| Sentence | Exception |
|---|---|"""


def literals(code):
    return "".join(re.sub(r'\\(["\\])', r"\1", text) for text in LITERAL.findall(code))


def arguments(code, start):
    """What stands between the parenthesis that opens before `start` and the one that closes it."""
    depth, at, quoted = 1, start, False
    while depth and at < len(code):
        char = code[at]
        if quoted and char == "\\":
            at += 1
        elif char == '"':
            quoted = not quoted
        elif not quoted:
            depth += (char == "(") - (char == ")")
        at += 1
    return code[start:at - 1]


def pieces(code):
    """The sentence of an argument such as `"a: " + name + " is none"`: its literals, with … between them; None if it does
    not begin and end with one."""
    code = re.sub(r"^std::string[({]", "", code.strip()).replace('\\"', "\x01")
    if not code.startswith('"'):
        return None
    joined = re.sub(r'"\s*[)}]?\s*\+?\s*"', "", re.sub(r"\s*\n\s*", " ", code))
    found = [match.group(1) for match in LITERAL.finditer(joined)]
    ends = joined.rstrip().endswith('"')
    return "…".join(found).replace("\x01", '"').replace("\\\\", "\\") if ends else None


def sentences():
    """What static_asserts say, and what is thrown: {sentence: exception}."""
    asserted, thrown = set(), {}
    for path in files("*.hpp", under="include"):
        code = read(path)
        for match in re.finditer(r"static_assert\(", code):
            # Only the last argument is the sentence; literals among the first are rare and short.
            said = literals(arguments(code, match.end()))
            if ": " in said or said.startswith("on the right"):
                asserted.add(said)
        for match in re.finditer(r"\b(?:detail::)?(bad_argument|misuse)\(", code):
            said = pieces(arguments(code, match.end()))
            if said and re.match(r"[\w.]+: [^…]*\w", said):
                thrown[said] = EXCEPTIONS[match.group(1)]
    for path in files("*.hpp", under="include"):
        for name in re.findall(r'PENSTOCK_\w*(?:VIEW|KEEP)\w*\(\s*"([^"]+)"', read(path)):
            asserted.add(name + ": the elements are views that are valid during the push only; make them values first")
    return asserted, thrown


def parts(text):
    """The lines of a must-not-compile test: what all of it has, with `bad` and `good` in their places."""
    wrong, right, now = [], [], None
    for line in text.split("\n"):
        if line.startswith("#ifdef BAD"):
            now = "bad"
        elif line.startswith("#else") and now:
            now = "good"
        elif line.startswith("#endif") and now:
            now = None
        else:
            if now != "good":
                wrong.append(line)
            if now == "good":
                right.append(line)
    return wrong, right


def shown(lines):
    """Without includes, the expectation and the licence; blank lines joined."""
    kept = [line for line in lines if not re.match(r"#include|// expect:|// SPDX|using namespace std::", line)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip("\n")


def as_text(sentence):
    """For Markdown: what looks like HTML or emphasis does not become it, outside of code."""
    halves = sentence.replace("|", "\\|").split("`")
    halves[::2] = [half.replace("<", "&lt;").replace("*", "\\*") for half in halves[::2]]
    return "`".join(halves)


def wanted(text):
    """The regular expressions of the sentences that a test waits for."""
    expect = re.match(r"// expect: (.+)", text).group(1).strip()
    several = re.findall(r"\(\?=\.\*((?:\[[^\]]*\]|\\.|[^()])+)\)", expect) if expect.startswith("(?s)") else []
    return several or [expect]


def said_by(pattern, asserted):
    """The shortest whole sentence that matches; what a macro puts together is found by its beginning."""
    pattern = pattern.replace("[^_]", r"^")
    for match in (re.match, re.search):
        found = [said for said in asserted if match(pattern, said)]
        if found:
            return min(found, key=len)
    return None


def page(report):
    asserted, thrown = sentences()
    out, count = [TOP], 0
    for path in files("*.cpp", under="tests/must_not_compile"):
        text = read(path)
        patterns = wanted(text)
        said = [said_by(pattern, asserted) or re.sub(r"\\(.)", r"\1", pattern) for pattern in patterns]
        wrong, right = parts(text)
        count += 1
        # Of several sentences that differ in the operator's name only, the first tells enough.
        title = path.stem.replace("_", " ")
        out += [f"### {title}", "", "```cpp", shown(wrong), "```", "", f"> {as_text(said[0])}", ""]
        if len(said) > 1:
            names = [re.split(r": ", re.sub(r"\\(.)|\[\^_\]", r"\1", pattern))[0] for pattern in patterns[1:]]
            out += ["The same, each with its own sentence: " + ", ".join(f"`{n}`" for name in names for n in name.split(", ")) + ".", ""]
        if shown(right):
            right = shown(right)
            indent = min(len(line) - len(line.lstrip()) for line in right.split("\n") if line.strip())
            right = "\n".join(line[indent:] for line in right.split("\n"))
            out += ["Right:", "", "```cpp", right, "```", ""]
    out.append(THROWN)
    out += [f"| {as_text(said)} | `{exception}` |" for said, exception in sorted(thrown.items())]
    return "\n".join(out).rstrip() + "\n", count, len(thrown)


def main():
    report = Report()
    made, count, thrown = page(report)
    if "--page" in sys.argv[1:]:
        print(made, end="")
        return
    if not files(under=str(PAGE)) or read(PAGE) != made:
        report.add(PAGE, 1, "is not what the tests and the headers say; run ./dev docs")
    report.end(f"{count} wrong programs, {thrown} sentences that are thrown")


main()
