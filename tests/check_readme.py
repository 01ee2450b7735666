#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The README's example is the marked part of examples/cpp_to_c/main.cpp. Its links are valid and the scripts that it
runs exist, and likewise for all other pages that are not guides.

usage: check_readme.py ROOT
"""
import re
import sys
from pathlib import Path
from textwrap import dedent


PAGES = ("README.md", "CONTRIBUTING.md", "packaging/README.md")


def example(root):
    readme = (root / "README.md").read_text()
    program = (root / "examples/cpp_to_c/main.cpp").read_text()
    marked = re.search(r"/\* README: begin \*/\n(.*?)\n */\* README: end \*/", program, re.S)
    shown = re.search(r"```cpp\n(.*?)\n```", readme, re.S)
    if not marked or not shown:
        yield "README.md: the example or its marks are missing: see examples/cpp_to_c/main.cpp"
    elif dedent(marked[1]).strip() != shown[1].strip():
        yield "README.md: the example is not that of examples/cpp_to_c/main.cpp: copy it from there"


def references(root, page):
    text = (root / page).read_text()
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in link and not ((root / page).parent / link).exists():
            yield f"{page}: leads to {link}, which is not there"
    for command in re.findall(r"^(scripts/[\w-]+)", text, re.M):
        if not (root / command).exists():
            yield f"{page}: names {command}, which is not there"


def main():
    root = Path(sys.argv[1])
    found = [*example(root), *(text for page in PAGES for text in references(root, page))]
    for text in found:
        print(text, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
