#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Monsters live in a pool, attacks come as messages, and who is attacked is a handle in the message's
value. An attack on a monster that died meanwhile is refused.   usage: attacks.py [LIBHANDOFF.so]"""
import ctypes as c
import sys

import handoff
import handoff_abi as abi


class Monster(c.Structure):
    _fields_ = [("name", c.c_char * 16), ("hp", c.c_int32)]


def spawn(monsters, name, hp):
    handle = monsters.acquire()
    monster = monsters.resolve(handle)
    monster.name, monster.hp = name, hp
    return handle


def attack(lib, shard, out, number, whom, by):
    loan = abi.ho_buf()
    lib.done("ho_reserve", shard, 1, None, loan)
    loan.ptr[0], loan.len, loan.key, loan.value = by, 1, number, whom
    lib.done("ho_commit", out, loan, 1, 0, None)


def attacked(monsters, message):
    monster = monsters.resolve(message.value)
    if monster is None:
        return "refused, its target is gone"
    monster.hp -= message.ptr[0]
    name = monster.name.decode()
    if monster.hp > 0:
        return f"{name} has {monster.hp} left"
    monsters.release(message.value)
    return f"{name} dies"


def play(lib):
    domain = lib.open("ho_domain_create", abi.ho_domain, None)
    arena = lib.open("ho_arena_open", abi.ho_arena, domain, None)
    shard = lib.open("ho_shard_open", abi.ho_shard, arena)
    service = lib.open("ho_service_open", abi.ho_service, domain, None)
    consumer = lib.open("ho_consumer_open", abi.ho_consumer, service, None)
    producer = lib.open("ho_producer_open", abi.ho_producer, service, shard)
    monsters = handoff.Pool(lib, arena, Monster, name="monsters")

    ogre, bat = spawn(monsters, b"the ogre", 100), spawn(monsters, b"the bat", 10)
    for number, (whom, by) in enumerate([(ogre, 30), (bat, 5), (ogre, 80), (ogre, 80), (bat, 1)], 1):
        attack(lib, shard, producer, number, whom, by)
    message, taken = abi.ho_buf(), c.c_uint32()
    while lib.ho_take(consumer, message, 1, c.byref(taken)) == abi.HO_OK:
        print(f"attack {message.key}: {attacked(monsters, message)}")
        lib.done("ho_return", domain, message, 1, None)
    for handle in list(monsters.handles()):
        print(monsters.resolve(handle).name.decode(), "is left")
        monsters.release(handle)

    monsters.close()
    lib.done("ho_producer_close", producer)
    lib.done("ho_shard_close", shard)
    lib.done("ho_consumer_close", consumer)
    lib.done("ho_domain_close", domain, -1, None)
    lib.done("ho_domain_destroy", domain, None)


if __name__ == "__main__":
    try:
        play(handoff.Library(*sys.argv[1:2]))
    except (handoff.Error, OSError) as error:
        sys.exit(f"attacks: {error}")
