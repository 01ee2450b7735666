# SPDX-License-Identifier: MIT
"""Objects out of handoff's pools beside objects out of allocators: what is played, and its summary."""

import dataclasses
import statistics

import contestants
import rounds

ROUNDS, QUICK_ROUNDS = 11, 3
TIMES, QUICK_TIMES = 10, 2  # how long what takes time is played


@dataclasses.dataclass(frozen=True)
class Figure:
    scenario: str
    key: str  # of what the program prints
    what: str
    unit: float = 1  # of the table, in the program's
    form: str = ",.2f"
    best: str = "min"


FIGURES = (
    Figure("pair", "ns", "one thread, ns: an object at a time", form=".1f"),
    Figure("lifo", "ns", "one thread, ns: 16 on a stack", form=".1f"),
    Figure("fifo", "ns", "one thread, ns: 1,000 in a queue", form=".1f"),
    Figure("random", "ns", "one thread, ns: 16,384 at random", form=".1f"),
    Figure("cross-fifo", "per_second", "released by another thread, M/s: in order", 1e6, ".1f", "max"),
    Figure("cross-random", "per_second", "released by another thread, M/s: at random", 1e6, ".1f",
           "max"),
    Figure("mixed", "ns", "any size (handoff: ho_alloc), ns: one thread", form=".1f"),
    Figure("mixed-cross", "per_second", "any size, M/s: released by another thread", 1e6, ".1f", "max"),
    Figure("raid", "p50_ns", "raid, 128 busy threads, acquire, us: p50", 1e3),
    Figure("raid", "p999_ns", "raid, acquire, us: p99.9", 1e3),
    Figure("raid", "p9999_ns", "raid, acquire, us: p99.99", 1e3),
    Figure("raid-written", "p50_ns", "raid, acquire and write, us: p50", 1e3),
    Figure("raid-written", "p999_ns", "raid, acquire and write, us: p99.9", 1e3),
    Figure("raid-written", "p9999_ns", "raid, acquire and write, us: p99.99", 1e3),
    Figure("prepared", "burst_ns", "prepared burst of 11,000, cold, us", 1e3, ",.0f"),
    Figure("prepared", "faults", "prepared burst: page faults", form=",.0f"),
    Figure("prepared", "calls", "prepared burst: system calls", form=",.0f"),
    Figure("fragmentation-9", "fragmentation", "resident beyond live, %: 9 MiB live", 0.01),
    Figure("fragmentation-32", "fragmentation", "resident beyond live, %: 32 MiB live", 0.01),
    Figure("burst-6", "of_before", "resident after a burst, of before: 6 MiB", form=".3f"),
    Figure("burst-33", "of_before", "resident after a burst, of before: 33 MiB", form=".3f"),
    Figure("burst-survivors", "survivor_bytes", "more than before, pages each survivor", 4096),
    Figure("threads", "thread_bytes", "state, bytes: each thread more", form=",.0f"),
    Figure("threads", "resident_bytes", "resident, KiB: 112 threads used all and are there", 1024,
           ",.0f"),
    Figure("processors", "processor_bytes", "state, bytes: each processor more, and pool",
           form=",.0f"),
    Figure("trim", "ns_each_mib", "trim, ms a MiB", 1e6),
    Figure("trim", "longest_bytes", "trim, longest step, KiB", 1024, ".0f"),
)


MIXED = ("mixed", "mixed-cross")


def field():
    """The pools, ho_alloc for what has no type, and one program over each allocator."""
    return [contestants.Contestant("handoff", "pools-typed", contestants.OWN),
            contestants.Contestant("handoff", "pools-alloc", contestants.OWN, only=MIXED)] + [
        contestants.Contestant(name, "pools-malloc", contestants.PEER, "", preload, package)
        for name, preload, package in contestants.ALLOCATORS]


def quartiles(values):
    if len(values) < 2:
        return values[0], values[0]
    lower, _, upper = statistics.quantiles(values, n=4, method="inclusive")
    return lower, upper


def compared(figure, mine, peers):
    """With the best peer of each round, and with the peer whose median is best; nothing where one is 0."""
    pick = max if figure.best == "max" else min
    best = [pick(of_round) for of_round in zip(*peers)]
    if not all(best):
        return {}
    ratios = [value / other for value, other in zip(mine, best)]
    lower, upper = quartiles(ratios)
    return {"of_best_peer": statistics.median(ratios), "lower": lower, "upper": upper,
            "of_best_median": statistics.median(mine) / pick(map(statistics.median, peers))}


def summary(figures):
    """One object per figure; figures is {scenario: {contestant: [what each round printed]}}."""
    lines = []
    for figure in FIGURES:
        played = figures.get(figure.scenario, {})
        values = {c: [run[figure.key] for run in runs] for c, runs in played.items()}
        if not values:
            continue
        line = dataclasses.asdict(figure) | {"contestants": {}}
        for contestant, runs in values.items():
            lower, upper = quartiles(runs)
            line["contestants"][contestant.name] = {
                "kind": contestant.kind, "median": statistics.median(runs), "lower": lower,
                "upper": upper, "runs": runs}
        own = [runs for c, runs in values.items() if c.kind == contestants.OWN]
        peers = [runs for c, runs in values.items() if c.kind == contestants.PEER]
        if own and peers:
            line |= compared(figure, own[0], peers)
        lines.append(line)
    return lines


def measure(build, quick, asked_rounds, progress, complain):
    """{"rounds": how many, "figures": the summary}. In each round of a scenario all contestants play once."""
    found = contestants.present(build, complain, field())
    number = asked_rounds or (QUICK_ROUNDS if quick else ROUNDS)
    amount = (str(QUICK_TIMES if quick else TIMES),)
    figures = {}
    for scenario in dict.fromkeys(figure.scenario for figure in FIGURES):
        able = [c for c, can in found.items() if scenario in can]
        if able:
            figures[scenario] = rounds.play(build, able, scenario, amount, number, progress)
    return {"rounds": number, "figures": summary(figures)}
