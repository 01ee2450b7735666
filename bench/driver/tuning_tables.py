# SPDX-License-Identifier: MIT
"""The tables of what an integrator may choose."""

import tuning

NAME, CELL = 44, 13

# Head, figure, by how much it is divided, form.
RATES = (("Mmsg/s", "median", 1e6, ".2f"), ("lowest", "min", 1e6, ".2f"),
         ("highest", "max", 1e6, ".2f"), ("of default", "of_default", 1, ".2f"))
PEAK = (("peak, MiB", "peak_bytes", 2**20, ",.1f"),)
HUGE = (("in huge, MiB", "huge_bytes", 2**20, ",.0f"),)
SLEEPS = (("sleeps each", "sleeps_each", 1, ".2f"),)
TIMES = (("p50, us", "median", 1e3, ",.1f"), ("lowest", "min", 1e3, ",.1f"),
         ("highest", "max", 1e3, ",.1f"), ("of default", "of_default", 1, ".2f"),
         ("p99, us", "p99_ns", 1e3, ",.1f"), ("of default", "p99_of_default", 1, ".2f"))


def columns_of(name):
    if tuning.TABLES[name].pattern == "sleeper":
        return TIMES
    if name.startswith("workers"):
        return RATES + SLEEPS
    return RATES + PEAK + HUGE if name.startswith("huge") else RATES + PEAK


def lines(measured):
    for name, choices in measured.items():
        columns = columns_of(name)
        yield tuning.TABLES[name].title
        yield "  " + f"{'':{NAME}}" + "".join(f"{head:>{CELL}}" for head, *_ in columns)
        for line in choices:
            label = line["choice"] + (" (default)" if line["default"] else "")
            cells = (format(line[key] / unit, form) for _, key, unit, form in columns)
            yield "  " + f"{label:{NAME}}" + "".join(f"{cell:>{CELL}}" for cell in cells)
        yield ""
