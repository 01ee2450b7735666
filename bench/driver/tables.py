# SPDX-License-Identifier: MIT
"""The tables that a run ends with."""

TITLES = {
    "throughput": "throughput, all bytes read",
    "header": "throughput, header only",
    "keep": "throughput, consumer keeps a random 4,096",
    "latency": "one way, paced at 500,000/s, ns from due to header read",
    "wake": "sleeping consumer, paced at 5,000/s, ns from due to header read",
    "size64": "throughput, 64 bytes each",
    "size256": "throughput, 256 bytes each",
    "size1400": "throughput, 1,400 bytes each",
    "size65536": "throughput, 64 KiB each",
    "many": "throughput, 4 producers x 4 consumers",
    "chain": "throughput, forwarded through three services",
    "workers4": "throughput, 4 blocking workers in each of 3 services",
    "workers128": "throughput, 128 blocking workers in each of 3 services",
}

# Whose receivers sleep when they find nothing.
SLEEPING = ("wake", "workers4", "workers128")


def number(value, form):
    return "-" if value is None else form.format(value)


def scenario_lines(name, summary):
    """The table of one scenario, as lines."""
    paced = summary[0]["unit"] == "p50_ns"
    figures = ("p50", "p99", "p99.9") if paced else ("Mmsg/s",)
    heads = [*figures, "lowest", "highest", "of bound", "of best peer"]
    heads += ["sleeps each"] if name in SLEEPING else []
    yield f"{TITLES[name]}"
    yield "  " + f"{'':38}" + "".join(f"{head:>13}" for head in heads)
    for line in sorted(summary, key=lambda each: each["median"], reverse=not paced):
        if paced:
            cells = [f"{line[key]:,.0f}" for key in ("median", "p99_ns", "p999_ns", "min", "max")]
        else:
            cells = [f"{line[key] / 1e6:.2f}" for key in ("median", "min", "max")]
        cells += [number(line["of_bound"], "{:.2f}"), number(line["of_best_peer"], "{:.2f}")]
        cells += [f"{line['sleeps_each']:.2f}"] if name in SLEEPING else []
        yield "  " + f"{line['contestant']:38}" + "".join(f"{cell:>13}" for cell in cells)
    yield ""


def goal_lines(goals):
    yield "goals (medians of ratios)"
    for goal in goals:
        reached = {True: "reached", False: "NOT REACHED", None: "too noisy to say"}[goal["reached"]]
        yield f"  {goal['what']:62}{goal['value']:>9.2f}  {goal['wanted']:>12}  {reached}"
    yield ""


def growth_lines(growth):
    yield "cost per message and peak memory as messages grow"
    heads = ("messages", "ns each", "lowest", "highest", "of shortest", "peak, MiB", "of shortest")
    yield "  " + f"{'':38}" + "".join(f"{head:>13}" for head in heads)
    for line in growth:
        cells = [f"{line['messages']:,}"]
        cells += [f"{line[key]:.1f}" for key in ("ns_each", "min", "max")]
        cells += [f"{line['cost_ratio']:.2f}", f"{line['peak_bytes'] / 2**20:.1f}",
                  f"{line['peak_ratio']:.2f}"]
        yield "  " + f"{line['contestant']:38}" + "".join(f"{cell:>13}" for cell in cells)
    yield ""


def cost_lines(state, idle, straggler):
    yield "state of the library, rings of descriptors and memory of messages aside"
    yield "  " + f"{'':62}" + "".join(f"{head:>13}" for head in ("mapped, B", "resident, B"))
    for what, key in (("one more shard, the segment that it fills aside", "shard"),
                      ("one more producer, with its first lane", "producer"),
                      ("one more consumer, with its first lane", "consumer"),
                      ("one more lane", "lane"),
                      ("one more partition of a service, with nothing in it", "partition")):
        if f"{key}_mapped_bytes" not in state:  # of results from before there were shards
            continue
        cells = (state[f"{key}_mapped_bytes"], state[f"{key}_resident_bytes"])
        yield "  " + f"{what:62}" + "".join(f"{cell:>13,.0f}" for cell in cells)
    share = state["segment_resident_bytes"] / state["segment_bytes"]
    yield (f"  {'bookkeeping of a segment, most buffers that it can hold':62}{'':13}"
           f"{state['segment_resident_bytes']:>13,.0f}  ({share:.1%} of its {state['segment_bytes']:,})")
    yield ""
    yield f"idle consumers, {idle['seconds']} s"
    yield "  " + f"{'':62}" + "".join(f"{head:>13}" for head in ("wake-ups/s", "ns of CPU/s"))
    for what, key in (("in ho_wait", "wait"), ("in epoll_wait on its descriptor", "epoll")):
        cells = (idle[f"{key}_wakes"], idle[f"{key}_cpu_ns"])
        yield "  " + f"{what:62}" + "".join(f"{cell / idle['seconds']:>13,.1f}" for cell in cells)
    yield ""
    yield (f"a service that hangs, one message of 11 bytes to it for each segment of another's: "
           f"{straggler['straggler_messages']:,}, {straggler['straggler_dropped']:,} dropped")
    for what, figure in (("the other's messages a second, of without them",
                          f"{straggler['ratio']:.3f}"),
                         ("its messages lost", f"{straggler['lost']:,}"),
                         ("refused for want of memory", f"{straggler['no_memory']:,}"),
                         ("messages copied, to the one that hangs",
                          f"{straggler['straggler_copies']:,}"),
                         ("memory of these copies, bytes", f"{straggler['straggler_bytes']:,}"),
                         ("segments of the arena in use, most of 256",
                          f"{straggler['segments_peak']:,}")):
        yield f"  {what:62}{figure:>26}"
    yield ""


def instruction_lines(instructions):
    yield "instructions (callgrind)"
    for line in instructions:
        yield f"  {line['what']:62}{line['instructions']:>9.1f}"
    yield ""
