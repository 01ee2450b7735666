#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The generators of the reference: a new header gets its rows and pages; an incomplete comment is refused.

usage: check_reference.py ROOT
"""
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(sys.argv.pop(1)) if len(sys.argv) > 1 else Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools" / "reference"))

import abi  # noqa: E402
import api  # noqa: E402
import doxygen_filter  # noqa: E402
import headers  # noqa: E402
import man  # noqa: E402

HEADER = """/* SPDX-License-Identifier: MIT */
/*
 * Thing: what the test adds.
 *
 *   put   ho_thing_put
 */
#ifndef HANDOFF_THING_H
#define HANDOFF_THING_H

#include "handoff/base.h"

/*
 * Returns a thing to its place. It is in no hurry.
 *   count  how many, at least 1
 * Returns HO_OK, HO_E_INVAL (there is none).
 * Ownership: nobody has it.
 * Threads [any]. Progress lock-free, a system call now and then. Since 0.9
 */
HO_API int32_t ho_thing_put(ho_domain *domain, uint32_t count) HO_NOEXCEPT;

#endif
"""
SECTION = """### ho_thing_put

Returns a thing to its place.

| returns | thread | progress | system calls | since | version |
| --- | --- | --- | --- | --- | --- |
| HO_OK HO_E_INVAL | any | lock-free | sometimes | 0.9 | HANDOFF_0.9 |

| parameter | type | direction | null | transfer | length of | meaning |
| --- | --- | --- | --- | --- | --- | --- |
| domain | `ho_domain *` | in | no | borrowed for the call | - | the domain |
| count | `uint32_t` | in | - | none | - | how many |

## Callbacks
"""


class NewHeader(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        shutil.copytree(ROOT / "include", self.root / "include")
        self.header = self.root / "include" / "handoff" / "thing.h"
        self.header.write_text(HEADER)
        text = (ROOT / "abi.md").read_text()
        (self.root / "abi.md").write_text(text.replace("## Callbacks\n", SECTION, 1))
        self.addCleanup(setattr, abi, "ROOT", abi.ROOT)
        abi.ROOT = self.root

    def test_it_gets_a_row_under_its_own_title(self):
        self.assertIn("## Thing\n\n| call |", api.page())
        self.assertIn("| [`ho_thing_put`](../include/handoff/thing.h) | Returns a thing to its place | any | lock-free "
                      "| sometimes |", api.page())

    def test_it_gets_a_page_with_what_header_and_description_say(self):
        man.functions(self.root / "man3", "0.9.0", "2026-01-01")
        page = (self.root / "man3" / "ho_thing_put.3").read_text()
        for text in (".SH NAME\nho_thing_put \\- returns a thing to its place\n", ".B domain\nthe domain\n",
                     ".B count\nhow many, at least 1\n", "there is none", ".SH OWNERSHIP\nnobody has it", "Lock-free",
                     "Since version 0.9, symbol version HANDOFF_0.9."):
            self.assertIn(text, page)
        overview = (self.root / "man3" / "handoff.3").read_text()
        self.assertIn(".SS Thing: what the test adds\n.nf\n.RS\nput   ho_thing_put\n", overview)
        self.assertIn(".BR ho_thing_put (3)", overview)

    def test_doxygen_gets_its_parameters(self):
        text = doxygen_filter.filtered(self.header)
        self.assertTrue(text.startswith("/** @file thing.h\n"), text[:40])
        self.assertIn("@brief Returns a thing to its place.\n", text)
        self.assertIn("@param[in] count how many, at least 1\n", text)
        self.assertIn("@return HO_OK, HO_E_INVAL (there is none).\n", text)

    def test_the_entry_page_is_that_of_handoff_h(self):
        text = doxygen_filter.filtered(self.root / "include" / "handoff" / "handoff.h")
        self.assertTrue(text.startswith("/** @mainpage handoff\n"), text[:40])

    def test_a_call_of_header_and_description_not_both_is_refused(self):
        (self.root / "abi.md").write_text((ROOT / "abi.md").read_text())
        with self.assertRaisesRegex(ValueError, "ho_thing_put: in abi.md or in a header, not in both"):
            api.page()

    def test_a_comment_without_its_parts_is_refused(self):
        for line in (" * Returns HO_OK", " * Threads [any]"):
            self.header.write_text(HEADER.replace(line, " * Something"))
            with self.assertRaisesRegex(ValueError, "ho_thing_put: its comment lacks"):
                headers.headers_of(self.root / "include")


if __name__ == "__main__":
    unittest.main()
