#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The guides show code that the tests run, their links are valid, and each is short enough to read.

A block of C or C++ in a guide follows a line <!-- NAME of FILE -->: it equals the part of FILE, under tests/,
between /* snippet: NAME */ and /* snippet end */. A block after <!-- lines of FILE --> has lines of FILE; one after
<!-- file NAME --> is a file of the guide's own program, which a test extracts from there.
usage: check_docs.py ROOT
"""
import re
import sys
from pathlib import Path
from textwrap import dedent

SKETCHES = ("network", "abi-stability")  # show pieces that stand for more than is there
LINES_MAX = 300
LONG = ("api",)  # a table, to look things up in
BLOCK = re.compile(r"^(?:<!-- (?:(.+?) of (\S+)|file \S+|run \S+) -->\n)?```(\w*)\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"\]\(([^)#]*)(?:#([^)]*))?\)")


def snippet(text, name):
    found = re.search(rf"/\* snippet: {re.escape(name)} \*/\n(.*?)\n */\* snippet end \*/", text, re.S)
    return dedent(found[1]).strip() if found else None


def anchors_of(path):
    """The names that GitHub gives to the headings."""
    headings = re.findall(r"^#+ (.*)$", BLOCK.sub("", path.read_text()), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def problems_of_blocks(root, guide, text):
    for found in BLOCK.finditer(text):
        name, path, language, block = found.groups()
        if not path:
            if language in ("c", "cpp", "cmake") and not found[0].startswith("<!--") and guide.stem not in SKETCHES:
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


def problems_of_links(guide, text):
    for link, anchor in LINK.findall(BLOCK.sub("", text)):
        if "://" in link:
            continue
        target = guide.parent / link if link else guide
        if not target.exists():
            yield f"leads to {link}, which is not there"
        elif anchor and target.suffix == ".md" and anchor not in anchors_of(target):
            yield f"leads to {link}#{anchor}, and there is no such heading"


def problems_of(root, guide):
    text = guide.read_text()
    yield from problems_of_blocks(root, guide, text)
    yield from problems_of_links(guide, text)
    lines = text.count("\n")
    if lines >= LINES_MAX and guide.stem not in LONG:
        yield f"has {lines} lines: split it, or cut it to fewer than {LINES_MAX}"


def problems_of_statuses(root):
    """Whoever gets a status looks it up in one place."""
    statuses = re.findall(r"^    X\((HO_\w+),", (root / "include/handoff/status.h").read_text(), re.M)
    rows = re.findall(r"^\| `(HO_\w+)` \|", (root / "docs/troubleshooting.md").read_text(), re.M)
    for status in statuses:
        if rows.count(status) != 1:
            yield f"has {rows.count(status)} rows about {status}: 1 is wanted"


def main():
    root = Path(sys.argv[1])
    guides = sorted((root / "docs").glob("*.md"))
    found = [f"docs/{guide.name}: {text}" for guide in guides for text in problems_of(root, guide)]
    found += [f"README.md: {text}" for text in problems_of_links(root / "README.md", (root / "README.md").read_text())]
    found += [f"docs/troubleshooting.md: {text}" for text in problems_of_statuses(root)]
    for guide in guides:
        if f"]({guide.name})" not in (root / "docs/README.md").read_text() and guide.name != "README.md":
            found.append(f"docs/README.md: does not lead to {guide.name}")
    for text in found:
        print(text, file=sys.stderr)
    return 1 if found or not guides else 0


if __name__ == "__main__":
    sys.exit(main())
