# SPDX-License-Identifier: MIT
"""What abi.md says about functions, statuses and structs."""
import dataclasses
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "bindings" / "python"))

from layout import tables_of  # noqa: E402


@dataclasses.dataclass
class Call:
    facts: dict
    parameters: dict  # {name: row}

    @property
    def statuses(self):
        return self.facts["returns"].split()


def text_of():
    return (ROOT / "abi.md").read_text()


def calls_of(text):
    """{name: Call}, in the order of abi.md."""
    found = {}
    for section, item, row in tables_of(text):
        if section == "Functions":
            if "parameter" in row:
                found[item].parameters[row["parameter"]] = row
            else:
                found[item] = Call(row, {})
    return found


def statuses_of(text):
    """{name: (value, text)}"""
    return {row["status"]: (int(row["value"]), row["text"])
            for section, _, row in tables_of(text) if section == "Statuses"}


def structs_of(text):
    """{name: row of facts}"""
    return {item: row for section, item, row in tables_of(text)
            if section == "Structs" and "use" in row}

