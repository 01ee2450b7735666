# SPDX-License-Identifier: MIT
"""Plots of a run."""

import pathlib
import statistics

import goals
import tables
from gnuplot import BLUE, GREEN, GREY, LIGHT_BLUE, ORANGE, about, block, draw, possible

COLORS = {"bound": GREY, "handoff": BLUE, "peer": ORANGE}
SIZES = (64, 256, 1400, 65536)
# Contestants that plots of many scenarios show, besides the best peer of each.
SHOWN = {"bound": GREY, goals.BATCH: BLUE, goals.SINGLE: LIGHT_BLUE, goals.GIVE: GREEN}
BEST_PEER = "best peer"
KEY_ABOVE = "set key outside top center horizontal"
PAYLOAD = "messages of 32 to 1,400 bytes, mean 167"
BOUND = "the bound: length and bytes in one ring, nothing else"
LEGEND = f"blue: handoff   orange: other libraries   grey: {BOUND}"
RANGE = "lines: lowest to highest round"


def quoted(text):
    return '"' + text.replace("_", " ") + '"'


def color(line):
    return int(COLORS[line["kind"]][1:], 16)


def axis_of_rows(count):
    """Rows from top to bottom, named by the data."""
    return (f"set yrange [{count - 0.3}:-0.7]\nset ytics scale 0\nset grid xtics\n"
            "set lmargin 40\nset title offset screen -0.17,0\n")


def legend():
    """Under all of the picture; the x axis has a second, empty line there."""
    return f"set label \"{LEGEND}\" at screen 0.5,character 0.7 center\n"


def title_of(scenario):
    """What was played and, where the title does not name the size, what was sent."""
    title = tables.TITLES[scenario]
    return title if scenario.startswith("size") else f"{title}; {PAYLOAD}"


def bars(folder, scenario, summary, where):
    """One bar for each contestant, with the lowest and the highest run."""
    ordered = sorted(summary, key=lambda line: line["median"], reverse=True)
    most = max(line["max"] for line in ordered) / 1e6
    data = block("data", ((quoted(line["contestant"]), line["median"] / 1e6, color(line),
                           line["min"] / 1e6, line["max"] / 1e6, f"\"{line['median'] / 1e6:.2f}\"")
                          for line in ordered))
    body = axis_of_rows(len(ordered)) + (
        f"set style fill solid 0.9\nset xrange [0:{1.12 * most}]\nset key off\n"
        f"set xlabel \"million messages a second; {RANGE}\\n \"\n{legend()}"
        "plot $data using (0):0:(0):2:($0-0.35):($0+0.35):3:ytic(1) with boxxyerror"
        " lc rgb variable, $data using 2:0:4:5 with xerrorbars lc rgb '#222222' pt -1, "
        f"$data using ($5+{0.008 * most}):0:6 with labels left font ',9'\n")
    draw(folder, scenario, f"{title_of(scenario)}\n{where}", data + body, 200 + 22 * len(ordered))


def percentiles(folder, scenario, summary, where):
    """Half of the messages, 99 and 99.9 of 100 came within: medians of the rounds."""
    ordered = sorted(summary, key=lambda line: line["median"])
    least = min(line["median"] for line in ordered)
    most = max(line["p999_ns"] for line in ordered)
    data = block("data", ((quoted(line["contestant"]), line["median"], line["p99_ns"],
                           line["p999_ns"], color(line), f"\"{line['median']:,.0f}\"")
                          for line in ordered))
    body = axis_of_rows(len(ordered)) + (
        f"set logscale x\nset format x '10^{{%L}}'\nset xrange [{least / 8}:{3 * most}]\n"
        f"set xlabel \"ns; the number is the p50\\n \"\n{legend()}{KEY_ABOVE}\n"
        "plot $data using 2:0:($4-$2):(0):5:ytic(1) with vectors nohead lc rgb variable notitle, "
        + ", ".join(f"$data using {column}:0:5 with points pt {point} ps 1.2 lc rgb variable "
                    f"title '{title}'"
                    for column, point, title in ((2, 7, "p50"), (3, 5, "p99"), (4, 9, "p99.9")))
        + ", $data using ($2*0.8):0:6 with labels right font ',9' notitle\n")
    draw(folder, scenario, f"{title_of(scenario)}\n{where}", data + body, 220 + 22 * len(ordered))


def runs_of(summary, name):
    """The figure of each round: of one contestant, or of the best peer of that round."""
    if name == BEST_PEER:
        return [max(runs) for runs in zip(*(line["runs"] for line in summary
                                            if line["kind"] == "peer"))]
    return next((line["runs"] for line in summary if line["contestant"] == name), [])


def ratios(folder, scenarios, where):
    """Throughput by the bound's, for the scenarios that the bound can play."""
    rows = [(name, summary) for name, summary in scenarios.items()
            if summary[0]["unit"] == "per_second" and runs_of(summary, "bound")]
    if not rows:
        return
    shown = {**{name: hue for name, hue in SHOWN.items() if name != "bound"}, BEST_PEER: ORANGE}
    data, curves, ends = block("names", [(quoted(tables.TITLES[name].removeprefix("throughput, ")), 0)
                                         for name, _ in rows]), [], []
    for at, (name, hue) in enumerate(shown.items()):
        points = []
        for row, (_, summary) in enumerate(rows):
            each = [mine / bound for mine, bound in zip(runs_of(summary, name),
                                                        runs_of(summary, "bound"))]
            if each:
                middle = statistics.median(each)
                points.append((middle, row + 0.2 * (at - 1.5), min(each), max(each), f'"{middle:.2f}"'))
                ends += [min(each), max(each)]
        if points:
            data += block(f"points{at}", points)
            curves.append(f"$points{at} using 1:2:3:4 with xerrorbars pt 7 lw 1.5 lc rgb '{hue}' "
                          f"title '{name}', $points{at} using ($4*1.06):2:5 with labels left "
                          f"font ',8' notitle")
    body = axis_of_rows(len(rows)) + (
        f"set logscale x 2\nset xrange [{min(ends) / 1.3}:{1.6 * max(ends)}]\nset format x '%g'\n"
        f"set xlabel \"{RANGE}\\n \"\n"
        f"set label \"1 is as fast as {BOUND}\" at screen 0.5,character 0.7 center\n"
        f"{KEY_ABOVE}\nset arrow from 1,graph 0 to 1,graph 1 nohead dt 2\n"
        f"plot $names using ({min(ends) / 9}):0:ytic(1) with points notitle, {', '.join(curves)}\n")
    draw(folder, "of_bound", f"throughput, of the bound; {PAYLOAD} unless named\n{where}", data + body,
         220 + 60 * len(rows))


def sizes(folder, scenarios, where):
    """Bytes handed over a second, over the size of the payload."""
    played = [size for size in SIZES if f"size{size}" in scenarios]
    data, curves = "", []
    for at, (name, hue) in enumerate({**SHOWN, BEST_PEER: ORANGE}.items()):
        rows = []
        for size in played:
            each = [run * size / 1e9 for run in runs_of(scenarios[f"size{size}"], name)]
            if each:
                middle = statistics.median(each)
                rows.append((size * 1.25 ** (at - 2), middle, min(each), max(each), f'"{middle:.3g}"'))
        if len(rows) > 1:
            data += block(f"size{at}", rows)
            curves.append(f"$size{at} with yerrorlines lw 2 pt 7 lc rgb '{hue}' title '{name}', "
                          f"$size{at} using 1:2:5 with labels offset 0,0.8 font ',8' notitle")
    if curves:
        tics = ", ".join(f"'{size:,}' {size}" for size in played)
        draw(folder, "sizes", f"payload handed over, all bytes read, all messages of one size\n{where}", data + (
            f"set logscale x 2\nset logscale y\nset xtics ({tics})\nset xlabel \"bytes each; {RANGE}; grey: {BOUND}\"\n"
            f"set ylabel 'GB/s'\nset xrange [32:160000]\n{KEY_ABOVE}\nset grid\nplot {', '.join(curves)}\n"), 560)


def growth(folder, lines, where):
    """Cost per message over the number of messages."""
    data, curves = "", []
    for at, (name, hue) in enumerate(SHOWN.items()):
        rows = [(line["messages"] * 1.06 ** (at - 1), line["ns_each"], line["min"], line["max"],
                 f"\"{line['ns_each']:.0f}\"")
                for line in lines if line["contestant"] == name]
        if rows:
            data += block(f"grow{at}", rows)
            curves.append(f"$grow{at} with yerrorlines lw 2 pt 7 lc rgb '{hue}' title '{name}', "
                          f"$grow{at} using ($1*1.06):2:5 with labels left offset 0,0.7 font ',9' notitle")
    if curves:
        draw(folder, "growth", f"cost of a message as their number grows; {PAYLOAD}\n{where}", data + (
            f"set logscale x\nset format x '%.0s%c'\nset xlabel \"messages in a run; {RANGE}; grey: {BOUND}\"\n"
            "set ylabel 'ns each'\nset yrange [0:*]\nset offsets graph 0.1, graph 0.1, graph 0.05, 0\n"
            f"{KEY_ABOVE}\nset grid\nplot {', '.join(curves)}\n"))


def draw_all(folder, report):
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    where = about(report["machine"], report["rounds"])
    scenarios = report.get("scenarios", {})
    for scenario, summary in scenarios.items():
        draw_one = percentiles if summary[0]["unit"] == "p50_ns" else bars
        draw_one(folder, scenario, summary, where)
    ratios(folder, scenarios, where)
    sizes(folder, scenarios, where)
    growth(folder, report.get("growth", ()), where)
