# SPDX-License-Identifier: MIT
"""The tables of a run: a line per figure, a column per handoff."""


def mib(value):
    return f"{value / (1 << 20):,.1f}"


def count(value):
    return f"{value:,}"


def decimals(digits):
    return lambda value: f"{value:,.{digits}f}"


def ms(us):
    return f"{us / 1e3:,.2f}" if us < 10_000 else f"{us / 1e3:,.0f}"


# Title, key, format; latencies are left out where the load lagged or lost.
AT_RATE = (
    ("answered, verified", "answered", count),
    ("lost, %", "lost_percent", decimals(2)),
    ("runs that held it", "runs_held", count),
    ("latency p50, ms", "p50_us", ms),
    ("latency p99, ms", "p99_us", ms),
    ("copies per message", "copies_per_message", decimals(2)),
    ("wake-ups per message", "wakes_each", decimals(3)),
    ("late wake-ups", "late_wakes", count),
    ("gateway CPU, us a message", "cpu_us_each", decimals(2)),
    ("gateway peak RSS, MiB", "peak_rss_bytes", mib),
)
HIGHEST = (
    ("messages a second", "rate", count),
    ("sessions", "sessions", count),
    ("latency p50, ms", "p50_us", ms),
    ("latency p99, ms", "p99_us", ms),
    ("gateway CPU, us a message", "cpu_us_each", decimals(2)),
)


def cell(line, key, form):
    if line is None:
        return "none found"
    if form is not ms:
        return form(line[key])
    if not line["held"]:
        return "not sustained"
    if f"{key}_lowest" not in line:
        return ms(line[key])
    return f"{ms(line[key])} ({ms(line[f'{key}_lowest'])} - {ms(line[f'{key}_highest'])})"


def table(title, lines, rows):
    """lines: {column: figures}"""
    text = ["", title, "", f"{'':<26}" + "".join(f"{column:>21}" for column in lines)]
    for name, key, form in rows:
        text.append(f"{name:<26}" + "".join(f"{cell(line, key, form):>21}"
                                            for line in lines.values()))
    return text


def told(report):
    """A report without its closing sentence."""
    machine = report["machine"]
    text = [f"{report['transport']} on {machine['cores']} cores of {machine['processor']}, "
            f"Linux {machine['kernel']}"]
    if report["carries"]:
        text.append(f"Without a handoff (none) it carries {report['carries']:,} messages a second.")
    if report["at_rate"]:
        line = next(iter(report["at_rate"].values()))
        share = "" if report["fixed"] else f", {report['share']:g} of that"
        text += table(f"Each at {line['rate']:,} messages a second{share}, from {line['sessions']:,} "
                      f"sessions: median (lowest - highest) "
                      f"of {report['rounds']} runs of {report['seconds']} s",
                      report["at_rate"], AT_RATE)
    if report["highest"]:
        text += table("Each at the highest rate that it holds by itself: nothing lost, "
                      f"p99 up to {report['lag_ms']} ms", report["highest"], HIGHEST)
    return text
