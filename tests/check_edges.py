#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every ordered operation has the label of its edge, and the edge tables match the code.

The table is in the comment on top of the file that the edge belongs to, one row per edge:
     NAME | release sites | acquire sites | what becomes visible | what breaks without it
A line that is indented deeper continues the row above it.

    sites:  NAME, NAME, ...    or, for the acquire sites, "the same" as the release sites
    a site: the operation's name in AT, else the function that contains it

At each site: /* edge NAME: release */ or /* edge NAME: acquire */, several separated by commas. A label
follows its operation, on its last line or the next one, or is alone on the line above it. It may follow
a call if the called function has the operation, for a function that serves several edges.

A row names exactly the sites that have its label.
usage: check_edges.py FILE...
"""
import re
import sys
from collections import defaultdict, namedtuple
from pathlib import Path

ROW = re.compile(r"^ \*\s+([A-Z][A-Z0-9_]*) \|(.*(?:\n \* {4,}\S.*)*)$", re.M)
LABEL = re.compile(r"\bedge ([A-Z][A-Z0-9_]*): (\w+)")
# An order that orders: a relaxed operation bears no label.
ORDER = re.compile(r"\b(?:memory_order_|AT\((\w+),\s*)(acquire|release|acq_rel|seq_cst)\b")
SIDES = {"release": {"release", "acq_rel", "seq_cst"}, "acquire": {"acquire", "acq_rel", "seq_cst"}}
NEVER = {"release": "A_LOAD", "acquire": "A_STORE"}

Function = namedtuple("Function", "name begin end")
Operation = namedtuple("Operation", "kind begin end orders")  # orders: (name by AT or "", order)


def without_comments(text):
    return re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.S)


def opening(code, at):
    """The place of the parenthesis that is open at this one; -1 outside of all within the statement."""
    depth = 0
    for place in range(at - 1, -1, -1):
        if code[place] == ")":
            depth += 1
        elif code[place] == "(" and depth:
            depth -= 1
        elif code[place] == "(":
            return place
        elif code[place] in ";{}":
            break
    return -1


def closing(code, at):
    depth = 0
    for place in range(at, len(code)):
        depth += {"(": 1, ")": -1}.get(code[place], 0)
        if not depth:
            return place
    return len(code) - 1


def functions_of(code):
    """A body's braces stand alone in the first column, as clang-format lays them out."""
    for brace in re.finditer(r"\)\n\{$", code, re.M):
        name = re.search(r"(\w+)$", code[:max(0, opening(code, brace.start()))])
        if name:
            yield Function(name[1], brace.end(), code.find("\n}", brace.end()))


def operations_of(code):
    """The atomic operations that order memory; of kind "" is an order outside of any."""
    orders = defaultdict(list)
    for found in ORDER.finditer(code):
        kind, place = None, found.start()
        while not kind and place >= 0:
            place = opening(code, place)
            kind = re.search(r"\bA_[A-Z]+$", code[:max(0, place)])
        key = (kind[0], kind.start(), closing(code, place)) if kind else ("", *found.span())
        orders[key].append((found[1] or "", found[2]))
    return [Operation(*key, names) for key, names in orders.items()]


class Source:
    """One file: its functions, its operations, and its labels, each by the place in the text."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.code = without_comments(text)
        self.functions = list(functions_of(self.code))
        self.operations = operations_of(self.code)

    def line(self, place):
        return self.text.count("\n", 0, place) + 1

    def where(self, place):
        return f"{self.path}:{self.line(place)}"

    def function_at(self, place):
        return next((f.name for f in self.functions if f.begin <= place <= f.end), None)

    def operation_of(self, place):
        """The one that a label at this place belongs to."""
        line = self.line(place)
        here = [o for o in self.operations
                if o.begin < place and self.line(o.begin) <= line <= self.line(o.end)]
        if not here and not self.code.splitlines()[line - 1].strip():
            return next((o for o in self.operations if self.line(o.begin) == line + 1), None)
        here = here or [o for o in self.operations if self.line(o.end) == line - 1]
        return here[-1] if here else None

    def called_at(self, place):
        return re.findall(r"\b(\w+)\(", self.code.splitlines()[self.line(place) - 1])


def names_for(operation, side):
    """What AT calls it, "" if nothing does; empty if such an operation is never of this side."""
    return {name for name, order in operation.orders
            if order in SIDES[side] and operation.kind != NEVER[side]}


class Check:
    def __init__(self, sources):
        self.sources = sources
        self.problems = []
        self.rows = {}  # name: (path, {side: sites})
        self.sites = defaultdict(dict)  # (name, side): {site: where}
        self.known = {name for s in sources for name in re.findall(r"\bAT\((\w+),", s.code)}
        self.known |= {f.name for s in sources for f in s.functions}

    def problem(self, where, text):
        self.problems.append(f"{where}: {text}")

    def read_table(self, source):
        for name, rest in ROW.findall(source.text):
            cells = [cell.strip() for cell in re.sub(r"\n \*", "", rest).split("|")]
            if len(cells) != 4 or not all(cells):
                self.problem(source.path, f"{name}: a row has five cells, none of them empty")
            elif name in self.rows:
                self.problem(source.path, f"{name}: has a row in {self.rows[name][0]} already")
            else:
                release, acquire = (re.split(r",\s*", cell) for cell in cells[:2])
                acquire = release if acquire == ["the same"] else acquire
                self.rows[name] = source.path, {"release": release, "acquire": acquire}

    def serves(self, source, place, side):
        """Does a function that is called here have an operation of this side?"""
        called = set(source.called_at(place))
        return any(s.function_at(o.begin) in called and names_for(o, side)
                   for s in self.sources for o in s.operations)

    def read_label(self, source, place, name, side):
        """The operation that it stands at."""
        where = source.where(place)
        if side not in SIDES:
            return self.problem(where, f"{name}: '{side}' is neither release nor acquire")
        if name not in self.rows:
            self.problem(where, f"{name}: a site bears the label, no table has such a row")
        operation = source.operation_of(place)
        names = names_for(operation, side) if operation else set()
        function = source.function_at(place)
        if not names and (operation or not self.serves(source, place, side)):
            self.problem(where, f"{name}: no operation here is one of {side}")
        elif not function:
            self.problem(where, f"{name}: a label outside of all functions")
        else:
            self.sites[name, side].update({site or function: where for site in names or {""}})
        return operation

    def read_labels(self, source):
        labelled = [self.read_label(source, found.start(), *found.groups())
                    for found in LABEL.finditer(source.text)]
        for operation in source.operations:
            orders = ", ".join(order for _, order in operation.orders)
            if not operation.kind:
                self.problem(source.where(operation.begin), f"{orders} outside of an operation A_*")
            elif operation not in labelled:
                self.problem(source.where(operation.begin), f"{orders} without an edge label")

    def compare(self, name, side):
        path, row = self.rows[name]
        have = self.sites[name, side]
        for site in row[side]:
            if site not in self.known:
                self.problem(path, f"{name}: {site} is no function, nor named by AT")
            elif site not in have:
                self.problem(path, f"{name}: {site} bears no 'edge {name}: {side}'")
        for site in sorted(set(have) - set(row[side])):
            self.problem(have[site], f"{name}: the row does not name {site} as a site of {side}")

    def run(self):
        for source in self.sources:
            self.read_table(source)
        for source in self.sources:
            self.read_labels(source)
        for name in self.rows:
            for side in SIDES:
                self.compare(name, side)
        if not self.rows:
            self.problem("all files", "no edge table found: the lock-free files carry one on top")


def main():
    check = Check([Source(path, Path(path).read_text()) for path in sys.argv[1:]])
    check.run()
    for text in check.problems:
        print(f"edges: {text}", file=sys.stderr)
    ordered = sum(len(source.operations) for source in check.sources)
    print(f"edges: {len(check.rows)} edges, {ordered} ordered operations, {len(check.problems)} problems")
    return 1 if check.problems else 0


if __name__ == "__main__":
    sys.exit(main())
