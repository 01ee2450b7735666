#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_pictures finds each kind of error, in a picture that is otherwise correct.

usage: check_pictures_refuses.py ROOT; exit 77: left out"""
import subprocess
import sys
import tempfile
from pathlib import Path

CHECK = Path(__file__).with_name("check_pictures.py")
WRONG = (  # picture, what is changed into what, what is found
    ("docs/handoff.svg", ">sendmsg from the buffers<", ">sendmsg, straight from the buffers<", "crosses a line"),
    ("docs/handoff.svg", ">worker thread (C)<", ">worker thread, which is written in C alone<", "leaves the picture"),
    ("docs/handoff.svg", '<text x="56" y="80">', '<text x="30" y="80">', "lies over"),
    ("docs/handoff.svg", "M150 99 H296", "M130 99 H296", "crosses a line"),
    ("docs/demo-udp.svg", ">10000<", ">1000000000<", "leaves the picture"),
    ("bench/results/latency.svg", ">bound<", ">" + "a contestant of a long name " * 2 + "<", "leaves the picture"),
)


def check(path):
    done = subprocess.run([sys.executable, CHECK, path], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr + done.stdout


def clipped(text):
    """The first bar of a plot as long as the plot is."""
    start = text.index("points = '", text.index("<polygon")) + 10
    end = text.index("'", start)
    points = [point.split(",") for point in text[start:end].split()]
    far = max(float(x) for x, _ in points)
    frame = text.split("<path stroke='black'  d='M")[-1].split("'")[0]
    edge = max(float(point.split(",")[0].lstrip("ML")) for point in frame.split() if "," in point)
    return text[:start] + " ".join(f"{edge if float(x) == far else x},{y}" for x, y in points) + text[end:]


def main():
    root, problems = Path(sys.argv[1]), []
    with tempfile.TemporaryDirectory() as folder:
        changed = Path(folder, "changed.svg")
        cases = [(picture, lambda text, old=old, new=new: text.replace(old, new, 1), found)
                 for picture, old, new, found in WRONG]
        for picture, change, found in cases + [("bench/results/chain.svg", clipped, "fills its plot")]:
            text = (root / picture).read_text()
            changed.write_text(change(text))
            status, said = check(changed)
            if status == 77:
                sys.exit(77)
            if changed.read_text() == text:
                problems.append(f"{picture}: nothing was changed for '{found}'")
            elif status != 1 or found not in said:
                problems.append(f"{picture}: expected '{found}': {said}")
    sys.exit("\n".join(problems) if problems else 0)


if __name__ == "__main__":
    main()
