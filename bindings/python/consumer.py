#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Gives bytes of Python's own, consumes them in place, and frees them on this thread when it drains:
the mode `drain` keeps every other thread out of Python.   usage: consumer.py [LIBHANDOFF.so]"""
import ctypes as c
import sys

import handoff
import handoff_abi as abi

lent = {}  # token: the memory that is out


@abi.ho_release_fn
def release(_, recs, count):
    for rec in recs[:count]:
        print("released", lent.pop(rec.token).value.decode())


def run(lib):
    domain = lib.open("ho_domain_create", abi.ho_domain, None)
    arena = lib.open("ho_arena_open", abi.ho_arena, domain, None)
    shard = lib.open("ho_shard_open", abi.ho_shard, arena)
    service = lib.open("ho_service_open", abi.ho_service, domain, None)
    consumer = lib.open("ho_consumer_open", abi.ho_consumer, service, None)
    producer = lib.open("ho_producer_open", abi.ho_producer, service, shard)
    opts = handoff.options(abi.ho_owner_opts, mode=abi.HO_RELEASE_DRAIN, release=release)
    owner = c.c_uint32()
    lib.done("ho_owner_register", domain, c.byref(opts), c.byref(owner))

    for token, text in enumerate((b"walks north", b"says hello")):
        lent[token] = memory = c.create_string_buffer(text)
        ptr = c.cast(memory, c.POINTER(c.c_uint8))
        given = abi.ho_buf(ptr=ptr, len=len(text), owner=owner.value, handle=token, key=42)
        lib.done("ho_give", producer, given, 1, 0, None)

    lib.done("ho_producer_close", producer)
    lib.done("ho_shard_close", shard)
    buf, taken = abi.ho_buf(), c.c_uint32()
    while lib.ho_take(consumer, buf, 1, c.byref(taken)) == abi.HO_OK:
        print("player", buf.key, c.string_at(buf.ptr, buf.len).decode())
        lib.done("ho_return", domain, buf, 1, None)
    lib.done("ho_owner_drain", domain, owner, 100, None)

    lib.done("ho_consumer_close", consumer)
    lib.done("ho_owner_retire", domain, owner, 0)
    lib.done("ho_domain_close", domain, -1, None)
    lib.done("ho_domain_destroy", domain, None)


if __name__ == "__main__":
    try:
        run(handoff.Library(*sys.argv[1:2]))
    except (handoff.Error, OSError) as error:
        sys.exit(f"consumer: {error}")
