# SPDX-License-Identifier: MIT
"""What an integrator may choose, one thing at a time: figures for the advice in the guides."""

import dataclasses
import statistics

import contestants
import rounds

USUAL_BATCH = 16
# As long as the others: where messages come now and then, and where the first touch of a page takes
# milliseconds, which must be over when counting begins.
LONG = 6


@dataclasses.dataclass(frozen=True)
class Table:
    title: str
    pattern: str  # of the program: flow or sleeper
    lines: tuple  # of a label and what is chosen; who chooses nothing is the default
    shared: dict = dataclasses.field(default_factory=dict)  # chosen in every line
    times: int = 1  # as long as --ms says


def kib(size):
    return f"{size} KiB", {"segment_bytes": 1024 * size}


def slots(count):
    return f"{count:,}", {"lane_slots": count}


def payload(size):
    return f"{size:,} bytes each", {"bytes": size}


DEFAULT = {}
HUGE = (("as the kernel does", DEFAULT), ("MADV_HUGEPAGE", {"huge_pages": 1}))
LARGE_SEGMENTS = kib(4096)[1]
WORKERS = (("ho_wait when nothing is there", DEFAULT), ("SCHED_BATCH", {"sched_batch": 1}),
           ("sched_yield() and ho_wait", {"yield": 1}))
SLEEPER = (("ho_wait when nothing is there", DEFAULT), ("sched_yield() and ho_wait", {"yield": 1}))

TABLES = {
    "segment_bytes": Table("segment_bytes of the domain", "flow", (
        kib(64), kib(128), ("256 KiB", DEFAULT), kib(512), kib(1024), kib(2048), kib(4096))),
    "segment_bytes_kept": Table("segment_bytes, consumer keeps a random 4,096", "flow", (
        kib(64), ("256 KiB", DEFAULT), kib(1024), kib(4096)), {"kept": 4096}),
    "lane_slots": Table("lane_slots of the service", "flow", (
        slots(64), slots(256), ("1,024", DEFAULT), slots(4096), slots(16384))),
    "batch": Table("messages between two flushes, and most at a take", "flow", (
        ("1", {"batch": 1}), ("4", {"batch": 4}), ("16", DEFAULT), ("64", {"batch": 64}))),
    "kept": Table("messages that the consumer keeps", "flow", (
        ("none", DEFAULT), ("a random 4,096", {"kept": 4096}))),
    "payload": Table("payload", "flow", (
        ("32 to 1,400 bytes, mean 167", DEFAULT), payload(64), payload(256), payload(1400))),
    "pinning": Table("threads", "flow", (
        ("each pinned to its own core", DEFAULT), ("left to the kernel", {"pinned": 0}))),
    "huge_pages": Table("huge pages", "flow", HUGE),
    "huge_pages_large": Table("huge pages, segments of 4 MiB", "flow", HUGE, LARGE_SEGMENTS,
                              LONG),
    "huge_pages_kept": Table("huge pages, segments of 4 MiB, consumer keeps a random 4,096", "flow",
                             HUGE, LARGE_SEGMENTS | {"kept": 4096}, LONG),
    "workers_4": Table("12 workers over 3 services", "flow", WORKERS, {"workers": 4}),
    "workers_128": Table("384 workers over 3 services", "flow", WORKERS, {"workers": 128}),
    "sleeper_idle": Table("sleeping consumer, a message every 200 us, idle machine", "sleeper",
                          SLEEPER, times=LONG),
    "sleeper_busy": Table("sleeping consumer, a message every 200 us, a busy thread on each core",
                          "sleeper", SLEEPER, {"competing": 1}, LONG),
}


def played(build, table, line, amount):
    """One run of a line: the figures as the program printed them."""
    label, chosen = line
    options = table.shared | chosen
    batch = options.pop("batch", USUAL_BATCH)
    runner = contestants.Contestant(f"{table.title}: {label}", f"tune-{batch}", contestants.OWN)
    words = [str(word) for option in (options | amount).items() for word in option]
    return rounds.run(build, runner, table.pattern, words)


def median_ratio(runs, usual, key):
    return statistics.median(run[key] / other[key] for run, other in zip(runs, usual))


def summary(table, runs):
    """One object per line of the table; runs is {label: its figures of each round}."""
    usual = next(runs[label] for label, chosen in table.lines if chosen == DEFAULT)
    key = "per_second" if table.pattern == "flow" else "p50_ns"
    result = []
    for label, chosen in table.lines:
        mine = runs[label]
        values = [run[key] for run in mine]
        line = {"choice": label, "options": table.shared | chosen, "default": chosen == DEFAULT,
                "median": statistics.median(values), "min": min(values), "max": max(values),
                "of_default": median_ratio(mine, usual, key),
                "messages": sum(run["received"] for run in mine), "runs": values,
                "sleeps_each": statistics.median(run["sleeps"] / run["sent"] for run in mine)}
        for figure in ("peak_bytes", "huge_bytes", "p99_ns"):
            if figure in mine[0]:
                line[figure] = statistics.median(run[figure] for run in mine)
        if "p99_ns" in line:
            line["p99_of_default"] = median_ratio(mine, usual, "p99_ns")
        result.append(line)
    return result


def longer(table, amount):
    return {unit: number * (table.times if unit == "ms" else 1) for unit, number in amount.items()}


def measure(build, number_of_rounds, amount, progress):
    """{name of the table: its summary}. All lines of a table run in turn, all tables in each round;
    amount is {"ms": N} or {"messages": N}."""
    runs = {name: {label: [] for label, _ in table.lines} for name, table in TABLES.items()}
    for number in range(number_of_rounds):
        for name, table in TABLES.items():
            turn = number % len(table.lines)
            for line in table.lines[turn:] + table.lines[:turn]:
                progress(f"tuning, round {number + 1} of {number_of_rounds}: {table.title}: {line[0]}")
                runs[name][line[0]].append(played(build, table, line, longer(table, amount)))
    return {name: summary(table, runs[name]) for name, table in TABLES.items()}
