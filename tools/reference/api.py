#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes docs/api.md, all calls by task, from abi.md and the headers; with --check, tells whether it is current.

A call that no task lists goes under the title of its header.
usage: api.py [--check]
"""
import fnmatch
import re
import sys

import abi
import headers

TARGET = abi.ROOT / "docs" / "api.md"

# (task, its calls); the first matching pattern decides.
TASKS = (
    ("Check the version", "ho_abi_*"),
    ("Prepare structs, explain statuses", "ho_init ho_strerror"),
    ("Open", "*_create *_open *_register"),
    ("Receive into arena memory", "ho_reserve ho_reserve_many ho_split ho_abort"),
    ("Send", "ho_commit ho_give ho_give_copy ho_forward ho_flush"),
    ("Wait, in a call or on a descriptor", "ho_wait *_fd"),
    ("Take and work", "ho_take ho_consumer_help ho_consumer_yield"),
    ("Return, share, keep", "ho_return ho_slice ho_compact"),
    ("Give memory back to the system, or have it ready", "*_trim *_prepare"),
    ("Read counters", "*_stats_get"),
    ("Close", "*_close *_destroy *_retire"),
    ("Get given memory back", "ho_owner_drain"),
    ("Keep objects in a pool", "ho_pool_*"),
)

INTRO = """# All calls by task

<!-- Made by tools/reference/api.py from abi.md and the headers: edit those, then build the target docs_update. -->

Every call returns an `int32_t` status: 0 is done, positive values are flow outcomes, negative ones are errors. What each
call says in full is in its header and its man page (`man ho_take`); the types, offsets and ownership of every parameter
are in [abi.md](../abi.md).

| column | says |
| --- | --- |
| thread | who may call: one thread at a time per shard, producer, consumer or owner; any thread; or *init*: any thread, but not on the hot path ([threads.md](threads.md#tags)) |
| progress | wait-free, lock-free, takes the domain's mutex, or may block until its timeout |
| kernel | whether the call may make a system call |
"""


def cells(*texts):
    return "| " + " | ".join(texts) + " |"


def by_task(calls, origin):
    """[(title, [names])], with each call exactly once."""
    left, found = list(calls), []
    for title, patterns in TASKS:
        names = list(dict.fromkeys(name for pattern in patterns.split()
                                   for name in fnmatch.filter(left, pattern)))
        left = [name for name in left if name not in names]
        found.append((title, names))
    for name in left:
        title = origin[name].title.partition(":")[0]
        known = dict(found)
        known.setdefault(title, []).append(name)
        found = list(known.items())
    return [(title, names) for title, names in found if names]


def page():
    text = abi.text_of()
    calls = abi.calls_of(text)
    read = headers.headers_of(abi.ROOT / "include")
    origin = {each.name: header for header in read for each in header.functions}
    does = {each.name: headers.sentence(each.text) for header in read for each in header.functions}
    missing = set(calls) ^ set(origin)
    if missing:
        raise ValueError(f"{', '.join(sorted(missing))}: in abi.md or in a header, not in both: add what is missing")
    lines = [INTRO]
    for title, names in by_task(calls, origin):
        lines += [f"## {title}", "", cells("call", "what it does", "thread", "progress", "kernel"),
                  cells(*["---"] * 5)]
        for name in names:
            facts = calls[name].facts
            lines.append(cells(f"[`{name}`](../include/{origin[name].name})", does[name],
                               facts["thread"], facts["progress"], facts["system calls"]))
        lines.append("")
    lines += ["## What each call returns", "",
              "What to do about each status: [troubleshooting.md](troubleshooting.md#by-status).", "",
              cells("call", "statuses"), cells("---", "---")]
    lines += [cells(f"`{name}`", " ".join(f"`{each}`" for each in call.statuses))
              for name, call in sorted(calls.items())]
    lines += ["", "## Structs", "",
              "*options* and *result* structs begin with `size`: `ho_init` sets it, and zero in any other field means the "
              "default.", "", cells("struct", "use", "bytes", "`ho_init` with", "used by"), cells(*["---"] * 5)]
    for name, facts in abi.structs_of(text).items():
        users = [f"`{call}`" for call, each in calls.items()
                 if any(name in re.findall(r"\w+", row["type"]) for row in each.parameters.values())]
        kind = f"`{facts['init']}`" if facts["init"] != "-" else "-"
        lines.append(cells(f"`{name}`", facts["use"], facts["size"], kind, " ".join(users) or "-"))
    return "\n".join(lines) + "\n"


def main():
    made = page()
    if sys.argv[1:] == ["--check"]:
        if TARGET.read_text() == made:
            return 0
        print("docs/api.md: not what abi.md says now: build the target docs_update", file=sys.stderr)
        return 1
    if sys.argv[1:]:
        sys.exit("api: unknown argument: usage: api.py [--check]")
    TARGET.write_text(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
