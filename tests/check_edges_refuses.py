#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_edges.py accepts a correct sample, and finds each error that is introduced into it.

usage: check_edges_refuses.py
"""
import subprocess
import sys
import tempfile
from pathlib import Path

CHECK = Path(__file__).with_name("check_edges.py")
RIGHT = """\
/*
 * Edges: label | release site | acquire site | what becomes visible | what breaks without it
 *  FULL | box_fill, fill_all | look, box_look,
 *      box_swap | the bytes | torn bytes
 *  LAST | box_drop | the same | reads by the others | freed under a reader
 *  GONE | leave | box_wait | that all have left | freed under one of them
 */
static void fill(struct box *b)
{
    A_STORE(b->full, 1, AT(box_fill, release)); /* edge FULL: release */
}

static __attribute__((noinline)) _Atomic(int) *
fill_all(struct box *b, A_TYPE(uint64_t) * last)
{
    /* edge FULL: release */
    A_STORE(b->full, (uint32_t)(A_LOAD(*last, memory_order_relaxed)), memory_order_seq_cst);
    return &b->full;
}

static int look(struct box *b)
{
    int full = A_LOAD(b->full, memory_order_acquire); /* edge FULL: acquire */
    return full && A_LOAD(b->full, AT(box_look, seq_cst)) == /* alone */
                       1; /* edge FULL: acquire */
}

static int swap(struct box *b, int old)
{
    return A_CAS(b->full, old, 2, AT(box_swap, acquire), /* edge FULL: acquire */
                 AT(box_relook, relaxed));
}

static int drop(A_TYPE(uint64_t) * count)
{
    return A_FSUB(*count, 1, AT(box_drop, acq_rel)) == 1; /* edge LAST: release, edge LAST: acquire */
}

static void leave(struct box *b)
{
    (void)drop(&b->count); /* edge GONE: release */
}

static int wait(struct box *b)
{
    return A_LOAD(b->count, AT(box_wait, acquire)) == 0; /* edge GONE: acquire */
}
"""
# What becomes what, and what is said of it.
FAULTS = [
    ("fill_all | look", "fill_some | look", "FULL: fill_some is no function, nor named by AT"),
    ("| leave |", "| drop's callers |", "GONE: drop's callers is no function, nor named by AT"),
    ("fill_all | look", "fill_all, wait | look", "FULL: wait bears no 'edge FULL: release'"),
    ("fill_all | look", "fill_all, box_look | look", "FULL: box_look bears no 'edge FULL: release'"),
    ("box_fill, fill_all |", "fill_all |",
     "sample.c:10: FULL: the row does not name box_fill as a site of release"),
    ("box_fill, fill_all |", "fill, fill_all |", "FULL: fill bears no 'edge FULL: release'"),
    ("| look, box_look", "| box_look", "sample.c:23: FULL: the row does not name look as a site of acquire"),
    ("\n *      box_swap |", " box_look |",
     "sample.c:29: FULL: the row does not name box_swap as a site of acquire"),
    ("| the same |", "| box_wait |", "LAST: box_wait bears no 'edge LAST: acquire'"),
    ("| the bytes |", "| |", "FULL: a row has five cells, none of them empty"),
    ("| torn bytes", "", "FULL: a row has five cells, none of them empty"),
    ("*  LAST |", "*  FULL |", "FULL: has a row in sample.c already"),
    ("*  LAST | box_drop", "*  LOST | box_drop", "LAST: a site bears the label, no table has such a row"),
    ("*  LAST | box_drop", "*  LOST | box_drop", "LOST: box_drop bears no 'edge LOST: release'"),
    (" 1; /* edge FULL: acquire */", " 1;", "sample.c:24: seq_cst without an edge label"),
    ("    /* edge FULL: release */\n", "\n", "sample.c:17: seq_cst without an edge label"),
    ("edge LAST: acquire */", "LAST */", "LAST: box_drop bears no 'edge LAST: acquire'"),
    ("edge GONE: acquire", "edge GONE: reads", "sample.c:46: GONE: 'reads' is neither release nor acquire"),
    ("edge GONE: acquire", "edge GONE: release", "sample.c:46: GONE: no operation here is one of release"),
    ("AT(box_swap, acquire)", "AT(box_swap, relaxed)", "FULL: no operation here is one of acquire"),
    ("AT(box_fill, release)", "AT(box_fill, relaxed)", "FULL: no operation here is one of release"),
    ("AT(box_drop, acq_rel)", "AT(box_drop, acquire)",
     "sample.c:41: GONE: no operation here is one of release"),
    ("drop(&b->count);", "left(&b->count);", "sample.c:41: GONE: no operation here is one of release"),
    ("A_LOAD(b->count,", "atomic_load(&b->count,", "sample.c:46: acquire outside of an operation A_*"),
    ("static void fill(struct box *b)\n{\n", "static void fill(struct box *b) {\n",
     "sample.c:9: FULL: a label outside of all functions"),
]


def problems_of(text):
    """What it says of a sample: its exit code, its problems."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "sample.c").write_text(text)
        run = subprocess.run([sys.executable, CHECK, "sample.c"], cwd=folder, text=True,
                             capture_output=True, check=False)
    return run.returncode, run.stderr


def wrong_of(right, becomes, said):
    if RIGHT.count(right) != 1:
        return "stands not once in the sample"
    code, problems = problems_of(RIGHT.replace(right, becomes))
    if code == 1 and f"{said}\n" in problems:
        return None
    return f"expected '{said}', exit code 1; it was {code}:\n{problems}"


def main():
    wrong = 0
    code, problems = problems_of(RIGHT)
    if code or problems:
        print(f"edges: the right sample: {code}:\n{problems}", file=sys.stderr)
        wrong += 1
    for right, becomes, said in FAULTS:
        text = wrong_of(right, becomes, said)
        if text:
            print(f"edges: '{right}' to '{becomes}': {text}", file=sys.stderr)
            wrong += 1
    print(f"edges: {len(FAULTS)} faults, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
