#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Doxygen's input filter: turns a header's plain comments into Doxygen comments.

usage: doxygen_filter.py HEADER
"""
import re
import sys
from pathlib import Path

import abi
import headers

DIRECTION = {"in": "in", "out": "out", "inout": "in,out"}


def plain(text):
    """Escapes text, so that Doxygen finds no command, tag or link in it."""
    return re.sub(r"([\\@<>#%])", r"\\\1", text)


def lined(comment):
    """A block's lines; those in columns stay verbatim."""
    lines, verbatim = [], False
    for line in re.sub(r"^ \* ?", "", comment, flags=re.M).splitlines():
        if line.startswith("  ") != verbatim and (line.strip() or not verbatim):
            lines.append("@endverbatim" if verbatim else "@verbatim")
            verbatim = not verbatim
        lines.append(line if verbatim else plain(line))
    return "\n".join([*lines, "@endverbatim"] if verbatim else lines)


def of_function(match, calls):
    function = headers.function_of(match[1], match[2])
    call = calls[function.name]
    lines = [f"@brief {plain(headers.sentence(function.text))}.", "",
             plain(function.text[len(headers.sentence(function.text)) + 1:].strip()), ""]
    for name in function.parameters:
        row = call.parameters[name]
        lines.append(f"@param[{DIRECTION[row['direction']]}] {name} {plain(function.said_of(name) or row['meaning'])}")
    lines.append(f"@return {plain(function.parts['Returns'])}")
    for part in ("Ownership", "Threads", "Progress"):
        if part in function.parts:
            lines += [f"@par {part}", plain(function.parts[part])]
    lines.append(f"@since {function.parts['Since']}")
    return "/**\n" + "\n".join(lines) + f"\n*/\nHO_API {match[2]};"


def filtered(path):
    text = path.read_text().replace("/* SPDX-License-Identifier: MIT */\n", "", 1)
    calls = abi.calls_of(abi.text_of())
    if path.parent.parent.name == "include":
        text = headers.FUNCTION.sub(lambda match: of_function(match, calls), text)
    text = re.sub(r"^template <> struct std::.*?^};\n", "", text, flags=re.M | re.S)  # Doxygen does not know this scope
    # A block on its own documents what follows; one after code documents that code.
    text = re.sub(r"^( *)/\*(?!\*)(.*?)\*/", lambda m: f"{m[1]}/**{lined(m[2])}*/", text, flags=re.M | re.S)
    text = re.sub(r"(?<=\S) /\*(?!\*)(.*?)\*/", lambda m: f" /**<{plain(m[1])}*/", text, flags=re.S)
    mark = "@mainpage handoff" if path.name == "handoff.h" else f"@file {path.name}"
    return text.replace("/**", f"/** {mark}\n", 1)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    sys.stdout.write(filtered(Path(sys.argv[1]).resolve()))
