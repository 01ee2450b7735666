#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The guides show the code that the tests run, and their links lead somewhere.

A block of C or C++ in a guide stands under a line <!-- NAME of FILE -->: it is what FILE, under tests/, has
between /* snippet: NAME */ and /* snippet end */. A block under <!-- lines of FILE --> has lines of FILE.
usage: check_docs.py ROOT
"""
import re
import sys
from pathlib import Path
from textwrap import dedent

GUIDES = ("integrating", "ownership", "threads", "tuning", "dependencies", "performance",
          "benchmarks", "glossary")
BLOCK = re.compile(r"^(?:<!-- (.+?) of (\S+) -->\n)?```(\w*)\n(.*?)^```$", re.M | re.S)


def snippet(text, name):
    found = re.search(rf"/\* snippet: {re.escape(name)} \*/\n(.*?)\n */\* snippet end \*/", text, re.S)
    return dedent(found[1]).strip() if found else None


def problems_of(root, guide):
    text = guide.read_text()
    for name, path, language, block in BLOCK.findall(text):
        if not path:
            if language in ("c", "cpp", "cmake"):
                yield f"a block of {language} says not where it is from: {block.splitlines()[0]}"
            continue
        source = (root / path).read_text()
        if name == "lines":
            have = {line.strip() for line in source.splitlines()}
            for line in block.splitlines():
                if line.strip() and line.strip() not in have:
                    yield f"{path} has no line '{line}'"
        elif snippet(source, name) != block.strip():
            yield f"'{name}' is not what {path} has: copy it from there"
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", BLOCK.sub("", text)):
        if "://" not in link and not (guide.parent / link).exists():
            yield f"leads to {link}, which is not there"


def main():
    root = Path(sys.argv[1])
    failed = 0
    for name in GUIDES:
        guide = root / "docs" / f"{name}.md"
        for text in problems_of(root, guide):
            print(f"docs/{name}.md: {text}", file=sys.stderr)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
