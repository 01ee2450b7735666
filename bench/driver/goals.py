# SPDX-License-Identifier: MIT
"""What the project wants to reach, against what a run measured."""

import growth

OWN = "handoff, "
BATCH = "handoff, batches of 16"
SPLIT = "handoff, split batches of 16"
SINGLE = "handoff, single calls"
GIVE = "handoff, give, inline"

# What, scenario, contestants (the better one counts), figure, relation, wanted. A pair is what is wanted on Intel and on AMD:
# there the cores of a machine are nearer to each other, and what limits is another thing (docs/benchmarks.md).
FIRST = 1.3
RATIOS = (
    ("all bytes read, batches of 16, of the bound",
     "throughput", (BATCH, SPLIT), "of_bound", ">=", (1.0, 0.7)),
    ("all bytes read, batches of 16, of the best peer",
     "throughput", (BATCH, SPLIT), "of_best_peer", ">=", FIRST),
    ("all bytes read, single calls, of the bound",
     "throughput", (SINGLE,), "of_bound", ">=", (0.85, 0.45)),
    ("all bytes read, single calls, of the best peer",
     "throughput", (SINGLE,), "of_best_peer", ">=", FIRST),
    ("keeps 4,096, batches of 16, of the best peer",
     "keep", (BATCH, SPLIT), "of_best_peer", ">=", FIRST),
    ("64 bytes, batches of 16, of the bound", "size64", (BATCH, SPLIT), "of_bound", ">=", 0.45),
    ("one-way latency p50, of the bound", "latency", (SINGLE,), "of_bound", "<=", 1.05),
    ("one-way latency p50, of the best peer", "latency", (SINGLE,), "of_best_peer", "<=", 1 / FIRST),
    ("128 sleeping workers, of the best peer",
     "workers128", (BATCH,), "of_best_peer", ">=", 10),
    ("4 sleeping workers, of the best peer", "workers4", (BATCH,), "of_best_peer", ">=", 10),
)
SLEEPS_MOST = 0.05  # of a message, with 4 workers and with 128

# The bound's fastest run by its slowest: above it, ratios to it say more of the machine than of anybody.
SPREAD_MOST = 1.5

# What, limit, of the lines that callgrind counted.
INSTRUCTIONS = (("reserve + commit + take + return", 240),
                ("batches of 16, one ho_reserve_many and one ho_commit", 150))

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


def of_story(story):
    found = []
    fragmented = [line["fragmentation"] for line in story.get("lines", ())
                  if line["contestant"] in (BATCH, SINGLE)]
    if fragmented:
        found.append(goal("fragmentation on the game server's trace", max(fragmented), "<=", 0.02))
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
        noisy = figure == "of_bound" and spread(results.get(scenario, ())) > SPREAD_MOST
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
    for what, most in INSTRUCTIONS:
        for line in instructions or ():
            if line["what"] == what:
                found.append(goal(f"{what}, instructions", line["instructions"], "<=", most))
    return found
