# SPDX-License-Identifier: MIT
"""The chart of a run: sessions held, p50 and p99."""

import math
import pathlib

import gnuplot

COLORS = {"handoff": gnuplot.BLUE, "strings": gnuplot.ORANGE, "none": gnuplot.GREY}
HEIGHT = 420
PAYLOAD = "messages of 32 to 1,400 bytes, mean 167"
LEGEND = ("handoff: this library    strings: two string copies and a locked queue each way    "
          "none: the network thread answers itself")


def row(at, column, value, lowest, highest, label):
    return (at, column, value, lowest, highest, int(COLORS[column][1:], 16), f'"{label}"')


def sessions(highest):
    """A bar per column; of height 0 where nothing was held."""
    return [row(at, column, *([line["sessions"]] * 3 if line else (0, 0, 0)),
                f"{line['sessions']:,}" if line else "none found")
            for at, (column, line) in enumerate(highest.items())]


def latencies(lines, key):
    """A point per column, in ms, with the lowest and the highest run."""
    return [row(at, column, *((line[key] / 1e3, line[f"{key}_lowest"] / 1e3,
                               line[f"{key}_highest"] / 1e3, f"{line[key] / 1e3:.3g}")
                              if line["held"] else ("NaN", "NaN", "NaN", "not sustained")))
            for at, (column, line) in enumerate(lines.items())]


def bars(name, title, rows):
    most = max(each[4] for each in rows) or 1
    return gnuplot.block(name, rows) + (
        f"set title \"{title}\"\nunset logscale y\nset format y '%.0f'\nset yrange [0:{1.15 * most}]\n"
        f"plot ${name} using 1:3:6:xtic(2) with boxes lc rgb variable, "
        f"'' using 1:5:7 with labels font ',9' offset 0,0.8\n")


def points(name, title, rows):
    """On a log scale, so that a run in which the host stalled does not flatten the others."""
    held = [each for each in rows if each[2] != "NaN"]
    least = math.floor(math.log10(min((each[3] for each in held), default=1) / 1.5))
    most = math.ceil(math.log10(max((each[4] for each in held), default=1) * 1.5))
    missing = "".join(f"set label \"{each[6].strip(chr(34))}\" at {each[0]},graph 0.5 center rotate\n"
                      for each in rows if each[2] == "NaN")
    return gnuplot.block(name, rows) + (
        f"set title \"{title}\"\nset logscale y\nset format y '%g'\nset yrange [1e{least}:1e{most}]\n{missing}"
        f"plot ${name} using 1:4:(0):($5-$4):6:xtic(2) with vectors nohead lw 3 lc rgb variable, "
        f"'' using 1:3:6 with points pt 7 ps 1.6 lc rgb variable, "
        f"'' using 1:3:7 with labels left font ',9' offset 1.2,0\n")


def draw(path, report):
    """Writes path.svg and path.png."""
    line = next(iter(report["at_rate"].values()))
    at = f"at {line['rate']:,} messages/s"
    panels = [points("p50", f"p50, ms, {at}", latencies(report["at_rate"], "p50_us")),
              points("p99", f"p99, ms, {at}", latencies(report["at_rate"], "p99_us"))]
    if report["highest"]:
        panels.insert(0, bars("sessions", "sessions held without loss", sessions(report["highest"])))
    about = (f"{report['transport'].upper()}, {PAYLOAD}\\n"
             f"{gnuplot.about(report['machine'], report['rounds'])} of {report['seconds']} s; "
             "lines: lowest to highest round")
    body = (f"set multiplot layout 1,{len(panels)} title \"{about}\\n \" noenhanced "
            "margins 0.07,0.98,0.16,0.74 spacing 0.09,0\n"
            "set key off\nset style fill solid 0.9\nset boxwidth 0.7\nset xrange [-0.6:"
            f"{len(report['at_rate']) - 0.2}]\nset grid ytics\nset xtics scale 0\n"
            f"set label \"{LEGEND}\" at screen 0.5,screen 0.04 center font ',10'\n"
            f"{'unset label{0}'.format(chr(10)).join(panels)}unset multiplot\n")
    path = pathlib.Path(path)
    gnuplot.draw(path.parent, path.name, "", body, HEIGHT)
