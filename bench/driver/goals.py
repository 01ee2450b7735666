# SPDX-License-Identifier: MIT
"""What the project wants to reach, against what a run measured."""

import growth

OWN = "handoff, "
BATCH = "handoff, batches of 16"
SPLIT = "handoff, split batches of 16"
MANY = "handoff, 16 reserved at once"
MANY_64 = "handoff, 64 reserved at once"
SINGLE = "handoff, single calls"
GIVE = "handoff, give, inline"

# What, scenario, contestants (the better one counts), figure, relation, wanted. A pair is what is wanted on Intel and on AMD:
# there the cores of a machine are nearer to each other, and what limits is another thing (docs/benchmarks.md).
FIRST = 1.3
RATIOS = (
    ("all bytes read, batches of 16, of the bound",
     "throughput", (BATCH, SPLIT, MANY), "of_bound", ">=", (1.0, 0.7)),
    ("all bytes read, batches of 16, of the best peer",
     "throughput", (BATCH, SPLIT, MANY), "of_best_peer", ">=", FIRST),
    ("all bytes read, single calls, of the bound",
     "throughput", (SINGLE,), "of_bound", ">=", (0.85, 0.45)),
    ("all bytes read, single calls, of the best peer",
     "throughput", (SINGLE,), "of_best_peer", ">=", FIRST),
    ("keeps 4,096, batches of 16, of the best peer",
     "keep", (BATCH, SPLIT, MANY), "of_best_peer", ">=", FIRST),
    ("64 bytes, batches of 64, of the bound", "size64", (MANY_64,), "of_bound", ">=", 0.45),
    ("one-way latency p50, of the bound", "latency", (SINGLE,), "of_bound", "<=", 1.05),
    ("one-way latency p50, of the best peer", "latency", (SINGLE,), "of_best_peer", "<=", 1 / FIRST),
    ("128 sleeping workers, of the best peer",
     "workers128", (BATCH,), "of_best_peer", ">=", 10),
    ("4 sleeping workers, of the best peer", "workers4", (BATCH,), "of_best_peer", ">=", 10),
)
SLEEPS_MOST = 0.05  # of a message, with 4 workers and with 128

# The bound's fastest run by its slowest: above it, ratios say more of the machine than of anybody.
SPREAD_MOST = 1.5

# What, limit, of the lines that callgrind counted.
INSTRUCTIONS = (("reserve + commit + take + return", 240),
                ("batches of 16, one ho_reserve_many and one ho_commit", 150),
                ("ho_pool_acquire", 32), ("ho_pool_release", 45), ("ho_pool_resolve", 28),
                ("ho_pool_acquire_many of 64, an object", 14),
                ("ho_alloc", 64), ("ho_free", 66), ("ho_free_sized", 84))

# What, scenario and figure of pools.py, of what (the best peer of a round, the peer with the best median, or nobody: in the unit
# of the table), relation, wanted.
BEST, BEST_MEDIAN, ITSELF = "of_best_peer", "of_best_median", None
POOLS = (
    ("an object at a time, of the best peer", "pair", "ns", BEST, "<=", 1.25),
    ("1,000 in a queue, of the best peer", "fifo", "ns", BEST, "<=", 1.25),
    ("16 on a stack, of the best peer", "lifo", "ns", BEST, "<=", 1.4),
    ("16,384 at random, of the best peer", "random", "ns", BEST, "<=", 1.4),
    ("released by another thread in order, of the best peer", "cross-fifo", "per_second",
     BEST_MEDIAN, ">=", 2.0),
    ("released by another thread at random, of the best peer", "cross-random", "per_second",
     BEST_MEDIAN, ">=", 1.5),
    ("any size, one thread, of the best peer", "mixed", "ns", BEST, "<=", 1.3),
    ("any size, released by another thread, of the best peer", "mixed-cross", "per_second",
     BEST_MEDIAN, ">=", 1.5),
    ("raid, acquire p99.9, of the best peer", "raid", "p999_ns", BEST, "<=", 0.5),
    ("raid, acquire p99.99, of the best peer", "raid", "p9999_ns", BEST, "<=", 0.35),
    ("raid, acquire p99.9, us", "raid", "p999_ns", ITSELF, "<=", 3),
    ("raid, written, p99.9, of the best peer", "raid-written", "p999_ns", BEST, "<=", 0.35),
    ("raid, written, p99.99, of the best peer", "raid-written", "p9999_ns", BEST, "<=", 0.2),
    ("prepared burst, faults", "prepared", "faults", ITSELF, "<=", 0),
    ("prepared burst, system calls", "prepared", "calls", ITSELF, "<=", 0),
    ("prepared burst, time of the best peer's", "prepared", "burst_ns", BEST, "<=", 0.4),
    ("fragmentation, 32 MiB live, %", "fragmentation-32", "fragmentation", ITSELF, "<=", 2.0),
    ("fragmentation, 9 MiB live, %", "fragmentation-9", "fragmentation", ITSELF, "<=", 3.5),
    ("resident after a burst, 6 MiB, of before", "burst-6", "of_before", ITSELF, "<=", 1.08),
    ("resident after a burst, 33 MiB, of before", "burst-33", "of_before", ITSELF, "<=", 1.02),
    ("resident after a burst, pages each survivor", "burst-survivors", "survivor_bytes", ITSELF,
     "<=", 1),
    ("state, bytes each thread", "threads", "thread_bytes", ITSELF, "<=", 0),
    ("state, bytes each processor and pool", "processors", "processor_bytes", ITSELF, "<=", 1024),
    ("trim, ms a MiB", "trim", "ns_each_mib", ITSELF, "<=", 0.3),
    ("trim, longest step, KiB", "trim", "longest_bytes", ITSELF, "<=", 64),
)

# What, of what bench-state tells, bytes.
STATE = (("state per producer and its first lane, bytes", "producer", 8192),
         ("state per consumer and its first lane, bytes", "consumer", 8192),
         ("state per further lane, bytes", "lane", 1024))

# Peak memory counts as flat up to this ratio: a page more or less, a buffer of libc's.
PEAK_MOST = 1.05


def goal(what, value, relation, wanted, noisy=False):
    """`reached` is None where it was not, on a machine too noisy to say."""
    reached = value >= wanted if relation == ">=" else value <= wanted
    return {"what": what, "value": value, "wanted": f"{relation} {wanted:.4g}",
            "reached": reached or (None if noisy else False)}


def spread(lines):
    """The fastest run of the bound by its slowest; 1 without a bound."""
    most = [line["max"] / line["min"] for line in lines if line.get("kind") == "bound"]
    return max(most, default=1)


def line_of(results, scenario, name):
    return next((line for line in results.get(scenario, ()) if line["contestant"] == name), None)


def between(results, scenario, name, other_scenario, other):
    """The median over the rounds of one contestant's runs by another's; None if one is missing."""
    mine, theirs = line_of(results, scenario, name), line_of(results, other_scenario, other)
    if not mine or not theirs:
        return None
    ratios = sorted(a / b for a, b in zip(mine["runs"], theirs["runs"]))
    return ratios[len(ratios) // 2]


def of_growth(lines):
    """Flat within the noise: no dearer than runs of one length differ anyway."""
    found = []
    for line in lines:
        name, times = line["contestant"], line["times"]
        if name not in (BATCH, SINGLE) or times == 1:
            continue
        longer = f"{times} times as many messages, {name.removeprefix(OWN)}"
        found.append(goal(f"cost of each, {longer}", line["cost_ratio"], "<=",
                          growth.noise(lines, name)))
        found.append(goal(f"peak memory, {longer}", line["peak_ratio"], "<=", PEAK_MOST))
    return found


def of_costs(state, idle, straggler):
    found = [
        goal("others' throughput beside a service that hangs", straggler["ratio"], ">=", 0.95),
        goal("their messages lost, or refused for want of memory",
             straggler["lost"] + straggler["no_memory"], "<=", 0)]
    for what, key, most in STATE:
        found.append(goal(what, max(state[f"{key}_mapped_bytes"], state[f"{key}_resident_bytes"]),
                          "<=", most))
    for figure, unit in (("wakes", "wake-ups a second"), ("cpu_ns", "ns of CPU a second")):
        most = max(idle[f"wait_{figure}"], idle[f"epoll_{figure}"])
        found.append(goal(f"idle consumer, {unit}", most / idle["seconds"], "<=", 0))
    return found


def of_pools(figures):
    """Too noisy to say: missed in the median, but the rounds' quartiles lie on both sides."""
    found = []
    for what, scenario, key, of, relation, wanted in POOLS:
        for figure in figures:
            own = figure["contestants"].get("handoff")
            if (figure["scenario"], figure["key"]) != (scenario, key) or not own:
                continue
            if of is ITSELF:
                value, lower, upper = (own[each] / figure["unit"]
                                       for each in ("median", "lower", "upper"))
            elif of in figure:
                value, lower, upper = figure[of], figure["lower"], figure["upper"]
            else:
                continue
            found.append(goal(what, value, relation, wanted, lower < wanted < upper))
    return found


def of_raids(story):
    """Against the best strings with as many sessions, in the worst case of ours."""
    def figures(lines, own, figure):
        return [line[figure] for line in lines if (line["contestant"] in (BATCH, SINGLE)) == own
                and (own or not line["contestant"].startswith(OWN))]
    found, lines = [], story.get("lines", ())
    took = figures(lines, True, "raid_ns")
    if took:
        found.append(goal("a raid of 11,000 objects, ms", max(took) / 1e6, "<=", 8))
    held = []
    for sessions in {line["sessions"] for line in lines}:
        alike = [line for line in lines if line["sessions"] == sessions]
        ours, theirs = (figures(alike, own, "held_bytes") for own in (True, False))
        if ours and theirs:
            held.append(max(ours) / min(theirs))
    if held:
        found.append(goal("memory held, of the best strings", max(held), "<=", 0.5))
    fragmented = figures(story.get("still", ()), True, "object_fragmentation")
    if fragmented:
        found.append(goal("fragmentation of objects at a raid's peak", max(fragmented), "<=", 0.05))
    return found


def of_story(story):
    found = of_raids(story)
    held = story.get("sessions_without_loss", {})
    own = max((n for name, n in held.items() if name.startswith(OWN)), default=0)
    other = max((n for name, n in held.items() if not name.startswith(OWN)), default=0)
    if own and other:
        found.append(goal("sessions without loss, of the best strings", own / other, ">=", 3.0))
    return found


def reach(report):
    """The goals that this run can speak about."""
    found = []
    results = report.get("scenarios", {})
    instructions = report.get("instructions")
    amd = "AMD" in report.get("machine", {}).get("processor", "")
    for what, scenario, names, figure, relation, wanted in RATIOS:
        if isinstance(wanted, tuple):
            wanted = wanted[amd]
        noisy = spread(results.get(scenario, ())) > SPREAD_MOST
        values = [line[figure] for line in (line_of(results, scenario, name) for name in names)
                  if line and line[figure] is not None]
        if values:
            better = max(values) if relation == ">=" else min(values)
            found.append(goal(what, better, relation, wanted, noisy))
    for scenario in ("workers4", "workers128"):
        line = line_of(results, scenario, BATCH)
        if line:
            found.append(goal(f"{scenario}: sleeps of a message", line["sleeps_each"], "<=", SLEEPS_MOST))
    for what, ratio, wanted in (
            ("foreign give, inline release, of our own loan path",
             between(results, "throughput", GIVE, "throughput", BATCH), 0.8),
            ("128 blocking workers against 4",
             between(results, "workers128", BATCH, "workers4", BATCH), 0.7)):
        if ratio is not None:
            found.append(goal(what, ratio, ">=", wanted))
    found += of_growth(report.get("growth", ()))
    if "state" in report:
        found += of_costs(report["state"], report["idle"], report["straggler"])
    found += of_story(report.get("story", {}))
    found += of_pools(report.get("pools", {}).get("figures", ()))
    for what, most in INSTRUCTIONS:
        for line in instructions or ():
            if line["what"] == what:
                found.append(goal(f"{what}, instructions", line["instructions"], "<=", most))
    return found
