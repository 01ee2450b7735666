#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Includes point downward only, and files stay short.

The layers of src/ come from the drawing in src/README.md: in its first code block, a line that starts
with L1, L2 or L3 starts that layer, which contains every file named before the next such line. Layer 0
is include/handoff.
usage: check_includes.py ROOT
"""
import re
import sys
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
DRAWING = re.compile(r"^```\w*\n(.*?)^```$", re.M | re.S)
LAYER = re.compile(r"^L([0-3])\b(.*?)(?=^L[0-3]\b|\Z)", re.M | re.S)
STRANGERS = {"segment", "lane"}  # of one layer, and neither knows the other
CODE = {".c", ".h", ".inl", ".hpp", ".cpp"}
OUTSIDE = ("cpp_shim", "tools", "bench", "examples")
MADE = {"abi_asserts.h", "abi_embed.h"}  # by the build, from abi.md
LINES_MAX = 400

problems = []


def problem(path, text):
    problems.append(f"{path}: {text}")


def files_of(root, part):
    return sorted(path for path in (root / part).rglob("*") if path.suffix in CODE)


def includes_of(path):
    """(quoted?, name) of each include; comments aside."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
    return [(quote == '"', name) for quote, name in INCLUDE.findall(text)]


def object_of(path):
    """lane.c, lane.inl and lane_private.h are all of the object lane."""
    return re.sub(r"_private$", "", Path(path).stem)


def layers_of(root):
    """{object: layer} as src/README.md draws it."""
    readme = root / "src" / "README.md"
    drawing = DRAWING.search(readme.read_text()) if readme.exists() else None
    if not drawing:
        problem("src/README.md", "draws no layers: they stand in its first block of code")
        return {}
    objects = {object_of(path) for path in files_of(root, "src")}
    layers = {}
    for layer, names in LAYER.findall(drawing[1]):
        for name in set(re.findall(r"\w+", names)) & objects:
            if layers.setdefault(name, int(layer)) != int(layer):
                problem("src/README.md", f"{name} stands in two layers")
    for name in sorted(objects - set(layers)):
        problem("src/README.md", f"{name} stands in no layer")
    return layers


def may_include(user, used, layers):
    """Downward, or within the layer."""
    return layers.get(used, 0) <= layers.get(user, 0) and {user, used} != STRANGERS


def check_src(root):
    layers = layers_of(root)
    for path in files_of(root, "src"):
        for quoted, name in includes_of(path):
            if name.startswith("handoff/"):
                if not (root / "include" / name).exists():
                    problem(path, f"includes {name}, which is no public C header")
            elif name in MADE:
                continue
            elif quoted and not (root / "src" / name).exists():
                problem(path, f"includes {name}, which is not in src")
            elif quoted and not may_include(object_of(path), object_of(name), layers):
                problem(path, f"includes {name}: only layers below and its own may be;"
                              f" {' and '.join(sorted(STRANGERS))} do not know each other")


def check_public(root):
    for path in files_of(root, "include"):
        for quoted, name in includes_of(path):
            if name == "stdatomic.h":
                problem(path, "needs <stdatomic.h>, which C++ does not have")
            if quoted and not (root / "include" / name).exists():
                problem(path, f"includes {name}, which is no public C header")


def check_outside(root, part):
    """Nothing of the core but its public headers; whatever else must lie in the part itself."""
    files = files_of(root, part)
    folders = {folder for path in files for folder in (path.parent, *path.parents)
               if folder.is_relative_to(root / part)}
    public = {root / "include", root / "cpp_shim"}
    for path in files:
        for quoted, name in includes_of(path):
            if (quoted or name.startswith("handoff/")) and not any(
                    (folder / name).exists() for folder in folders | public):
                problem(path, f"includes {name}: neither a public header nor a file of {part}")
            if ".." in Path(name).parts:
                problem(path, f"includes {name}: no way out of the folder")


def check_lengths(root):
    parts = ("include", "src", "models", "tests", *OUTSIDE)
    files = [path for part in parts for path in files_of(root, part)]
    for path in files:
        lines = path.read_text().count("\n")
        if lines > LINES_MAX:
            problem(path, f"{lines} lines, at most {LINES_MAX}: split it by what it is about")
    return len(files)


def main():
    if len(sys.argv) != 2:
        sys.exit("includes: which tree?: usage: check_includes.py ROOT")
    root = Path(sys.argv[1])
    check_src(root)
    check_public(root)
    for part in OUTSIDE:
        check_outside(root, part)
    count = check_lengths(root)
    if count == 0:
        problem(root, "no source file found")
    for text in problems:
        print(f"includes: {text}", file=sys.stderr)
    print(f"includes: {count} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
