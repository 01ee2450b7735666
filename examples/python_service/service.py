#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An echo server with a C++ network and a Python service. network.cpp receives into arenas and sends, on its own threads, which never
run Python. Worker threads here take messages in batches and send each back without copying. On SIGINT or SIGTERM the server answers
everything received so far, then stops.

usage: service.py NETWORK.so [PORT]   without PORT: any free ports"""
import ctypes as c
import signal
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bindings" / "python"))
import handoff  # noqa: E402
import handoff_abi as abi  # noqa: E402

WORKERS = 2  # while one waits or calls handoff, the other runs Python
BATCH = 64
STOP_NS = 5_000_000_000


def network_of(path):
    """The two calls of network.cpp."""
    network = c.CDLL(path)
    network.network_start.argtypes = [
        c.POINTER(abi.ho_domain), c.POINTER(abi.ho_arena), c.POINTER(abi.ho_service),
        c.POINTER(abi.ho_service), c.c_uint32, c.c_bool, c.POINTER(c.c_uint16)]
    network.network_start.restype = c.c_void_p
    network.network_stop.argtypes = [c.c_void_p, c.c_int64, c.POINTER(c.c_uint64)]
    return network


def answer(message):
    """Addresses a message as an answer to its connection, as ho_net_answer: to the partition of its network thread."""
    message.partition = message.value >> 54
    message.flags |= abi.HO_BUF_PARTITION


def work(lib, domain, echo, egress, answered):
    """A worker's thread. It has its own ends."""
    requests = lib.open("ho_consumer_open", abi.ho_consumer, echo, None)
    shard = lib.open("ho_shard_open", abi.ho_shard, answered)
    answers = lib.open("ho_producer_open", abi.ho_producer, egress, shard)
    messages, count = (abi.ho_buf * BATCH)(), c.c_uint32()
    while (status := lib.ho_take(requests, messages, BATCH, c.byref(count))) != abi.HO_CLOSED:
        if status == abi.HO_EMPTY:
            lib.ho_wait(requests, -1)
            continue
        for message in messages[:count.value]:
            answer(message)
        lib.ho_forward(answers, messages, count.value, 0, None)
        # Forwarded descriptors are empty, and skipped.
        lib.done("ho_return", domain, messages, count.value, None)
    lib.done("ho_producer_close", answers)
    lib.done("ho_shard_close", shard)
    lib.done("ho_consumer_close", requests)


def serve(network, lib, port):
    shared = handoff.options(abi.ho_service_opts, partitions=16)
    bound = handoff.options(abi.ho_service_opts, partitions=2, consumers=abi.HO_CONSUMERS_BOUND,
                            policy=abi.HO_POLICY_WAIT, wait_ns=1_000_000_000)
    domain = lib.open("ho_domain_create", abi.ho_domain, None)
    echo = lib.open("ho_service_open", abi.ho_service, domain, c.byref(shared))
    egress = lib.open("ho_service_open", abi.ho_service, domain, c.byref(bound))
    answered = lib.open("ho_arena_open", abi.ho_arena, domain, None)
    workers = [threading.Thread(target=work, args=(lib, domain, echo, egress, answered), daemon=True)
               for _ in range(WORKERS)]
    for each in workers:
        each.start()

    entries = []
    for partition, transport in enumerate(("udp", "tcp")):
        received, bound_to = lib.open("ho_arena_open", abi.ho_arena, domain, None), c.c_uint16(port)
        entry = network.network_start(domain, received, echo, egress, partition, transport == "tcp",
                                      c.byref(bound_to))
        if entry:
            entries.append(entry)
            print(f"{transport} listening on 127.0.0.1:{bound_to.value}", flush=True)
    if len(entries) == 2:
        signal.sigwait(STOP_SIGNALS)

    # In this order: no more messages, all answers out; no more workers.
    counts = (c.c_uint64 * 3)()
    left = [network.network_stop(entry, STOP_NS, counts) for entry in entries]
    lib.ho_service_close(echo, 0, None)  # begins to close: workers take what is left, and end
    for each in workers:
        each.join()
    lib.done("ho_domain_close", domain, STOP_NS, None)
    lib.done("ho_domain_destroy", domain, None)
    print("received {}, answered {}, refused {}".format(*counts))
    return 0 if left == [abi.HO_OK] * 2 else 1


STOP_SIGNALS = {signal.SIGINT, signal.SIGTERM}

if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)  # in all threads: serve waits for them
    try:
        path, *port = sys.argv[1:3]
        sys.exit(serve(network_of(path), handoff.Library(), int(*port)))
    except (handoff.Error, OSError, ValueError) as error:
        sys.exit(f"service: {error}")
