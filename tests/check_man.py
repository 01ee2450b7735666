#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each public function and each tool has a man page, and mandoc and groff find no errors in them.

usage: check_man.py FOLDER, which contains man1; man3 is made there. Exits 77 if neither program is installed.
"""
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LINTS = (("mandoc", ["-T", "lint", "-W", "warning"]), ("groff", ["-ww", "-man", "-Tutf8", "-z"]))
SECTIONS = {"3": ("NAME", "SYNOPSIS", "DESCRIPTION", "RETURN VALUE", "THREADS", "SEE ALSO"),
            "1": ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS")}


def faults(page):
    text = page.read_text()
    for title in SECTIONS[page.suffix[1:]]:
        found = re.search(rf"^\.SH {title}\n(.*?)(?=^\.SH|\Z)", text, re.M | re.S)
        if page.name != "handoff.3" and not (found and found[1].strip()):
            yield f"no {title}"
    for lint, options in LINTS:
        if shutil.which(lint):
            done = subprocess.run([lint, *options, page], capture_output=True, text=True, check=False)
            yield from (done.stdout + done.stderr).splitlines()


def main():
    if not any(shutil.which(lint) for lint, _ in LINTS):
        print("man: left out: install mandoc")
        return 77
    folder = Path(sys.argv[1])
    subprocess.run([sys.executable, "-B", ROOT / "tools/reference/man.py", "--functions", folder / "man3", "0", "2026-01-01"],
                   check=True)
    pages = sorted(folder.glob("man[13]/*"))
    declared = {name for path in (ROOT / "include" / "handoff").glob("*.h")
                for name in re.findall(r"^HO_API \w+ (ho_\w+)\(", path.read_text(), re.M)}
    made = {page.stem for page in pages if page.suffix == ".3"} - {"handoff"}
    found = [f"{name}: has no page" for name in declared - made]
    found += [f"{name}: has a page and is no function" for name in made - declared]
    found += [f"{page.name}: {text}" for page in pages for text in faults(page)]
    found += [f"{tool}: has no page" for tool in ("handoff-gateway", "handoff-load", "handoff-conform")
              if not (folder / "man1" / f"{tool}.1").exists()]
    for text in found:
        print(f"man: {text}", file=sys.stderr)
    print(f"man: {len(pages)} pages, {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
