# SPDX-License-Identifier: MIT
"""Plots of a run, by gnuplot: each as SVG and as PNG."""

import pathlib
import shutil
import subprocess

import tables
from rounds import Failure

COLORS = {"bound": "#888888", "handoff": "#1b6ca8", "peer": "#d9822b"}
SIZES = (64, 256, 1400, 65536)
SIZED = ("bound", "handoff, batches of 16", "handoff, single calls")  # and the best peer

BARS = """set style fill solid 0.9
set boxwidth 0.7
set style data boxes
set yrange [{rows}-0.3:-0.7]
set xrange [0:*]
set xlabel "{unit}"
set ytics scale 0
set grid xtics
set lmargin 40
set key off
{extra}
plot $data using (0):0:(0):3:($0-0.35):($0+0.35):4:ytic(1) with boxxyerror lc rgb variable, \\
     $data using 3:0:5:6 with xerrorbars lc rgb "#222222" pt -1
"""


def draw(folder, name, title, body, height=480):
    """Runs gnuplot once for each format."""
    for terminal, suffix in (("svg font 'sans,12'", "svg"), ("pngcairo font 'sans,10'", "png")):
        script = (f"set terminal {terminal} size 900,{height}\n"
                  f"set output '{pathlib.Path(folder, name)}.{suffix}'\n"
                  f"set title \"{title}\"\n{body}")
        done = subprocess.run(["gnuplot"], input=script, text=True, capture_output=True, check=False)
        if done.returncode != 0:
            raise Failure(f"gnuplot refused {name}: {done.stderr.strip()}")


def block(rows):
    return "$data << EOD\n" + "\n".join(rows) + "\nEOD\n"


def bars(folder, scenario, summary):
    """One bar for each contestant, with the lowest and the highest run."""
    paced = summary[0]["unit"] == "p50_ns"
    scale = 1 if paced else 1e-6
    ordered = sorted(summary, key=lambda line: line["median"], reverse=not paced)
    rows = [f'"{line["contestant"].replace("_", " ")}" 0 {line["median"] * scale:.3f} '
            f'{int(COLORS[line["kind"]][1:], 16)} {line["min"] * scale:.3f} '
            f'{line["max"] * scale:.3f}' for line in ordered]
    body = BARS.format(rows=len(rows), unit="ns, median of the rounds" if paced else "Mmsg/s",
                       extra="set logscale x\nset xrange [100:*]" if paced else "")
    if paced:  # a bar on a logarithmic axis starts where the axis does
        body = body.replace("(0):0:(0):3:", "(100):0:(100):3:")
    draw(folder, scenario, tables.TITLES[scenario], block(rows) + body, 160 + 22 * len(rows))


def sizes(folder, scenarios):
    """Throughput over the size of the payload."""
    by_size = {size: {line["contestant"]: line for line in scenarios[f"size{size}"]}
               for size in SIZES if f"size{size}" in scenarios}
    if len(by_size) < 2:
        return
    rows = []
    for size, lines in by_size.items():
        peers = [line["median"] for line in lines.values() if line["kind"] == "peer"]
        values = [lines[name]["median"] if name in lines else 0 for name in SIZED]
        values.append(max(peers, default=0))
        rows.append(" ".join(str(value * size / 1e9 or "NaN") for value in values) + f" {size}")
    names = (*SIZED, "best peer")
    curves = ", ".join(f"$data using {len(names) + 1}:{i + 1} with linespoints lw 2 title '{name}'"
                       for i, name in enumerate(names))
    body = ("set logscale x 2\nset xlabel 'bytes each'\nset ylabel 'GB/s'\nset yrange [0:*]\n"
            f"set key top left\nset grid\nplot {curves}\n")
    draw(folder, "sizes", "payload handed over, all bytes read", block(rows) + body)


def growth(folder, lines):
    """Cost per message over the number of messages."""
    names = sorted({line["contestant"] for line in lines})
    data, curves = "", []
    for i, name in enumerate(names):
        mine = [line for line in lines if line["contestant"] == name]
        rows = "\n".join(f"{line['messages']} {line['ns_each']:.2f} {line['min']:.2f} "
                         f"{line['max']:.2f}" for line in mine)
        data += f"$grow{i} << EOD\n{rows}\nEOD\n"
        curves.append(f"$grow{i} with yerrorlines lw 2 title '{name}'")
    body = ("set logscale x\nset xlabel 'messages'\nset ylabel 'ns each'\nset yrange [0:*]\n"
            f"set grid\nplot {', '.join(curves)}\n")
    draw(folder, "growth", "cost per message as messages grow", data + body)


def possible():
    return shutil.which("gnuplot") is not None


def draw_all(folder, report):
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    for scenario, summary in report.get("scenarios", {}).items():
        bars(folder, scenario, summary)
    sizes(folder, report.get("scenarios", {}))
    if report.get("growth"):
        growth(folder, report["growth"])
