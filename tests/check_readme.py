#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The README's example is the marked middle of examples/cpp_to_c/main.cpp, and its links lead somewhere.

usage: check_readme.py ROOT
"""
import re
import sys
from pathlib import Path
from textwrap import dedent


def problems_of(root):
    readme = (root / "README.md").read_text()
    program = (root / "examples/cpp_to_c/main.cpp").read_text()
    marked = re.search(r"/\* README: begin \*/\n(.*?)\n */\* README: end \*/", program, re.S)
    shown = re.search(r"```cpp\n(.*?)\n```", readme, re.S)
    if not marked or not shown:
        yield "the example or its marks are missing: see examples/cpp_to_c/main.cpp"
    elif dedent(marked[1]).strip() != shown[1].strip():
        yield "the example is not that of examples/cpp_to_c/main.cpp: copy it from there"
    for link in re.findall(r"\]\(([^)#]+)\)", readme):
        if "://" not in link and not (root / link).exists():
            yield f"leads to {link}, which is not there"
    for command in re.findall(r"^(scripts/\w+)", readme, re.M):
        if not (root / command).exists():
            yield f"names {command}, which is not there"


def main():
    found = list(problems_of(Path(sys.argv[1])))
    for text in found:
        print(f"README.md: {text}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
