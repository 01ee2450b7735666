#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The texts of the pictures fit, in their font: inside the picture, not over each other, nor over the line of a box or an arrow; and no
bar of a plot extends beyond its plot. Widths come from DejaVu's own tables.

usage: check_pictures.py SVG...; exit 77: left out"""
import math
import re
import struct
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

FONTS = Path("/usr/share/fonts/truetype/dejavu")
ASCENT, DESCENT = 0.76, 0.24  # of the font's size: what letters of DejaVu reach
NEAR = 1.0  # by how much boxes may meet: ink does not fill them
NUMBER = r"[-+]?[\d.]+(?:e[-+]?\d+)?"
IDENTITY = (1, 0, 0, 1, 0, 0)
SPACE = "{http://www.w3.org/XML/1998/namespace}space"


class Font:
    """Advances of a TrueType font: the tables head, hhea, hmtx, and cmap of format 4."""

    def __init__(self, path):
        data = path.read_bytes()
        count, = struct.unpack_from(">H", data, 4)
        tables = {data[at:at + 4]: struct.unpack_from(">II", data, at + 8)[0] for at in range(12, 12 + 16 * count, 16)}
        self.units, = struct.unpack_from(">H", data, tables[b"head"] + 18)
        wide, = struct.unpack_from(">H", data, tables[b"hhea"] + 34)
        self.advances = struct.unpack_from(">" + "HH" * wide, data, tables[b"hmtx"])[::2]
        self.glyphs = dict(self._glyphs(data, tables[b"cmap"]))

    @staticmethod
    def _glyphs(data, cmap):
        count, = struct.unpack_from(">H", data, cmap + 2)
        offsets = [struct.unpack_from(">I", data, cmap + 8 + 8 * i)[0] for i in range(count)]
        at = next(cmap + each for each in offsets if struct.unpack_from(">H", data, cmap + each)[0] == 4)
        segments = struct.unpack_from(">H", data, at + 6)[0] // 2
        ends, starts, deltas, ranges = (
            struct.unpack_from(f">{segments}H", data, at + 14 + 2 * segments * i + (2 if i else 0)) for i in range(4))
        here = at + 16 + 6 * segments
        for i in range(segments):
            for code in range(starts[i], ends[i] + 1):
                glyph = code
                if ranges[i]:
                    place = here + 2 * i + ranges[i] + 2 * (code - starts[i])
                    glyph = struct.unpack_from(">H", data, place)[0] if place + 2 <= len(data) else 0
                yield code, (glyph + deltas[i]) & 0xffff

    def width(self, text):
        glyphs = (self.glyphs.get(ord(letter), 0) for letter in text)
        return sum(self.advances[min(glyph, len(self.advances) - 1)] for glyph in glyphs) / self.units


def times(m, n):
    return (m[0] * n[0] + m[2] * n[1], m[1] * n[0] + m[3] * n[1], m[0] * n[2] + m[2] * n[3],
            m[1] * n[2] + m[3] * n[3], m[0] * n[4] + m[2] * n[5] + m[4], m[1] * n[4] + m[3] * n[5] + m[5])


def transform(text):
    matrix = IDENTITY
    for call, arguments in re.findall(r"(\w+)\(([^)]*)\)", text):
        values = [float(each) for each in re.findall(NUMBER, arguments)]
        if call == "translate":
            matrix = times(matrix, (1, 0, 0, 1, values[0], (values + [0])[1]))
        elif call == "scale":
            matrix = times(matrix, (values[0], 0, 0, values[-1], 0, 0))
        elif call == "rotate" and len(values) == 1:
            sine, cosine = math.sin(math.radians(values[0])), math.cos(math.radians(values[0]))
            matrix = times(matrix, (cosine, sine, -sine, cosine, 0, 0))
        else:
            raise ValueError(f"a transform that is not known here: {call}({arguments})")
    return matrix


def box_of(matrix, points):
    """The smallest upright box around points: left, top, right, bottom."""
    xs, ys = zip(*((matrix[0] * x + matrix[2] * y + matrix[4], matrix[1] * x + matrix[3] * y + matrix[5]) for x, y in points))
    return min(xs), min(ys), max(xs), max(ys)


def corners(text):
    """Of a path of straight lines, or of a polygon: lists of points, one for each move. None if it has curves."""
    lines, (x, y) = [], (0.0, 0.0)
    if re.search(r"[a-zA-Z]", re.sub(r"[MLHVZe]", "", text)):
        return None
    for command, arguments in re.findall(r"([MLHVZ]?)([^MLHVZ]*)", text):
        values = [float(each) for each in re.findall(NUMBER, arguments)]
        if command in ("H", "V"):
            points = [(value, y) if command == "H" else (x, value) for value in values]
        else:
            points = list(zip(values[::2], values[1::2]))
        if command == "M" or not lines:
            lines.append([])
        if command == "Z":
            points = lines[-1][:1]
        lines[-1] += points
        x, y = (points or [(x, y)])[-1]
    return lines


def crosses(box, start, end):
    """Whether the line from start to end enters the box: what is left of it between the box's sides."""
    first, last = 0.0, 1.0
    for low, high, begin, step in ((box[0], box[2], start[0], end[0] - start[0]), (box[1], box[3], start[1], end[1] - start[1])):
        if step == 0:
            if not low < begin < high:
                return False
            continue
        enter, leave = sorted(((low - begin) / step, (high - begin) / step))
        first, last = max(first, enter), min(last, leave)
    return first < last


class Picture:
    """Boxes of the texts, the lines that they must not cross, the frames of plots and the bars in them."""

    def __init__(self, path, fonts):
        self.fonts, self.texts, self.lines, self.frames, self.bars = fonts, [], [], [], []
        root = ElementTree.parse(path).getroot()
        self.box = tuple(float(each) for each in root.get("viewBox").split())
        self.plot = "gnuplot_canvas" in path.read_text()
        self.visit(root, IDENTITY, {})

    def visit(self, node, matrix, style):
        tag = node.tag.rpartition("}")[2]
        if tag == "defs":
            return
        matrix = times(matrix, transform(node.get("transform", "")))
        style = {**style, **node.attrib}
        if tag == "text":
            self.add_text(node, matrix, style)
        elif tag == "rect":
            x, y, width, height = (float(node.get(name, 0)) for name in ("x", "y", "width", "height"))
            self.add_lines(matrix, [[(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)]])
        elif tag == "path" and (node.get("stroke") == "black" or not self.plot):
            self.add_lines(matrix, corners(node.get("d")) or [])
        elif tag == "polygon":
            points, = corners(node.get("points"))
            if len(points) == 4:
                self.bars.append(box_of(matrix, points))
        for child in node if tag != "text" else ():
            self.visit(child, matrix, style)

    def add_text(self, node, matrix, style):
        said, width = "".join(node.itertext()).strip(), 0.0
        for part, parent in [(node.text, style)] + [
                pair for child in node.iter() if child is not node
                for pair in ((child.text, {**style, **child.attrib}), (child.tail, style))]:
            font = self.fonts["bold" if parent.get("font-weight") == "bold" else "normal"]
            part = part or ""
            if parent.get(SPACE) != "preserve":
                part = re.sub(r"\s+", " ", part.strip("\n"))
            width += font.width(part) * float(parent["font-size"])
        if not said:
            return
        size, x, y = float(style["font-size"]), float(node.get("x", 0)), float(node.get("y", 0))
        x -= width * {"middle": 0.5, "end": 1}.get(style.get("text-anchor"), 0)
        self.texts.append((said, box_of(matrix, [(x, y - ASCENT * size), (x + width, y + DESCENT * size)])))

    def add_lines(self, matrix, lines):
        """Of a plot its frames alone: labels stand beside grids and error bars as it comes."""
        for points in lines:
            box = box_of(matrix, points) if points else None
            frame = len(points) > 4 and points[0] == points[-1] and box != self.box
            if self.plot and not frame:
                continue
            if self.plot:
                self.frames.append(box)
            points = [box_of(matrix, [point])[:2] for point in points]
            self.lines += zip(points, points[1:])

    def problems(self):
        left, top, right, bottom = self.box
        for at, (said, box) in enumerate(self.texts):
            if box[0] < left or box[1] < top or box[2] > right or box[3] > bottom:
                yield f"'{said}' leaves the picture"
            for other, beside in self.texts[at + 1:]:
                if all(box[i] + NEAR < beside[i + 2] and beside[i] + NEAR < box[i + 2] for i in (0, 1)):
                    yield f"'{said}' lies over '{other}'"
            inner = (box[0] + NEAR, box[1] + NEAR, box[2] - NEAR, box[3] - NEAR)
            if any(crosses(inner, *line) for line in self.lines):
                yield f"'{said}' crosses a line"
        for bar in self.bars:
            for frame in self.frames:
                inside = all(frame[i] - NEAR < bar[i] < frame[i + 2] + NEAR for i in (0, 1))
                if inside and any(bar[i] < frame[i] + NEAR and bar[i + 2] > frame[i + 2] - NEAR for i in (0, 1)):
                    yield f"a bar fills its plot from edge to edge: {bar}"


def main():
    if not sys.argv[1:]:
        sys.exit(__doc__)
    try:
        fonts = {"normal": Font(FONTS / "DejaVuSans.ttf"), "bold": Font(FONTS / "DejaVuSans-Bold.ttf")}
    except FileNotFoundError:
        print("pictures: left out: DejaVu is not here: scripts/setup installs it")
        sys.exit(77)
    problems, texts = [], 0
    for path in map(Path, sys.argv[1:]):
        picture = Picture(path, fonts)
        texts += len(picture.texts)
        problems += [f"{path.name}: {each}" for each in sorted(set(picture.problems()))]
    for each in problems:
        print(each, file=sys.stderr)
    print(f"pictures: {len(sys.argv) - 1} with {texts} texts, {len(problems)} problems")
    sys.exit(1 if problems or not texts else 0)


if __name__ == "__main__":
    main()
