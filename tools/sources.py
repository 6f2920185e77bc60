# SPDX-License-Identifier: BSL-1.0
"""What the checks share: which files the project has, C++ without comments and literals, and how findings are told."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

_TOKENS = re.compile(
    r"""(?P<line>//(?:[^\\\n]|\\.|\\\n)*)
      | (?P<block>/\*.*?\*/)
      | (?P<raw>\bR"(?P<fence>[^()\s\\]{0,16})\(.*?\)(?P=fence)")
      | (?P<text>"(?:[^"\\\n]|\\.)*")
      | (?P<char>(?<![0-9a-zA-Z_])(?:u8|[uUL])?'(?:[^'\\\n]|\\.)+')""",
    re.DOTALL | re.VERBOSE)


def blank(code, literals=True):
    """The code with comments, and literals if asked, replaced by spaces; every line and column stays where it was."""
    def spaces(match):
        if match.lastgroup not in ("line", "block") and not literals and match.group("raw") is None:
            return match.group()
        found = re.sub(r"[^\n]", " ", match.group())
        if match.group("line") is None and match.group("block") is None:
            found = '"' + found[1:-1] + '"'
        return found
    return _TOKENS.sub(spaces, code)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def files(*patterns, under=""):
    """The project's files, relative to its root: those git tracks or would track, or all where there is no git."""
    try:
        listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "--", under or "."], cwd=ROOT,
                                check=True, capture_output=True, text=True).stdout.splitlines()
        found = {ROOT / name for name in listed}
    except (OSError, subprocess.CalledProcessError):
        found = {path for path in (ROOT / under).rglob("*")
                 if not {"build", ".git", "__pycache__"}.intersection(path.relative_to(ROOT).parts)}
    found = (path.relative_to(ROOT) for path in found if path.is_file())
    return sorted(path for path in found if not patterns or any(path.match(pattern) for pattern in patterns))


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


class Report:
    """Collects findings, and ends the program: with 1 when there are any, each told as file:line: reason."""

    def __init__(self):
        self.findings = []

    def add(self, path, line, reason):
        self.findings.append((str(path), line, reason))

    def end(self, checked):
        for path, line, reason in sorted(set(self.findings)):
            print(f"{path}:{line}: {reason}")
        if self.findings:
            print(f"{checked}: {len(set(self.findings))} findings")
            sys.exit(1)
        print(f"{checked}: nothing found")
