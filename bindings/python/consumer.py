#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Gives bytes of Python's own, consumes them in place, and frees them on this thread when it drains:
the mode `drain` keeps every other thread out of Python.   usage: consumer.py [LIBHANDOFF.so]"""
import ctypes as c
import sys
import handoff_abi as abi

lib = abi.load(sys.argv[1] if len(sys.argv) > 1 else "libhandoff.so.0")
domain, service = c.POINTER(abi.ho_domain)(), c.POINTER(abi.ho_service)()
arena, shard = c.POINTER(abi.ho_arena)(), c.POINTER(abi.ho_shard)()
producer, consumer = c.POINTER(abi.ho_producer)(), c.POINTER(abi.ho_consumer)()
lent = {}  # token: the memory that is out


def ok(status):
    if status != abi.HO_OK:
        name, text = c.c_char_p(), c.c_char_p()
        lib.ho_strerror(status, c.byref(name), c.byref(text))
        sys.exit(f"consumer: {name.value.decode()}: {text.value.decode()}")


@abi.ho_release_fn
def release(_, recs, count):
    for rec in recs[:count]:
        print("released", lent.pop(rec.token).value.decode())


ok(lib.ho_domain_create(None, c.byref(domain)))
ok(lib.ho_arena_open(domain, None, c.byref(arena)))
ok(lib.ho_shard_open(arena, c.byref(shard)))
ok(lib.ho_service_open(domain, None, c.byref(service)))
ok(lib.ho_consumer_open(service, None, c.byref(consumer)))
ok(lib.ho_producer_open(service, shard, c.byref(producer)))
opts, owner = abi.ho_owner_opts(mode=abi.HO_RELEASE_DRAIN, release=release), c.c_uint32()
opts.size = c.sizeof(opts)
ok(lib.ho_owner_register(domain, c.byref(opts), c.byref(owner)))

for token, text in enumerate((b"walks north", b"says hello")):
    lent[token] = memory = c.create_string_buffer(text)
    ptr = c.cast(memory, c.POINTER(c.c_uint8))
    given = abi.ho_buf(ptr=ptr, len=len(text), owner=owner.value, handle=token, key=42)
    ok(lib.ho_give(producer, given, 1, 0, None))

ok(lib.ho_producer_close(producer))
ok(lib.ho_shard_close(shard))
buf, taken = abi.ho_buf(), c.c_uint32()
while lib.ho_take(consumer, buf, 1, c.byref(taken)) == abi.HO_OK:
    print("player", buf.key, c.string_at(buf.ptr, buf.len).decode())
    ok(lib.ho_return(domain, buf, 1, None))
ok(lib.ho_owner_drain(domain, owner, 100, None))

ok(lib.ho_consumer_close(consumer))
ok(lib.ho_owner_retire(domain, owner, 0))
ok(lib.ho_domain_close(domain, -1, None))
ok(lib.ho_domain_destroy(domain, None))
