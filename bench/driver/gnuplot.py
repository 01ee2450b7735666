# SPDX-License-Identifier: MIT
"""Draws with gnuplot: each plot as SVG and as PNG."""

import pathlib
import shutil
import subprocess

from common import Failure

GREY, BLUE, LIGHT_BLUE, GREEN, ORANGE = "#777777", "#1b6ca8", "#6fb1dc", "#3a8f4d", "#d9822b"
TERMINALS = (("svg background 'white' font 'DejaVu Sans,12'", "svg"), ("pngcairo font 'DejaVu Sans,10'", "png"))


def possible():
    return shutil.which("gnuplot") is not None


def about(machine, rounds):
    """Where and how often: what each picture says below its title."""
    return (f"{machine['processor']}, {machine['cores']} cores, Linux {machine['kernel'].partition('-')[0]}; "
            f"medians of {rounds} rounds")


def draw(folder, name, title, body, height=480):
    """Runs gnuplot once for each format. The title may have several lines."""
    title = title.replace("\n", "\\n")
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
