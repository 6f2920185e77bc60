#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Every operator, source and sink is described by the same lines in the same order.

    check_doc_comments.py                 checks the comments, that docs/reference/operators.md tells the same, and that
                                          docs/reference/sources_and_sinks.md leaves out none
    check_doc_comments.py --table         prints that page, made from the comments

A header of these rooms that holds no operator says so in a line of its own: `// Not an operator: <reason>`.
"""
import pathlib
import re
import sys

from sources import Report, files, read

ROOMS = {"ops": "Operators", "time": "Event time", "sources": "Sources", "sinks": "Sinks", "connect": "Other programs"}
LABELS = ["Back-pressure", "Metadata", "Errors", "Cost", "Recovery", "Example", "See also"]
TABLE = pathlib.PurePath("docs/reference/operators.md")
MATRIX = pathlib.PurePath("docs/reference/sources_and_sinks.md")

LABEL = re.compile(r"^(%s):\s*(.*)$" % "|".join(LABELS))
EXEMPT = re.compile(r"^// Not an operator: \S", re.MULTILINE)
NAME = re.compile(r"(?:operator\s*\S+?|\b(?!requires\b|decltype\b|noexcept\b|explicit\b|alignas\b|sizeof\b)\w+)(?=\s*\()")


class Description:
    """One doc comment that describes an operator: it has at least three of the lines."""

    def __init__(self, path, line, name, summary):
        self.path, self.line, self.name, self.summary = path, line, name, summary
        self.texts, self.lines, self.repeated = {}, {}, []


def declared_name(lines):
    """The name of the function that follows a comment."""
    text = ""
    for line in lines:
        if line.strip().startswith("//"):
            continue
        text += " " + line.split("//")[0].strip()
        if re.search(r"[;{]\s*$", text) or len(text) > 2000:
            break
    text = re.sub(r"\[\[.*?\]\]", "", text)
    while (start := re.search(r"\btemplate\s*<", text)) is not None:  # cut out template parameter lists
        depth, end = 1, start.end()
        while end < len(text) and depth:
            depth += {"<": 1, ">": -1}.get(text[end], 0)
            end += 1
        text = text[:start.start()] + text[end:]
    text = re.sub(r"\brequires\s*\([^()]*(?:\([^()]*\)[^()]*)*\)", "", text)
    match = NAME.search(text)
    return match.group() if match else None


def descriptions(path):
    lines, at = read(path).splitlines(), 0
    while at < len(lines):
        if not lines[at].strip().startswith("///"):
            at += 1
            continue
        start, comment = at, []
        while at < len(lines) and lines[at].strip().startswith("///"):
            comment.append(lines[at].strip()[3:].removeprefix(" "))
            at += 1
        if sum(LABEL.match(text) is not None for text in comment) < 3:
            continue
        paragraph = []
        for text in comment:
            if not text.strip():
                break
            paragraph.append(text.strip())
        sentence = re.match(r"(.*?\.)(?:\s|$)", " ".join(paragraph))
        found = Description(path, start + 1, declared_name(lines[at:]) or path.stem,
                            sentence.group(1) if sentence else "")
        label = None
        for number, text in enumerate(comment, start + 1):
            match = LABEL.match(text)
            if match:
                label = match.group(1)
                if label in found.texts:
                    found.repeated.append((number, label))
                found.texts[label], found.lines[label] = match.group(2), number
            elif label and text.startswith(" ") and text.strip():
                found.texts[label] += " " + text.strip()
            elif not text.strip() or not text.startswith(" "):
                label = None
        yield found


def check(found, report):
    for number, label in found.repeated:
        report.add(found.path, number, f"{found.name}: the line '{label}:' stands twice")
    order = sorted(found.lines, key=found.lines.get)
    missing = [label for label in LABELS if label not in found.texts]
    if missing:
        report.add(found.path, found.line, f"{found.name}: lacks " + ", ".join(f"'{label}:'" for label in missing))
    if order != [label for label in LABELS if label in found.lines]:
        report.add(found.path, found.line, f"{found.name}: the lines stand in the order {', '.join(order)}; "
                   f"it is {', '.join(LABELS)}")
    for label, text in found.texts.items():
        if not text.strip():
            report.add(found.path, found.lines[label], f"{found.name}: '{label}:' is empty")
    if not found.summary:
        report.add(found.path, found.line, f"{found.name}: the comment starts with a sentence that ends in a full stop")
    example = found.texts.get("Example", "").strip()
    if example and example not in EXAMPLES:
        report.add(found.path, found.lines["Example"], f"{found.name}: no example {example}")


def cell(text):
    return text.strip().replace("|", "\\|")


def table(by_room):
    out = ["# Operators, sources and sinks", "",
           "Made from the comments in the headers by `./dev docs`; change it there.", ""]
    for room, title in ROOMS.items():
        out += [f"## {title}", ""]
        if not by_room[room]:
            out += ["None yet.", ""]
            continue
        out += ["| Name | What it does | Back-pressure | Metadata | Errors | Cost | Recovery | Example | See also |",
                "|---|---|---|---|---|---|---|---|---|"]
        for found in sorted(by_room[room], key=lambda found: (found.name, str(found.path))):
            get = lambda label: found.texts.get(label, "")
            example = get("Example").strip()
            link = f"[{pathlib.PurePath(example).stem}](../../{example})" if example else ""
            cells = [f"`{found.name}`", found.summary, *(get(label) for label in LABELS[:5]), link, get("See also")]
            out.append("| " + " | ".join(cell(text) for text in cells) + " |")
        out.append("")
    return "\n".join(out).rstrip() + "\n"


EXAMPLES = {str(path) for path in files(under="examples")}


def main():
    report, by_room, exempt, headers = Report(), {room: [] for room in ROOMS}, 0, 0
    for room in ROOMS:
        for path in files("*.hpp", under=f"include/penstock/{room}"):
            headers += 1
            umbrella = room == "connect" and path.parent.name == room
            if umbrella or "detail" in path.parts or EXEMPT.search(read(path)):
                exempt += 1
                continue
            found = list(descriptions(path))
            by_room[room] += found
            if not found:
                report.add(path, 1, "no comment with the lines " + ", ".join(f"'{label}:'" for label in LABELS))

    if "--table" in sys.argv[1:]:
        print(table(by_room), end="")
        return
    operators = [found for room in ROOMS for found in by_room[room]]
    for found in operators:
        check(found, report)
    if files(under=str(TABLE)) and read(TABLE) != table(by_room):
        report.add(TABLE, 1, "is not what the comments say; run ./dev docs")
    matrix = read(MATRIX) if files(under=str(MATRIX)) else ""
    for found in operators:
        if found.path.parts[2] not in ("ops", "time") and f"| `{found.name}`" not in matrix:
            report.add(MATRIX, 1, f"does not tell about {found.name}")
    report.end(f"{headers} headers, {exempt} of them exempt, {len(operators)} described operators")


main()
