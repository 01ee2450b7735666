# SPDX-License-Identifier: MIT
"""Parses the public C headers: what their comments say about each function and struct.

A function's comment is a summary, then lines "  NAME  text" for its parameters, then parts that start with Returns,
Ownership and Threads; Progress and Since follow Threads. include/handoff/base.h defines them.
"""
import dataclasses
import re

FUNCTION = re.compile(r"^/\*\n((?: \*.*\n)+?) \*/\n^HO_API ([^;{]+);", re.M)
STRUCT = re.compile(r"^(?:/\*(?:(?!\*/).)*\*/\n)?typedef struct (\w+) \{\n.*?^\} \1;\n", re.M | re.S)
TITLE = re.compile(r"^/\* SPDX[^\n]*\*/\n/\*\s+(?:\* )?(.*?)(?: \*/|\n \*\n|\n \*/)", re.S)
OVERVIEW = re.compile(r"\A/\* SPDX[^\n]*\n/\*\n(?: \* \S.*\n)+ \*\n((?: \*   .*\n)+) \*/")
PARAMETER = re.compile(r"^  ([a-z_]+(?:, [a-z_]+)*) {2,}(\S.*)$")
PART = re.compile(r"^(Returns|Ownership|Threads)\b:? ?")
TAIL = re.compile(r"^(?P<Threads>.*?)(?:[.;] Progress:? (?P<Progress>.*?))?[.;]? Since (?P<Since>\S+)$")


def sentence(text):
    """The first sentence, without its full stop."""
    return re.match(r".*?(?=\.(?:\s|$)|$)", text)[0]


@dataclasses.dataclass
class Function:
    name: str
    prototype: str  # without the macros around it
    parameters: list  # names, in order
    text: str = ""  # what it does
    about: dict = dataclasses.field(default_factory=dict)  # {parameter, or several: text}
    parts: dict = dataclasses.field(default_factory=dict)  # {"Returns": text, ...}

    @property
    def summary(self):
        return re.match(r".*?(?=[.:;](?:\s|$)|$)", self.text)[0]

    def said_of(self, parameter):
        """What the comment says about a parameter, or None."""
        return next((text for names, text in self.about.items() if parameter in names.split(", ")), None)


@dataclasses.dataclass
class Header:
    name: str  # as it is included
    title: str
    overview: str  # the order of calls, in columns; may be empty
    text: str
    functions: list
    structs: dict  # {name: declaration with its comment}


def function_of(comment, declaration):
    declaration = re.sub(r"\s*\bHO_NOEXCEPT\b|\bHO_API\b\s*", "", declaration)
    declaration = re.sub(r"\s+", " ", declaration)
    name = re.search(r"(\w+)\(", declaration)[1]
    names = [re.search(r"(\w+)$", each.strip())[1]
             for each in declaration[declaration.index("(") + 1:declaration.rindex(")")].split(",")]
    found = Function(name, declaration + ";", [each for each in names if each != "void"])
    words, part, about = [], None, None
    for line in (line[3:] for line in comment.splitlines()):
        starts = PART.match(line) if words else None  # a summary may start with "Returns", too
        parameter = PARAMETER.match(line) if part is None else None
        if starts:
            part = starts[1]
            found.parts[part] = line[starts.end():].strip()
        elif part:
            found.parts[part] += " " + line.strip()
        elif parameter:
            about = parameter[1]
            found.about[about] = parameter[2].strip()
        elif about and line.startswith("  "):
            found.about[about] += " " + line.strip()
        else:
            words.append(line.strip())
    found.text = " ".join(words).strip()
    tail = TAIL.match(found.parts.get("Threads", ""))
    if not tail or "Returns" not in found.parts:
        raise ValueError(f"{name}: its comment lacks a line 'Returns ...' or 'Threads [TAG]. ... Since VERSION': add it")
    found.parts.update({key: value for key, value in tail.groupdict().items() if value})
    return found


def header_of(path):
    text = path.read_text()
    title = TITLE.match(text)
    if not title:
        raise ValueError(f"{path}: no comment says what it is: begin with one, after the licence")
    title = re.sub(r"\s*\n \* ?", " ", title[1]).strip()
    overview = OVERVIEW.match(text)
    overview = re.sub(r"^ \*   ", "", overview[1], flags=re.M) if overview else ""
    return Header(f"{path.parent.name}/{path.name}", title, overview, text,
                  [function_of(*each) for each in FUNCTION.findall(text)],
                  {match[1]: match[0] for match in STRUCT.finditer(text)})


def headers_of(include):
    """The headers that handoff.h includes, in its order, then all others."""
    entry = include / "handoff" / "handoff.h"
    order = re.findall(r'#include "handoff/(\w+\.h)"', entry.read_text())
    there = {path.name: path for path in sorted(include.glob("handoff/*.h"))}
    there.pop(entry.name)
    named = [there.pop(name) for name in order]
    return [header_of(path) for path in [*named, *there.values()]]
