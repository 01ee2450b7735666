# SPDX-License-Identifier: MIT
"""Who takes part, and in what."""

import dataclasses
import pathlib
import subprocess

BOUND = "bound"
OWN = "handoff"
PEER = "peer"


@dataclasses.dataclass(frozen=True)
class Contestant:
    name: str
    program: str  # bench-<program>
    kind: str
    package: str = ""  # that the program needs
    preload: str = ""  # an allocator in the place of libc's
    allocator: str = ""  # its package
    only: tuple = ()  # scenarios, if not all that it can play


# Allocators are preloaded into one and the same program: the contestants then differ in nothing but
# the allocator, and every allocation of the process goes through it, libstdc++'s too.
ALLOCATORS = (
    ("glibc", "", ""),
    ("tcmalloc", "libtcmalloc_minimal.so.4", "libtcmalloc-minimal4"),
    ("jemalloc", "libjemalloc.so.2", "libjemalloc2"),
    ("mimalloc", "libmimalloc.so.2", "libmimalloc2.0"),
)


def all_contestants():
    found = [
        Contestant("bound", "bound", BOUND),
        Contestant("handoff, batches of 16", "handoff_batch", OWN),
        Contestant("handoff, split batches of 16", "handoff_split", OWN),
        Contestant("handoff, 16 reserved at once", "handoff_many", OWN),
        Contestant("handoff, 64 reserved at once", "handoff_many64", OWN, only=("size64",)),
        Contestant("handoff, single calls", "handoff_single", OWN),
        Contestant("handoff, batches, no padding", "handoff_unpadded", OWN, only=("throughput",)),
        Contestant("handoff, give, inline", "handoff_give", OWN),
        Contestant("handoff, give, drained", "handoff_give_drain", OWN),
        Contestant("atomic_queue + pool", "atomic_queue", PEER, "libatomic-queue-dev"),
        Contestant("ck_ring + pool", "ck", PEER, "libck-dev"),
        Contestant("DPDK, single", "dpdk_single", PEER, "libdpdk-dev"),
        Contestant("DPDK, bursts of 32", "dpdk_burst", PEER, "libdpdk-dev"),
    ]
    for name, preload, package in ALLOCATORS:
        found.append(Contestant(f"{name} + ReaderWriterQueue", "malloc_rwq", PEER,
                                "libreaderwriterqueue-dev", preload, package))
    for name, preload, package in ALLOCATORS:
        found.append(Contestant(f"{name}, 2 std::string copies + lock", "strings", PEER, "",
                                preload, package))
    return found + [
        Contestant("ZeroMQ inproc", "zmq", PEER, "libzmq3-dev"),
        Contestant("nng inproc", "nng", PEER, "libnng-dev"),
        Contestant("iceoryx", "iceoryx", PEER, "libiceoryx-posh-dev"),
    ]


def can_preload(library):
    """Whether the loader finds it: it complains, and goes on without, if not."""
    if not library:
        return True
    done = subprocess.run(["true"], env={"LD_PRELOAD": library}, capture_output=True, check=False)
    return done.returncode == 0 and not done.stderr


def present(build, complain, field=None):
    """The contestants that were built here, each with the scenarios that it can play."""
    found = {}
    for contestant in field or all_contestants():
        program = pathlib.Path(build, "bench", f"bench-{contestant.program}")
        if not program.exists():
            remedy = f"install {contestant.package}" if contestant.package else f"build {program.name}"
            complain(f"{contestant.name} is left out: {remedy}")
            continue
        if not can_preload(contestant.preload):
            complain(f"{contestant.name} is left out: install {contestant.allocator}")
            continue
        listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True)
        able = set(listed.stdout.split())
        found[contestant] = able & set(contestant.only) if contestant.only else able
    return found
