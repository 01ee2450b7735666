#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the libraries export, need and call matches the headers and the version script.

usage: check_symbols.py --headers DIR --map FILE --shared LIB.so --archive LIB.a --hot SOURCE...
"""
import argparse
import re
import subprocess
import sys
from pathlib import Path

LIBC = re.compile(r"lib(c|pthread)\.so\.6|libc\.musl-.*|ld-linux.*\.so\.\d+|ld-musl-.*")
# What may wait for another thread or for memory. The cold path may; what runs per message may not.
BLOCKING = re.compile(r"pthread_.*|mtx_.*|cnd_.*|sem_.*|malloc|calloc|realloc|free|aligned_alloc|"
                      r"posix_memalign|hoi_(mutex|lock)\w*")
# Where a cancelled thread would unwind out of the library; os.c makes bare system calls instead.
CANCELLATION = re.compile(
    r"(__)?(p?(read|write)v?(64)?|(open|creat)(at)?(64)?|close|(clock_)?nanosleep|u?sleep|pause|"
    r"p?poll|p?select|epoll_p?wait|accept4?|connect|(send|recv)(to|from|msg)?|f(data)?sync|msync|"
    r"sem_\w*wait|pthread_cond_\w*wait|pthread_\w*join\w*|pthread_testcancel|wait(id|pid)?|"
    r"getrandom|v?f?printf|fputs|puts|fwrite|fread|fopen|fclose|fflush|syslog)")

problems = []


def problem(text):
    problems.append(text)


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def same(what_a, a, what_b, b):
    for name in sorted(a - b):
        problem(f"{name} is in {what_a} and not in {what_b}")
    for name in sorted(b - a):
        problem(f"{name} is in {what_b} and not in {what_a}")


def declared(directory):
    names = set()
    for header in sorted(Path(directory).glob("*.h")):
        text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
        names.update(re.findall(r"^HO_API\s+int32_t\s+(\w+)\s*\(", text, flags=re.M))
        for line in re.findall(r"^HO_API.*$", text, flags=re.M):
            if not re.match(r"HO_API\s+int32_t\s+ho_\w+\s*\(", line):
                problem(f"{header}: every call is 'HO_API int32_t ho_...(': {line}")
    return names


def mapped(path):
    """{version node: names} of the version script."""
    text = re.sub(r"/\*.*?\*/", "", Path(path).read_text(), flags=re.S)
    nodes = {}
    for node, body in re.findall(r"(\w[\w.]*)\s*\{(.*?)\}[^;]*;", text, flags=re.S):
        exported = re.search(r"global\s*:(.*?)(?:local\s*:|$)", body, flags=re.S)
        nodes[node] = set(re.findall(r"(\w+)\s*;", exported[1])) if exported else set()
    if "*" not in text:
        problem(f"{path}: without 'local: *' everything is exported")
    return nodes


def exported(library):
    """{name: version} of the shared library."""
    found = {}
    for line in output_of("nm", "-D", "--defined-only", library).splitlines():
        _, kind, symbol = line.split()
        name, _, version = symbol.partition("@@")
        if kind != "A":
            found[name] = version
    return found


def check_exports(options):
    names = declared(options.headers)
    nodes = mapped(options.map)
    same("the headers", names, "the version script", set().union(*nodes.values()))
    found = exported(options.shared)
    same("the headers", names, options.shared, set(found))
    for node, members in nodes.items():
        for name in sorted(members & set(found)):
            if found[name] != node:
                problem(f"{name} has version '{found[name]}' and not {node}")
    return len(names)


def check_needed(library):
    dynamic = output_of("readelf", "-d", "-W", library)
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)
    if not needed:
        problem(f"{library}: no NEEDED entry found: is it a shared library?")
    for name in needed:
        if not LIBC.fullmatch(name):
            problem(f"{library} needs {name}: the core depends on libc alone")
    for flag in ("NODELETE", "NOW"):
        if not re.search(rf"\(FLAGS_1\).*\b{flag}\b", dynamic):
            problem(f"{library} lacks the flag {flag}")
    return needed


def members(archive):
    """{object: (defined global names, undefined names)}"""
    found = {}
    current = None
    for line in output_of("nm", "-g", archive).splitlines():
        if line.endswith(":"):
            current = found.setdefault(line[:-1], (set(), set()))
        elif line.strip():
            kind, name = line.split()[-2:]
            current[1 if kind in "Uw" else 0].add(name)
    return found


def check_archive(archive, hot):
    objects = members(archive)
    for name, (defined, undefined) in objects.items():
        for symbol in sorted(undefined):
            if CANCELLATION.fullmatch(symbol):
                problem(f"{name} calls {symbol}, a cancellation point: see os.c")
        for symbol in sorted(defined):
            if not symbol.startswith(("ho_", "hoi_")):
                problem(f"{archive}({name}) defines the global {symbol}: make it static, or hoi_")
    if not hot:
        problem("no hot object is named: src/CMakeLists.txt sets HANDOFF_HOT_SOURCES")
    for source in hot:
        if f"{source}.o" not in objects:
            problem(f"hot object {source} is not in {archive}")
            continue
        for symbol in sorted(objects[f"{source}.o"][1]):
            if BLOCKING.fullmatch(symbol):
                problem(f"{source} is on the hot path and calls {symbol}")
    return len(objects)


def main():
    parser = argparse.ArgumentParser()
    for name in ("headers", "map", "shared", "archive"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--hot", nargs="*", default=[])
    options = parser.parse_args()

    count = check_exports(options)
    needed = check_needed(options.shared)
    objects = check_archive(options.archive, options.hot)
    for text in problems:
        print(f"symbols: {text}", file=sys.stderr)
    print(f"symbols: {count} calls, needs {' '.join(needed)}, {objects} objects,"
          f" {len(options.hot)} of them hot, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
