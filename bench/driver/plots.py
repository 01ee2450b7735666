# SPDX-License-Identifier: MIT
"""Plots of a run, by gnuplot: each as SVG and as PNG."""

import pathlib
import shutil
import statistics
import subprocess

import goals
import tables
from rounds import Failure

GREY, BLUE, LIGHT_BLUE, GREEN, ORANGE = "#777777", "#1b6ca8", "#6fb1dc", "#3a8f4d", "#d9822b"
COLORS = {"bound": GREY, "handoff": BLUE, "peer": ORANGE}
SIZES = (64, 256, 1400, 65536)
# Contestants that plots of many scenarios show, besides the best peer of each.
SHOWN = {"bound": GREY, goals.BATCH: BLUE, goals.SINGLE: LIGHT_BLUE, goals.GIVE: GREEN}
BEST_PEER = "best peer"
KEY_ABOVE = "set key outside top center horizontal"
TERMINALS = (("svg background 'white' font 'sans,12'", "svg"), ("pngcairo font 'sans,10'", "png"))


def possible():
    return shutil.which("gnuplot") is not None


def draw(folder, name, title, body, height=480):
    """Runs gnuplot once for each format."""
    for terminal, suffix in TERMINALS:
        script = (f"set terminal {terminal} size 900,{height}\n"
                  f"set output '{pathlib.Path(folder, name)}.{suffix}'\n"
                  f"set title \"{title}\" noenhanced\n{body}")
        done = subprocess.run(["gnuplot"], input=script, text=True, capture_output=True, check=False)
        if done.returncode != 0:
            raise Failure(f"gnuplot refused {name}: {done.stderr.strip()}")


def block(name, rows):
    text = "\n".join(" ".join(str(cell) for cell in row) for row in rows)
    return f"${name} << EOD\n{text}\nEOD\n"


def quoted(text):
    return '"' + text.replace("_", " ") + '"'


def color(line):
    return int(COLORS[line["kind"]][1:], 16)


def axis_of_rows(count):
    """Rows from top to bottom, named by the data."""
    return (f"set yrange [{count - 0.3}:-0.7]\nset ytics scale 0\nset grid xtics\n"
            "set lmargin 40\n")


def bars(folder, scenario, summary):
    """One bar for each contestant, with the lowest and the highest run."""
    ordered = sorted(summary, key=lambda line: line["median"], reverse=True)
    data = block("data", ((quoted(line["contestant"]), line["median"] / 1e6, color(line),
                           line["min"] / 1e6, line["max"] / 1e6) for line in ordered))
    body = axis_of_rows(len(ordered)) + (
        "set style fill solid 0.9\nset xrange [0:*]\nset key off\n"
        "set xlabel 'Mmsg/s: median, lowest and highest of the rounds'\n"
        "plot $data using (0):0:(0):2:($0-0.35):($0+0.35):3:ytic(1) with boxxyerror"
        " lc rgb variable, $data using 2:0:4:5 with xerrorbars lc rgb '#222222' pt -1\n")
    draw(folder, scenario, tables.TITLES[scenario], data + body, 160 + 22 * len(ordered))


def percentiles(folder, scenario, summary):
    """Half of the messages, 99 and 99.9 of 100 came within: medians of the rounds."""
    ordered = sorted(summary, key=lambda line: line["median"])
    data = block("data", ((quoted(line["contestant"]), line["median"], line["p99_ns"],
                           line["p999_ns"], color(line)) for line in ordered))
    body = axis_of_rows(len(ordered)) + (
        "set logscale x\nset format x '10^{%L}'\nset xlabel 'ns'\nset key top right\n"
        "plot $data using 2:0:($4-$2):(0):5:ytic(1) with vectors nohead lc rgb variable notitle, "
        + ", ".join(f"$data using {column}:0:5 with points pt {point} ps 1.2 lc rgb variable "
                    f"title '{title}'"
                    for column, point, title in ((2, 7, "p50"), (3, 5, "p99"), (4, 9, "p99.9")))
        + "\n")
    draw(folder, scenario, tables.TITLES[scenario], data + body, 160 + 22 * len(ordered))


def runs_of(summary, name):
    """The figure of each round: of one contestant, or of the best peer of that round."""
    if name == BEST_PEER:
        return [max(runs) for runs in zip(*(line["runs"] for line in summary
                                            if line["kind"] == "peer"))]
    return next((line["runs"] for line in summary if line["contestant"] == name), [])


def ratios(folder, scenarios):
    """Throughput by the bound's, for the scenarios that the bound can play."""
    rows = [(name, summary) for name, summary in scenarios.items()
            if summary[0]["unit"] == "per_second" and runs_of(summary, "bound")]
    if not rows:
        return
    shown = {**{name: hue for name, hue in SHOWN.items() if name != "bound"}, BEST_PEER: ORANGE}
    data, curves = block("names", [(quoted(tables.TITLES[name].removeprefix("throughput, ")), 0)
                                  for name, _ in rows]), []
    for at, (name, hue) in enumerate(shown.items()):
        points = []
        for row, (_, summary) in enumerate(rows):
            each = [mine / bound for mine, bound in zip(runs_of(summary, name),
                                                        runs_of(summary, "bound"))]
            if each:
                points.append((statistics.median(each), row + 0.18 * (at - 1.5), min(each), max(each)))
        if points:
            data += block(f"points{at}", points)
            curves.append(f"$points{at} using 1:2:3:4 with xerrorbars pt 7 lw 1.5 lc rgb '{hue}' "
                          f"title '{name}'")
    body = axis_of_rows(len(rows)) + (
        "set xrange [0:*]\nset xlabel 'of the bound: median, lowest and highest of the rounds'\n"
        f"{KEY_ABOVE}\nset arrow from 1,graph 0 to 1,graph 1 nohead dt 2\n"
        f"plot $names using (-1):0:ytic(1) with points notitle, {', '.join(curves)}\n")
    draw(folder, "of_bound", "throughput, of the bound", data + body, 200 + 50 * len(rows))


def sizes(folder, scenarios):
    """Bytes handed over a second, over the size of the payload."""
    played = [size for size in SIZES if f"size{size}" in scenarios]
    data, curves = "", []
    for at, (name, hue) in enumerate({**SHOWN, BEST_PEER: ORANGE}.items()):
        rows = []
        for size in played:
            each = [run * size / 1e9 for run in runs_of(scenarios[f"size{size}"], name)]
            if each:
                rows.append((size, statistics.median(each), min(each), max(each)))
        if len(rows) > 1:
            data += block(f"size{at}", rows)
            curves.append(f"$size{at} with yerrorlines lw 2 pt 7 lc rgb '{hue}' title '{name}'")
    if curves:
        draw(folder, "sizes", "payload handed over, all bytes read", data + (
            "set logscale x 2\nset xlabel 'bytes each'\nset ylabel 'GB/s'\nset yrange [0:*]\n"
            f"set xrange [48:90000]\n{KEY_ABOVE}\nset grid\nplot {', '.join(curves)}\n"))


def growth(folder, lines):
    """Cost per message over the number of messages."""
    data, curves = "", []
    for at, (name, hue) in enumerate(SHOWN.items()):
        rows = [(line["messages"], line["ns_each"], line["min"], line["max"])
                for line in lines if line["contestant"] == name]
        if rows:
            data += block(f"grow{at}", rows)
            curves.append(f"$grow{at} with yerrorlines lw 2 pt 7 lc rgb '{hue}' title '{name}'")
    if curves:
        draw(folder, "growth", "cost per message as messages grow", data + (
            "set logscale x\nset format x '%.1s%c'\nset xlabel 'messages in a run'\n"
            "set ylabel 'ns each'\nset yrange [0:*]\nset offsets graph 0.1, graph 0.1, 0, 0\n"
            f"{KEY_ABOVE}\nset grid\nplot {', '.join(curves)}\n"))


def draw_all(folder, report):
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    scenarios = report.get("scenarios", {})
    for scenario, summary in scenarios.items():
        (percentiles if summary[0]["unit"] == "p50_ns" else bars)(folder, scenario, summary)
    ratios(folder, scenarios)
    sizes(folder, scenarios)
    growth(folder, report.get("growth", ()))
