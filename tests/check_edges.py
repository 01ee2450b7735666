#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every lock-free file carries its edge table, and every ordered operation bears its label.

The table, in a comment on top of the file, or of another file of the same object (X.h for X.c), one
line per edge:
     NAME | release site | acquire site | what becomes visible | what breaks without it
At each site: /* edge NAME: release */ or /* edge NAME: acquire */, several with commas between.
usage: check_edges.py FILE...
"""
import re
import sys
from pathlib import Path

ROW = re.compile(r"^ \*\s+([A-Z][A-Z0-9_]*) \|(.*)$", re.M)
LABEL = re.compile(r"\bedge ([A-Z][A-Z0-9_]*): (\w+)")
# An operation that orders: a relaxed one bears no label.
ORDERED = re.compile(r"\b(?:memory_order_|AT\(\w+,\s*)(acquire|release|acq_rel|seq_cst)\b")
# Where the names of the orders are made, no edge runs.
DEFINES = re.compile(r"^\s*#\s*define\s+\w+")


def without_comments(text):
    return re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.S)


def statements_with_order(text):
    """(line number, orders, labels) of each statement that orders memory."""
    code = without_comments(text).splitlines()
    lines = text.splitlines()
    for number, line in enumerate(code):
        orders = ORDERED.findall(line)
        if orders and not DEFINES.match(line):
            # The label stands on the line, on the one before it, or on the one that ends the call.
            around = "\n".join(lines[max(0, number - 1):number + 2])
            yield number + 1, orders, set(LABEL.findall(around))


def check_table(text, problem):
    """{name} of the table's rows."""
    names = set()
    for name, rest in ROW.findall(text):
        cells = [cell.strip() for cell in rest.split("|")]
        if len(cells) != 4 or not all(cells):
            problem(f"{name}: a row has five cells, none of them empty")
        if name in names:
            problem(f"{name}: two rows in the table")
        names.add(name)
    return names


def check_object(stem, texts, problem):
    """One object: its files share a table. Returns how many edges and ordered operations it has."""
    rows = check_table("\n".join(texts.values()), lambda text: problem(stem, text))
    labels = set()
    ordered = 0
    for path, text in texts.items():
        for name, side in LABEL.findall(text):
            labels.add((name, side))
            if side not in ("release", "acquire"):
                problem(path, f"{name}: '{side}' is neither release nor acquire")
            if name not in rows:
                problem(path, f"{name}: a site bears the label, the table on top has no such row")
        for line, orders, found in statements_with_order(text):
            ordered += 1
            if not found:
                problem(f"{path}:{line}", f"{', '.join(orders)} without an edge label")
    for name in sorted(rows):
        for side in ("release", "acquire"):
            if (name, side) not in labels:
                problem(stem, f"{name}: the table has a row, no site bears 'edge {name}: {side}'")
    return len(rows), ordered


def main():
    objects = {}
    for path in map(Path, sys.argv[1:]):
        objects.setdefault(path.with_suffix(""), {})[path] = path.read_text()
    problems = []
    results = [check_object(stem, texts, lambda *found: problems.append(found))
               for stem, texts in objects.items()]
    edges, ordered = (sum(column) for column in zip(*results)) if results else (0, 0)
    if edges == 0:
        problems.append(("all files", "no edge table found: the lock-free files carry one on top"))
    for where, text in problems:
        print(f"edges: {where}: {text}", file=sys.stderr)
    print(f"edges: {edges} edges, {ordered} ordered operations, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
