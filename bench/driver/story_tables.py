# SPDX-License-Identifier: MIT
"""The tables of the game server's scenario."""

NAME, CELL = 36, 11

# Head, figure, by how much it is divided, form.
TRAFFIC = (
    ("sessions", "sessions", 1, ",.0f"), ("p50, us", "p50_ns", 1e3, ",.1f"),
    ("p99, us", "p99_ns", 1e3, ",.0f"), ("raid, ms", "raid_ns", 1e6, ",.1f"),
    ("read, ms", "raid_read_ns", 1e6, ",.1f"), ("lost", "lost", 1, ",.0f"), ("locks/s", "locks_per_second", 1, ",.0f"),
    ("contended/s", "contended_per_second", 1, ",.0f"), ("futex/s", "futex_per_second", 1, ",.0f"),
    ("sleeps/s", "switches_per_second", 1, ",.0f"))
MEMORY = (
    ("sessions", "sessions", 1, ",.0f"), ("alloc p50", "alloc_p50_ns", 1, ",.0f"),
    ("p99.9, ns", "alloc_p999_ns", 1, ",.0f"), ("object p50", "object_p50_ns", 1, ",.0f"),
    ("p99.9, ns", "object_p999_ns", 1, ",.0f"), ("live, MiB", "live_bytes", 2**20, ",.1f"),
    ("held, MiB", "held_bytes", 2**20, ",.1f"), ("most, MiB", "held_most_bytes", 2**20, ",.1f"),
    ("fragm., %", "fragmentation", 0.01, ",.1f"), ("peak, %", "peak_fragmentation", 0.01, ",.1f"))
STILL = (
    ("instr. p50", "steps_p50", 1, ",.0f"), ("p99.9", "steps_p999", 1, ",.0f"),
    ("most", "steps_most", 1, ",.0f"), ("locked most", "locked_most", 1, ",.0f"),
    ("objects, %", "object_fragmentation", 0.01, ",.1f"),
    ("worker, KiB", "worker_bytes", 2**10, ",.1f"), ("sender, KiB", "sender_bytes", 2**10, ",.1f"))


def table(title, columns, lines):
    yield title
    yield "  " + f"{'':{NAME}}" + "".join(f"{head:>{CELL + 1}}" for head, *_ in columns)
    for line in lines:
        cells = ["-" if line[key] is None else format(line[key] / unit, form)
                 for _, key, unit, form in columns]
        yield "  " + f"{line['contestant']:{NAME}}" + "".join(f"{cell:>{CELL + 1}}" for cell in cells)
    yield ""


def lines(story):
    yield from table("the game server: 3 services, 128 sleeping workers, 11,000 objects in 8 ms each "
                     "second", TRAFFIC, story["lines"])
    yield from table("its memory", MEMORY, story["lines"])
    yield from table("an allocation in instructions; fragmentation of objects alone; a further worker and sender", STILL,
                     story["still"])
    yield "most sessions without a loss"
    for name, sessions in story["sessions_without_loss"].items():
        yield f"  {name:{NAME}}{sessions:>{CELL + 1},.0f}"
    yield ""
