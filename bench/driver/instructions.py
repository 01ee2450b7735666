# SPDX-License-Identifier: MIT
"""Instructions per call, counted by callgrind over a program that does the same every time."""

import pathlib
import re
import shutil
import subprocess

from common import Failure

SINGLE = ("ho_reserve", "ho_commit", "ho_flush", "ho_take", "ho_return")
MANY = ("ho_reserve_many", "ho_commit", "ho_take", "ho_return")
# Two runs that differ in this many messages: what both do once cancels out.
FIRST, MORE = 960, 320
USUAL = (1500, 128)  # room and length: all of these messages fit into one segment
WHOLE = (204800, 204800)  # no two of them do

# What, room and length, batch and how it is played (costs/calls.c), calls.
COUNTS = (
    ("ho_reserve, usual path", USUAL, (1,), ("ho_reserve",)),
    ("ho_reserve, segment change", WHOLE, (1,), ("ho_reserve",)),
    ("ho_commit", USUAL, (1,), ("ho_commit",)),
    ("ho_take", USUAL, (1,), ("ho_take",)),
    ("ho_return", USUAL, (1,), ("ho_return",)),
    ("reserve + commit + take + return", USUAL, (1,), SINGLE),
    ("the same, batches of 16, with ho_flush", USUAL, (16,), SINGLE),
    ("ho_commit, batches of 16", USUAL, (16,), ("ho_commit",)),
    ("ho_take, batches of 16", USUAL, (16,), ("ho_take",)),
    ("ho_return, batches of 16", USUAL, (16,), ("ho_return",)),
    ("batches of 16, one ho_reserve_many and one ho_commit", USUAL, (16, "many"), MANY),
    ("ho_reserve_many of 16", USUAL, (16, "many"), ("ho_reserve_many",)),
    ("ho_commit of 16", USUAL, (16, "many"), ("ho_commit",)),
    ("all four, to a shared consumer", USUAL, (1, "shared"), SINGLE),
    ("the same, batches of 16 into 16 partitions", USUAL, (16, "shared"), SINGLE),
)


# Of pools: what, objects at once or what is played instead (pools/calls.c), call, share of the objects that it is called for.
POOL_COUNTS = (
    ("ho_pool_acquire", 1, "ho_pool_acquire", 1),
    ("ho_pool_release", 1, "ho_pool_release", 1),
    ("ho_pool_resolve", 1, "ho_pool_resolve", 1),
    ("ho_pool_acquire_many of 64, an object", 64, "ho_pool_acquire_many", 1),
    ("ho_pool_release_many of 64, an object", 64, "ho_pool_release_many", 1),
    ("ho_alloc", "alloc", "ho_alloc", 1),
    ("ho_free", "alloc", "ho_free", 1 / 2),
    ("ho_free_sized", "alloc", "ho_free_sized", 1 / 2),
)


def collected(program, words, calls):
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    command += [f"--toggle-collect={call}" for call in calls]
    command += [str(program), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        raise Failure(f"'{' '.join(command)}' counted nothing: run it by hand")
    return int(found[1])


def each(program, words, calls):
    """Of a message or an object; words makes the arguments for so many of them."""
    first = collected(program, words(FIRST), calls)
    return (collected(program, words(FIRST + MORE), calls) - first) / MORE


def possible():
    return shutil.which("valgrind") is not None


def count(build, progress):
    """One object per line of the table; each figure is per message, or per object of a pool."""
    lines = []
    program = pathlib.Path(build, "bench", "bench-calls")
    for what, sizes, batch, calls in COUNTS:
        progress(f"instructions: {what}")
        lines.append({"what": what, "instructions": each(
            program, lambda number: (*sizes, batch[0], number, *batch[1:]), calls)})
    return lines + count_pools(build, progress)


def count_pools(build, progress):
    program = pathlib.Path(build, "bench", "bench-pool-calls")
    lines = []
    for what, played, call, share in POOL_COUNTS if program.exists() else ():
        progress(f"instructions: {what}")
        lines.append({"what": what, "instructions": each(
            program, lambda number: (played, number), (call,)) / share})
    return lines
