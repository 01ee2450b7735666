#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whether a built library, its description and what ctypes makes of them are the same layout.

usage: layout.py LIBHANDOFF.so; prints what differs and exits 1 if anything does.
"""
import ctypes as c
import re
import sys

import handoff_abi as abi


def rows_of(library):
    """The table as the library's compiler made it: (name, field, offset, size) and {constant: value}."""
    row, count = abi.ho_abi_row(size=c.sizeof(abi.ho_abi_row)), c.c_uint32()
    library.ho_abi_layout(0, None, c.byref(count))
    layout, values = set(), {}
    for index in range(count.value):
        if library.ho_abi_layout(index, c.byref(row), None) != abi.HO_OK:
            raise RuntimeError(f"ho_abi_layout: no row {index} of {count.value}")
        if row.kind == abi.HO_ROW_CONSTANT:
            values[row.name.decode()] = row.value
        else:
            layout.add((row.name.decode(), row.field.decode(), row.offset_bytes, row.size_bytes))
    return layout, values


def description_of(library):
    text, size = c.c_char_p(), c.c_uint64()
    if library.ho_abi_description(c.byref(text), c.byref(size)) != abi.HO_OK:
        raise RuntimeError("ho_abi_description gives nothing")
    return c.string_at(text, size.value).decode()


def tables_of(text):
    """(section, item, row) of each table row under the headings; a row is {column: cell}."""
    section = item = columns = None
    for line in re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S).splitlines():
        heading = re.match(r"(##+) (.*)", line)
        if heading:
            section, item = (heading[2], None) if heading[1] == "##" else (section, heading[2])
        if not line.startswith("|"):
            columns = None
            continue
        cells = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        if columns is None:
            columns = cells
        elif set(cells) != {"---"}:
            yield section, item, dict(zip(columns, cells))


def described(text):
    """The same as rows_of, out of a description."""
    layout, values = set(), {}
    for section, item, row in tables_of(text):
        if section == "Structs" and "field" in row:
            layout.add((item, row["field"], int(row["offset"]), int(row["size"])))
        elif section == "Structs":
            layout.add((item, "", 0, int(row["size"])))
        elif section == "Constants":
            values[row["constant"]] = int(row["value"], 0)
        elif section == "Statuses":
            values[row["status"]] = int(row["value"])
    return layout, values


def compiled():
    """The same as rows_of, out of what ctypes makes of the structs."""
    layout = set()
    for struct in abi.STRUCTS:
        layout.add((struct.__name__, "", 0, c.sizeof(struct)))
        for name, _ in struct._fields_:
            place = getattr(struct, name)
            layout.add((struct.__name__, name, place.offset, place.size))
    return layout, {name: value for name, value in vars(abi).items()
                    if name.startswith("HO_") and isinstance(value, int)}


def differences(what_a, a, what_b, b):
    for in_a, in_b in (a[0], b[0]), (a[1].items(), b[1].items()):
        for one in sorted(in_a ^ in_b):
            has, lacks = (what_a, what_b) if one in in_a else (what_b, what_a)
            yield f"{one} is in {has} and not in {lacks}"


def check(library):
    """What differs, as a list of lines; and how many rows were compared."""
    rows, text = rows_of(library), described(description_of(library))
    found = [*differences("the library", rows, "its description", text),
             *differences("ctypes", compiled(), "the library", rows)]
    return found, len(rows[0]) + len(rows[1])


def library_of(path, tool):
    """The library, or the end of the program with one line about it."""
    try:
        return abi.load(path)
    except (OSError, AttributeError) as error:
        sys.exit(f"{tool}: {error}: name a libhandoff.so of {abi.HO_ABI_MAJOR}.{abi.HO_ABI_MINOR}")


def main():
    if len(sys.argv) != 2:
        sys.exit("layout: which library?: layout.py LIBHANDOFF.so")
    found, count = check(library_of(sys.argv[1], "layout"))
    for line in found:
        print(f"layout: {line}", file=sys.stderr)
    print(f"layout: {count} rows, {len(found)} differences")
    return 1 if found or not count else 0


if __name__ == "__main__":
    sys.exit(main())
