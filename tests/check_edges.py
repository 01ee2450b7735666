#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every lock-free file carries its edge table, and every ordered operation bears its label.

The table, in the comment on top of the file that the edge belongs to, one line per edge:
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


def check_table(path, text, problem):
    """{name: path} of the rows in one file."""
    rows = {}
    for name, rest in ROW.findall(text):
        cells = [cell.strip() for cell in rest.split("|")]
        if len(cells) != 4 or not all(cells):
            problem(path, f"{name}: a row has five cells, none of them empty")
        if name in rows:
            problem(path, f"{name}: two rows in the table")
        rows[name] = path
    return rows


def check_sites(path, text, rows, problem):
    """{(name, side)} of the labels in one file, and how many ordered operations it has."""
    labels = set(LABEL.findall(text))
    for name, side in sorted(labels):
        if side not in ("release", "acquire"):
            problem(path, f"{name}: '{side}' is neither release nor acquire")
        if name not in rows:
            problem(path, f"{name}: a site bears the label, no table has such a row")
    ordered = 0
    for line, orders, found in statements_with_order(text):
        ordered += 1
        if not found:
            problem(f"{path}:{line}", f"{', '.join(orders)} without an edge label")
    return labels, ordered


def main():
    problems = []

    def problem(where, text):
        problems.append(f"{where}: {text}")

    texts = {path: Path(path).read_text() for path in sys.argv[1:]}
    rows = {}
    for path, text in texts.items():
        for name, where in check_table(path, text, problem).items():
            if rows.setdefault(name, where) != where:
                problem(path, f"{name}: has a row in {rows[name]} already")
    labels = set()
    ordered = 0
    for path, text in texts.items():
        here, count = check_sites(path, text, rows, problem)
        labels |= here
        ordered += count
    for name, where in rows.items():
        for side in ("release", "acquire"):
            if (name, side) not in labels:
                problem(where, f"{name}: has a row, but no site bears 'edge {name}: {side}'")
    if not rows:
        problem("all files", "no edge table found: the lock-free files carry one on top")
    for text in problems:
        print(f"edges: {text}", file=sys.stderr)
    print(f"edges: {len(rows)} edges, {ordered} ordered operations, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
