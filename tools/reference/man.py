#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes man pages: for each public function and an overview, from the headers and abi.md; for a tool, from its --help.

usage: man.py --functions FOLDER VERSION DATE
       man.py --tool FOLDER VERSION DATE PROGRAM
"""
import re
import shutil
import subprocess
import sys
from pathlib import Path

import abi
import headers

NAMES = re.compile(r"\b(ho_\w+|HO_\w+)\b(?!\.h)")


def plain(text):
    """Escapes text for roff, so that nothing in it is a command."""
    text = text.replace("\\", "\\e")
    return re.sub(r"^(?=[.'])", r"\\&", text, flags=re.M)


def prose(text):
    """The same, with the library's names in bold."""
    text = plain(re.sub(r"`([^`]*)`", r"\1", text).strip())
    return NAMES.sub(r"\\fB\1\\fP", text)


def example(text):
    return [".nf", ".RS", *[plain(line) or "\\&" for line in text.strip("\n").splitlines()], ".RE", ".fi"]


def entry(term, text):
    return [".TP", f".B {plain(term)}", prose(text)]


def start(name, section, about, version, date):
    return [f'.TH {name} {section} "{date}" "handoff {version}" "handoff"', ".SH NAME",
            f"{name} \\- {plain(about[:1].lower() + about[1:])}"]


def parameters(function, call):
    """What the header says about each; if nothing, what abi.md says."""
    done = set()
    for name in function.parameters:
        if name in done:
            continue
        said = next((names for names in function.about if name in names.split(", ")), None)
        done |= set(said.split(", ")) if said else {name}
        yield from entry(said or name, function.about[said] if said else call.parameters[name]["meaning"])


def structs_of(function, all_structs):
    named = set(re.findall(r"\w+", function.prototype))
    return [text for name, text in all_structs.items() if name in named and name != "ho_buf"]


def function_page(function, header, call, statuses, structs, tags, version, date):
    lines = start(function.name, 3, function.summary, version, date)
    lines += [".SH SYNOPSIS", ".nf", ".B #include <handoff/handoff.h>", ".PP"]
    lines += [f".B \"{line}\"" for line in function.prototype.replace(", ", ",\n    ").splitlines()]
    lines += [".fi", ".SH DESCRIPTION", prose(function.text)]
    if function.parameters:
        lines += [".SH PARAMETERS", *parameters(function, call)]
    for struct in structs_of(function, structs):
        lines += [".PP", *example(struct)]
    lines += [".SH RETURN VALUE", prose(function.parts["Returns"])]
    lines += [".SH ERRORS"] if any(statuses[each][0] < 0 for each in call.statuses) else []
    for each in call.statuses:
        if statuses[each][0] < 0:
            lines += entry(each, statuses[each][1])
    if "Ownership" in function.parts:
        lines += [".SH OWNERSHIP", prose(function.parts["Ownership"])]
    lines += [".SH THREADS", prose(function.parts["Threads"] + ".")]
    for tag in re.findall(r"\[[a-z]+\]", function.parts["Threads"]):
        lines += entry(tag, tags[tag])
    progress = function.parts.get("Progress", "Takes a mutex of the domain, may allocate and make system calls")
    lines += [".SH PROGRESS", prose(progress[:1].upper() + progress[1:] + ".")]
    lines += [".SH HISTORY", f"Since version {function.parts['Since']}, symbol version {call.facts['version']}."]
    others = [each.name for each in header.functions if each.name != function.name]
    lines += [".SH SEE ALSO", *[f".BR {name} (3)," for name in sorted(others)], ".BR handoff (3)"]
    return lines


def paragraphs(comment):
    """A block comment's paragraphs, each as its lines."""
    text = re.sub(r"^ \* ?", "", comment, flags=re.M)
    return [each.splitlines() for each in re.split(r"\n\s*\n", text.strip("\n"))]


def base_of(all_headers):
    return next(header for header in all_headers if header.name.endswith("/base.h"))


def reading_of(base):
    """What base.h says about the comments: {title: (text, [items])}."""
    comment = re.search(r"/\*\n( \* How to read the docstrings\n.*?) \*/", base.text, re.S)[1]
    found = {}
    for lines in paragraphs(comment)[1:]:
        title, _, text = " ".join(line.strip() for line in lines).partition(". ")
        head, *items = re.split(r" (?=\[[a-z]+\]  )| - (?=The |A |What )", text)
        found[title] = head, items
    return found


def tags_of(base):
    """{"[any]": "any thread, ..."}"""
    return dict(re.split(r"  +", item, maxsplit=1) for item in reading_of(base)["Threads"][1])


def reading(base):
    """The same as sections."""
    for title, (head, items) in reading_of(base).items():
        yield f".SH {title.upper()}"
        yield prose(head)
        for item in items:
            tag, _, rest = item.partition("]  ")
            yield from entry(f"{tag}]", rest) if rest else [".IP \\(bu 2", prose(item)]


def overview(all_headers, statuses, version, date):
    lines = start("handoff", 3, "pass buffers and their ownership from a C++ server to C services without copying",
                  version, date)
    lines += [".SH SYNOPSIS", ".nf", ".B #include <handoff/handoff.h>", ".PP",
              ".B cc server.c $(pkg\\-config \\-\\-cflags \\-\\-libs handoff)", ".fi", ".SH DESCRIPTION"]
    entry_page = (abi.ROOT / "include" / "handoff" / "handoff.h").read_text()
    about = re.search(r"\*/\n/\*\n?(.*?) ?\*/\n#ifndef", entry_page, re.S)[1]
    for number, each in enumerate(paragraphs(about)):
        lines += [".PP"] if number else []
        if all(line.startswith("  ") for line in each):
            lines += example("\n".join(line[2:] for line in each))
        else:
            lines.append(prose(" ".join(line.strip() for line in each)))
    for header in all_headers:
        if header.functions:
            lines += [f".SS {plain(headers.sentence(header.title))}"]
            lines += example(header.overview) if header.overview else []
            for function in header.functions:
                lines += [".TP", f".BR {function.name} (3)", prose(function.summary)]
    lines += [*reading(base_of(all_headers)), ".SH STATUSES"]
    for name, (value, text) in statuses.items():
        lines += entry(f"{name} ({value})", text)
    return lines


def tool_page(program, version, date):
    text = subprocess.run([program, "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout
    first, *rest = text.splitlines()
    name = Path(program).name
    usage = first.removeprefix("usage: ")
    before, options, after = [], [], []
    for line in rest:
        option = re.match(r"  (\S+(?: \S+)*)(?:  +(.*))?$", line)
        if option:
            options.append([option[1], option[2] or ""])
        elif line.startswith("   "):
            options[-1][1] += " " + line.strip()
        else:
            (after if options else before).append(line)
    lines = start(name, 1, before[0].rstrip("."), version, date)
    lines += [".SH SYNOPSIS", f".B {name}", plain(usage.removeprefix(name).strip()), ".SH DESCRIPTION",
              prose(" ".join(before)), ".SH OPTIONS"]
    for option, about in options:
        lines += [".TP", f".B {plain(option)}".replace("-", "\\-"), prose(about)]
    if after:
        lines += [".SH EXIT STATUS", prose(" ".join(after))]
    return [*lines, ".SH SEE ALSO", ".BR handoff (3)"]


def write(folder, name, lines):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join(lines) + "\n")


def functions(folder, version, date):
    shutil.rmtree(folder, ignore_errors=True)  # may hold removed functions
    text = abi.text_of()
    calls, statuses = abi.calls_of(text), abi.statuses_of(text)
    all_headers = headers.headers_of(abi.ROOT / "include")
    structs = {name: text for header in all_headers for name, text in header.structs.items()}
    tags = tags_of(base_of(all_headers))
    for header in all_headers:
        for each in header.functions:
            write(folder, f"{each.name}.3",
                  function_page(each, header, calls[each.name], statuses, structs, tags, version, date))
    write(folder, "handoff.3", overview(all_headers, statuses, version, date))


def main():
    if len(sys.argv) == 5 and sys.argv[1] == "--functions":
        functions(Path(sys.argv[2]), *sys.argv[3:])
    elif len(sys.argv) == 6 and sys.argv[1] == "--tool":
        program = sys.argv[5]
        write(Path(sys.argv[2]), f"{Path(program).name}.1", tool_page(program, *sys.argv[3:5]))
    else:
        sys.exit(__doc__.strip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
