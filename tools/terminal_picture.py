#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Draws what a program has printed as a terminal shows it, in SVG.

    terminal_picture.py COMMAND < printed > picture.svg

docs/pictures/demo.svg was made with `./dev demo | tools/terminal_picture.py "./dev demo" >docs/pictures/demo.svg`.
"""
import html
import sys
import textwrap

WIDTH, ADVANCE, LINE, EDGE, TOP = 116, 7.83, 18, 16, 44


def main():
    command = sys.argv[1]
    printed = [line for text in sys.stdin.read().rstrip("\n").split("\n") if not text.startswith("== ")
               for line in (textwrap.wrap(text, WIDTH) if len(text) > WIDTH else [text])]
    lines = [("$ " + command, "#7ee787"), *((line, "#d1d9e0") for line in printed)]
    width = max(len(line) for line, _ in lines) * ADVANCE + 2 * EDGE
    height = TOP + len(lines) * LINE + EDGE
    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" viewBox="0 0 {width:.0f} {height}" '
          f'role="img" aria-label="{html.escape(command, quote=True)} in a terminal">')
    print(f'<rect width="{width:.0f}" height="{height}" rx="8" fill="#0d1117"/>')
    for i, colour in enumerate(("#ff5f56", "#ffbd2e", "#27c93f")):
        print(f'<circle cx="{EDGE + 6 + 18 * i}" cy="18" r="5.5" fill="{colour}"/>')
    print('<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="13" xml:space="preserve">')
    for i, (line, colour) in enumerate(lines):
        kept = line.replace(" ", "\N{NO-BREAK SPACE}")
        if line:
            print(f'<text x="{EDGE}" y="{TOP + 12 + i * LINE}" fill="{colour}" textLength="{len(line) * ADVANCE:.1f}" '
                  f'lengthAdjust="spacingAndGlyphs">{html.escape(kept)}</text>')
    print("</g>\n</svg>")


main()
