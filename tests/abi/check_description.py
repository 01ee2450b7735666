#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The current library conforms to each release's description.

For a compatible release (same major; while that is 0, same minor), to everything but its prose. For an
incompatible one, to the frozen prefix.
usage: check_description.py ROOT LIBHANDOFF.so
"""
import ctypes as c
import sys
from pathlib import Path

if len(sys.argv) != 3:
    sys.exit("description: of what?: check_description.py ROOT LIBHANDOFF.so")
ROOT = Path(sys.argv[1])
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "bindings" / "python"))

import layout  # noqa: E402

SECTIONS = ("Handles", "Constants", "Statuses", "Structs", "Functions", "Callbacks", "Limits",
            "Frozen prefix")
PROSE = ("meaning", "why", "text")
VERSIONS = ("HO_ABI_MAJOR", "HO_ABI_MINOR", "HO_ABI_PATCH")


def promises_of(text):
    """{what a row is about: its cells but for the prose}"""
    found = {}
    for section, item, row in layout.tables_of(text):
        if section not in SECTIONS:
            continue
        cells = {column: cell for column, cell in row.items() if column not in PROSE}
        name = next(iter(cells.values()))
        if item is None:
            key = (section, name)
        elif next(iter(row)) in ("field", "parameter", "mode"):
            key = (section, item, name)
        else:
            key = (section, item)
        if "parameter" in row:
            cells["place"] = sum(k[:2] == (section, item) and "parameter" in cells_of
                                 for k, cells_of in found.items())
        found[key] = cells
    return found


def version_of(promises):
    return tuple(int(promises["Constants", name]["value"]) for name in VERSIONS[:2])


def fits(old, new):
    return old[0] == new[0] and (old[0] > 0 or old[1] == new[1])


def held(kept, now):
    """Whether today's cells keep the promise. A struct that carries its size may grow."""
    if now is None:
        return False
    grows = kept.get("use") in ("options", "result") and int(now["size"]) >= int(kept["size"])
    return all(now.get(column) == cell or (grows and column == "size")
               for column, cell in kept.items())


def is_exported(library, name, version):
    find = c.CDLL(None).dlvsym
    find.restype = c.c_void_p
    handle = c.c_void_p(library._handle)
    return find(handle, name.encode(), version.encode()) is not None


def broken(library, kept, today):
    """Lines about what is not as it was promised."""
    all_of_it = fits(version_of(kept), version_of(today))
    frozen = {key[1] for key in kept if key[0] == "Frozen prefix"}
    for key, cells in kept.items():
        if key[0] == "Constants" and key[1] in VERSIONS or not (all_of_it or key[1] in frozen):
            continue
        if not held(cells, today.get(key)):
            yield f"{' '.join(key)}: was {cells}, is {today.get(key)}"
        if "version" in cells and not is_exported(library, key[1], cells["version"]):
            yield f"{key[1]}@{cells['version']}: is not exported"


def main():
    library = layout.library_of(sys.argv[2], "description")
    text = layout.description_of(library)
    today = promises_of(text)
    # What the library says in words is what its compiler made.
    lines = list(layout.differences("the library", layout.rows_of(library), "its description",
                                    layout.described(text)))
    count = 0
    for path in sorted((ROOT / "tests" / "abi").glob("[0-9]*/abi.md")):
        kept = promises_of(path.read_text())
        count += len(kept)
        lines += [f"{path.parent.name}: {line}" for line in broken(library, kept, today)]
    for line in lines:
        print(f"description: {line}", file=sys.stderr)
    print(f"description: {count} promises, {len(lines)} broken")
    return 1 if lines or not count else 0


if __name__ == "__main__":
    sys.exit(main())
