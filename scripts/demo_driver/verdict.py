# SPDX-License-Identifier: MIT
"""Sums up the runs in a sentence and an exit status."""

import statistics

DONE, FAILED, CANNOT_COMPARE = 0, 1, 3
OTHERS_MOST = 0.1  # share of all processors taken by other work
DRIFT_MOST = 1.3  # between what `none` held at first and later


def at_quarter(number):
    """The lower or the upper quartile, 1 or 3."""
    return lambda values: sorted(values)[number * (len(values) - 1) // 4]


def summary(runs):
    """Several runs of one column at one rate, as one object. It is held if most of them held it: a
    stalling host spoils a run or two."""
    def over(key, pick):
        return pick([run[key] for run in runs])
    return {
        "rate": runs[0]["rate"],
        "sessions": runs[0]["sessions"],
        "answered": over("answered", sum),
        "lost_percent": 100 * over("lost", sum) / max(1, over("sent", sum)),
        "held": 2 * over("held", sum) > len(runs),
        "runs_held": over("held", sum),
        "runs": len(runs),
        **{key: over(key, statistics.median) for key in (
            "p50_us", "p99_us", "cpu_us_each", "copies_per_message", "wakes_each")},
        **{f"{key}_{name}": over(key, pick) for key in ("p50_us", "p99_us")
           for name, pick in (("lowest", min), ("low", at_quarter(1)), ("high", at_quarter(3)),
                              ("highest", max))},
        "late_wakes": over("late_wakes", sum),
        "peak_rss_bytes": over("peak_rss_bytes", max),
    }


def milliseconds(us):
    return f"{us / 1e3:.2g} ms" if us < 10_000 else f"{us / 1e3:.0f} ms"


def why_not(line):
    """Of a column that is not sustained."""
    if line["lost_percent"] > 0:
        return f"loses {max(line['lost_percent'], 0.01):.2f} %"
    return "lags"


def noise(report):
    """Why the figures reflect the machine rather than the handoffs, or None."""
    none, mine = (report["at_rate"].get(column) for column in ("none", "handoff"))
    if report["others"] > OTHERS_MOST:
        return f"other work took {100 * report['others']:.0f} % of its processors"
    if none and not none["held"]:
        return (f"none, which had held {report['carries']:,} messages a second, {why_not(none)} at "
                f"{none['rate']:,}")
    if mine and mine["runs_held"] and not mine["held"]:
        return (f"handoff held {mine['rate']:,} messages a second in {mine['runs_held']} of "
                f"{mine['runs']} runs")
    if "none" in report["highest"]:
        later = report["highest"]["none"]["rate"] if report["highest"]["none"] else 0
        low, high = sorted((later, report["carries"]))
        if low * DRIFT_MOST < high:
            return f"none held {report['carries']:,} messages a second at first and {later:,} later"
    return None


def trouble(report):
    """Why this machine can't compare, or None."""
    none = report["at_rate"].get("none")
    if report["fixed"] and none and not none["held"]:
        return (f"This machine is too slow or too noisy for {none['rate']:,} messages a second: even "
                f"none {why_not(none)}. Ask for less, or leave out --rate and --sessions.")
    reason = noise(report)
    if reason:
        return f"This machine is too noisy to compare: {reason}. Run it again when nothing else runs."
    if report["carries"] is None and not report["fixed"]:
        return ("This machine is too slow to compare: without any handoff (none) it does not hold "
                f"{report['lowest']:,} messages a second.")
    return None


def times(mine, other):
    return f"{mine / other:.2f}"


def of_highest(highest):
    """How many messages handoff holds, compared with the others."""
    mine = highest.get("handoff")
    if not mine:
        return [f"{column} holds {line['rate']:,} messages a second from {line['sessions']:,} "
                "sessions without loss" for column, line in highest.items() if line]
    text = (f"handoff holds {mine['rate']:,} messages a second from {mine['sessions']:,} sessions "
            "without loss")
    beside = [f"{times(mine['rate'], highest[column]['rate'])} times what {column} holds"
              for column in ("strings", "none") if highest.get(column)]
    return [text + (f", {' and '.join(beside)}" if beside else "")]


def of_latency(mine, other, column):
    """A difference counts if the middle halves of their runs don't overlap, so that one run in which the
    host stalled decides nothing."""
    theirs = f"{column}: {milliseconds(other['p99_us'])}"
    if mine["p99_us_high"] < other["p99_us_low"]:
        return f"{times(mine['p99_us'], other['p99_us'])} of that of {theirs}"
    if mine["p99_us_low"] > other["p99_us_high"]:
        return f"longer than that of {theirs}"
    return f"no different from that of {theirs}, by how much runs differ"


def of_rate(lines):
    """The latency and the processor time at the same rate."""
    mine = lines.get("handoff")
    if not mine:
        return [f"at {line['rate']:,} a second {column} "
                + (f"has a p99 of {milliseconds(line['p99_us'])}" if line["held"]
                   else why_not(line)) for column, line in lines.items()]
    if not mine["held"]:
        return [f"at {mine['rate']:,} a second it {why_not(mine)}"]
    text = f"at {mine['rate']:,} a second its p99 is {milliseconds(mine['p99_us'])}"
    strings = lines.get("strings")
    if not strings:
        return [text]
    if not strings["held"]:
        return [f"{text}, where strings {why_not(strings)}"]
    return [f"{text}, {of_latency(mine, strings, 'strings')}; it takes "
            f"{times(mine['cpu_us_each'], strings['cpu_us_each'])} of the processor time of strings"]


def says(report):
    """(closing sentence, exit status)"""
    reason = trouble(report)
    if reason:
        return reason, CANNOT_COMPARE
    mine = report["at_rate"].get("handoff")
    text = "; ".join(of_highest(report["highest"]) + of_rate(report["at_rate"]))
    failed = mine and not mine["held"]
    return f"{text[0].upper()}{text[1:]}.", FAILED if failed else DONE
