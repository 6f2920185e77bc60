# SPDX-License-Identifier: BSL-1.0
"""Finds co_await expressions that g++ 12 miscompiles.

g++ 12.2 destroys a temporary of the full expression twice when that temporary is a lambda with a capture that has a
destructor, or an aggregate with such a member made with braces. Types are unknown here, so the rule is stricter: no
lambda that captures anything but by a plain [&], and no braces with something in them, in the same full expression as a
co_await. Give it a name first; for a class with a constructor, parentheses do as well.
"""
import re

KEYWORD = re.compile(r"(?<!\boperator )\bco_await\b")
_OPEN, _CLOSE = "([{", ")]}"
_PARTNER = dict(zip(_CLOSE, _OPEN))
_CONTROL = re.compile(r"\s*(?:else\b|do\b|(?:if|while|for|switch)\s*(?:constexpr\s*)?(?P<open>\())")


def _partner_forward(code, start):
    """The position of the bracket that closes the one at `start`, or the end of the code."""
    depth = 0
    for position in range(start, len(code)):
        if code[position] in _OPEN:
            depth += 1
        elif code[position] in _CLOSE:
            depth -= 1
            if depth == 0:
                return position
    return len(code) - 1


def _partner_backward(code, end):
    depth = 0
    for position in range(end, -1, -1):
        if code[position] in _CLOSE:
            depth += 1
        elif code[position] in _OPEN:
            depth -= 1
            if depth == 0:
                return position
    return 0


def _opens_body(code, brace):
    """Whether the brace opens statements (a block, a function's or lambda's body) and not a list of values."""
    before = code[:brace].rstrip()
    if not before or before[-1] in ";{}:" or re.search(r"\b(?:else|do|try|mutable|noexcept|const)$", before):
        return True
    if before[-1] == ")":
        return True
    if before[-1] == "]":  # a lambda without parameters, `[x] {`, and not `new T[n]{`
        return _is_lambda(code, _partner_backward(code, len(before) - 1))
    # A return type stands between the parameters and the body.
    statement = before[max(before.rfind(mark) for mark in ";{}") + 1:]
    return re.search(r"\)[^()]*->\s*[\w:<>,\s*&()]+$", statement) is not None or \
        re.search(r"\b(?:namespace|struct|class|enum|union|concept)\b[^=()]*$", statement) is not None


def _is_lambda(code, bracket):
    if code.startswith("[[", bracket) or (bracket > 0 and code[bracket - 1] == "["):
        return False
    before = code[:bracket].rstrip()
    if not before or before[-1] in "([{,;=&|?:<>!+-*/}":
        return True
    return re.search(r"\b(?:return|co_await|co_return|co_yield)$", before) is not None


def _start(code, position):
    """Where the full expression around `position` starts."""
    while position > 0:
        position -= 1
        char = code[position]
        if char == ";":
            return position + 1
        if char == "}":
            opening = _partner_backward(code, position)
            if _opens_body(code, opening) and not _lambda_body(code, opening):
                return position + 1
            position = opening
        elif char in ")]":
            position = _partner_backward(code, position)
        elif char == "{" and _opens_body(code, position):
            return position + 1
    return 0


def _lambda_body(code, brace):
    """Whether the body that opens here is a lambda's: behind its introducer, parameters and return type."""
    before = code[:brace].rstrip()
    match = re.search(r"->\s*[\w:<>,\s*&]+$", before)
    if match:
        before = before[:match.start()].rstrip()
    before = re.sub(r"(?:\s*\b(?:mutable|noexcept|constexpr))+$", "", before).rstrip()
    if before.endswith(")"):
        before = before[:_partner_backward(before, len(before) - 1)].rstrip()
    if before.endswith(">"):
        match = re.search(r"\]\s*<[^\[\]]*>$", before)
        if match:
            before = before[:match.start() + 1]
    return before.endswith("]") and _is_lambda(before, _partner_backward(before, len(before) - 1))


def findings(code):
    """(position, reason) for each suspicious temporary; `code` is without comments and literals."""
    seen = set()
    for keyword in KEYWORD.finditer(code):
        start, end = _expression(code, keyword.start())
        if start not in seen:
            seen.add(start)
            yield from _in_expression(code[:end], start)


def _expression(code, position):
    """(start, limit) of the full expression around `position`; a condition is an expression of its own."""
    start = _start(code, position)
    while control := _CONTROL.match(code, start):
        start = control.end()
        if control.group("open"):
            closing = _partner_forward(code, control.start("open"))
            if position < closing:
                return start, closing
            start = closing + 1
    return start, len(code)


def _in_expression(code, start):
    position, depth = start, 0
    while position < len(code):
        char = code[position]
        if char == ";" and depth == 0:
            return
        if char == "[" and _is_lambda(code, position):
            end = _partner_forward(code, position)
            captures = code[position + 1:end].strip()
            if captures not in ("", "&"):
                yield position, (f"a lambda that captures [{captures}] in the same expression as a co_await: "
                                 "g++ 12 destroys it twice; name it first")
            position = end
        elif char == "{":
            end = _partner_forward(code, position)
            if _opens_body(code, position):
                if not _lambda_body(code, position):
                    return  # a block: its statements are looked at by themselves
            elif code[position + 1:end].strip() and not _declares(code[start:position]):
                yield position, ("braces with values in the same expression as a co_await: "
                                 "g++ 12 destroys an aggregate made so twice; name it first, or use parentheses")
            position = end
        elif char in "([":
            depth += 1
        elif char in ")]":
            depth -= 1
            if depth < 0:
                return
        position += 1


def _declares(text):
    """Whether the text before a brace is a declaration such as `auto x` or `std::vector<int> all`."""
    return re.fullmatch(r"\s*(?:const\s+)?[\w:]+(?:<[^()]*>)?[\s&*]+\w+\s*", text) is not None


# What has to be found, and what not: the first of each is the expression that was seen to go wrong.
_WRONG = ["co_await f([s] { return s; });", "co_await f({.name = x});", "co_await f(Opt{1});",
          "co_await [s]() -> awaitable<void> { co_return; }();",
          "co_await co_spawn(ex, [s]() -> awaitable<void> { co_return; }, use_awaitable);",
          "auto x = co_await f(std::array<std::string, 2>{a, b});", "co_await f(\n  g, [s = std::move(s)]\n  { return s; });",
          "co_return co_await f([=] { return 1; });", "if (co_await f([s] { return 1; })) { g(); }",
          "for (auto x : co_await f({.a = 1})) g(x);", "while (co_await f(Opt{x})) { }",
          "co_await (f([s] { }) || g());", "auto r = co_await (a(Opt{1}) && b());", "h(co_await f(), [s] { });",
          "co_await f([this] { go(); });", "co_await f([&s] { go(s); });", "switch (co_await f([s] { })) { default: ; }",
          "co_await f([s]<class T>(T) mutable { });", "co_await f(g([s](int x) -> int { return x; }));",
          "co_await f(cond ? [s] { } : nullptr);"]
_RIGHT = ["auto h = [s] { }; co_await f(h);", "Opt o{1}; co_await f(o);", "co_await f();", "co_await x[0];",
          "co_await f([&] { });", "co_await f([] { });", "co_await f({});", "co_await f(Opt());", "co_await f(a[i], b[j]);",
          "auto g = [s]() -> awaitable<void> { co_await f(); };", "struct A { int x = 1; }; co_await f();"]


def main():
    wrong = 0
    for expected, expressions in ((True, _WRONG), (False, _RIGHT)):
        for expression in expressions:
            if any(findings("awaitable<void> t() {\n  " + expression + "\n}\n")) != expected:
                print(f"{'not found' if expected else 'found'}: {expression}")
                wrong += 1
    print(f"{len(_WRONG)} wrong expressions and {len(_RIGHT)} right ones, {wrong} taken for the other")
    raise SystemExit(wrong != 0)


if __name__ == "__main__":
    main()
