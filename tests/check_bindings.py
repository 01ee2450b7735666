#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The Python binding: layouts in ctypes, the example, and where releases run.

usage: check_bindings.py LIBHANDOFF.so
"""
import ctypes as c
import subprocess
import sys
import threading
import unittest
from pathlib import Path

PYTHON = Path(__file__).resolve().parent.parent / "bindings" / "python"
sys.path.insert(0, str(PYTHON))
sys.dont_write_bytecode = True

import handoff  # noqa: E402
import handoff_abi as abi  # noqa: E402
import layout  # noqa: E402

LIBRARY = sys.argv.pop()
SAID = """player 42 walks north
player 42 says hello
released walks north
released says hello
"""
ATTACKS = """attack 1: the ogre has 70 left
attack 2: the bat has 5 left
attack 3: the ogre dies
attack 4: refused, its target is gone
attack 5: the bat has 4 left
the bat is left
"""


class Monster(c.Structure):
    _fields_ = [("id", c.c_uint64), ("hp", c.c_int32)]


class Binding(unittest.TestCase):
    def setUp(self):
        self.lib = abi.load(LIBRARY)

    def call(self, name, *arguments):
        self.assertEqual(getattr(self.lib, name)(*arguments), abi.HO_OK, name)

    def opened(self, name, kind, *arguments):
        handle = c.POINTER(kind)()
        self.call(name, *arguments, c.byref(handle))
        return handle

    def test_ctypes_the_library_and_its_description_agree(self):
        found, count = layout.check(self.lib)
        self.assertEqual(found, [])
        self.assertGreater(count, 100)

    def test_a_field_of_another_size_is_a_difference(self):
        rows, values = layout.compiled()
        wrong = {(name, field, at, size + (field == "key")) for name, field, at, size in rows}
        found = list(layout.differences("a", (rows, values), "b", (wrong, values)))
        self.assertEqual(len(found), 2)
        self.assertIn("('ho_buf', 'key', 56, 9) is in b and not in a", found)

    def test_a_constant_of_another_value_is_a_difference(self):
        rows, values = layout.compiled()
        found = list(layout.differences("a", (rows, values), "b", (rows, {**values, "HO_MORE": 1})))
        self.assertEqual(len(found), 2)

    def test_what_is_no_such_library_gets_one_line(self):
        for path in "/nowhere/libhandoff.so", "libc.so.6":
            done = subprocess.run([sys.executable, "-B", str(PYTHON / "layout.py"), path],
                                  capture_output=True, text=True, timeout=30)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertRegex(done.stderr, r"^layout: .*: name a libhandoff\.so of \d+\.\d+\n$")

    def test_the_example_takes_what_it_gave_and_frees_it(self):
        done = subprocess.run([sys.executable, "-B", str(PYTHON / "consumer.py"), LIBRARY],
                              capture_output=True, text=True, timeout=30)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, SAID, ""))

    def test_the_example_of_a_pool_refuses_an_attack_on_the_dead(self):
        done = subprocess.run([sys.executable, "-B", str(PYTHON / "attacks.py"), LIBRARY],
                              capture_output=True, text=True, timeout=30)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, ATTACKS, ""))

    def test_the_examples_say_in_one_line_what_failed(self):
        for name in "consumer", "attacks":
            done = subprocess.run([sys.executable, "-B", str(PYTHON / f"{name}.py"), "/no/lib.so"],
                                  capture_output=True, text=True, timeout=30)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertRegex(done.stderr, rf"^{name}: /no/lib\.so: .*\n$")

    def test_an_error_names_its_call_and_what_to_do(self):
        lib = handoff.Library(LIBRARY)
        with self.assertRaisesRegex(handoff.Error, "^ho_domain_close: HO_E_HANDLE: .+") as caught:
            lib.ho_domain_close(None, 0, None)
        self.assertEqual((caught.exception.status, caught.exception.name),
                         (abi.HO_E_HANDLE, "HO_E_HANDLE"))
        with self.assertRaises(AttributeError):
            lib.ho_nothing(1)

    def with_pool(self, kind, **opts):
        """A pool, and what closes it and its domain with nothing left."""
        lib = handoff.Library(LIBRARY)
        domain = lib.open("ho_domain_create", abi.ho_domain, None)
        arena = lib.open("ho_arena_open", abi.ho_arena, domain, None)
        pool = handoff.Pool(lib, arena, kind, **opts)

        def close():
            pool.close()
            lib.done("ho_arena_close", arena, 0, None)
            lib.done("ho_domain_close", domain, 0, None)
            lib.done("ho_domain_destroy", domain, None)
        return pool, close

    def test_an_object_of_a_pool_is_there_until_it_is_released(self):
        pool, close = self.with_pool(Monster, objects_max=2, name="monsters")
        boss, other = pool.acquire(), pool.acquire()
        self.assertIsNone(pool.acquire())  # full
        self.assertEqual(pool.stats().full, 1)
        pool.resolve(boss).hp = 1000
        self.assertEqual((pool.resolve(boss).hp, pool.resolve(other).hp), (1000, 0))
        self.assertEqual(sorted(pool.handles()), sorted([boss, other]))
        with self.assertRaisesRegex(handoff.Error, "^ho_pool_close: HO_E_BUSY: "):
            pool.close()
        pool.release(boss)
        self.assertIsNone(pool.resolve(boss))
        with self.assertRaisesRegex(handoff.Error, "^ho_pool_release: HO_E_STALE: "):
            pool.release(boss)
        thread = threading.Thread(target=pool.release, args=(other,))
        thread.start()
        thread.join()
        self.assertEqual((list(pool.handles()), pool.stats().live), ([], 0))
        close()

    def test_memory_of_a_pool_is_prepared_and_goes_back(self):
        pool, close = self.with_pool(Monster)
        self.assertEqual(pool.prepare(5000), 5000)
        held = pool.stats().bytes_held
        self.assertGreaterEqual(held, 5000 * c.sizeof(Monster))
        freed = pool.trim()
        self.assertGreater(freed, held // 2)
        self.assertEqual(pool.stats().bytes_held, held - freed)
        close()

    def test_objects_stay_constructed(self):
        calls = []

        @abi.ho_object_fn
        def construct(ptr, _):
            Monster.from_address(ptr).hp = 7
            calls.append("construct")

        @abi.ho_object_fn
        def destruct(ptr, _):
            calls.append("destruct")
        pool, close = self.with_pool(Monster, objects_max=3, construct=construct, destruct=destruct)
        for _ in range(5):
            boss = pool.acquire()
            self.assertEqual(pool.resolve(boss).hp, 7)
            pool.release(boss)
        self.assertLessEqual(len(calls), 3)
        close()
        self.assertEqual(calls.count("construct"), calls.count("destruct"))

    def test_one_handle_is_not_taken_for_another(self):
        domain = self.opened("ho_domain_create", abi.ho_domain, None)
        with self.assertRaises(c.ArgumentError):
            self.lib.ho_service_close(domain, 0, None)
        self.call("ho_domain_destroy", domain, None)

    def test_what_another_thread_returns_is_released_on_the_thread_that_drains(self):
        domain = self.opened("ho_domain_create", abi.ho_domain, None)
        service = self.opened("ho_service_open", abi.ho_service, domain, None)
        consumer = self.opened("ho_consumer_open", abi.ho_consumer, service, None)
        arena = self.opened("ho_arena_open", abi.ho_arena, domain, None)
        shard = self.opened("ho_shard_open", abi.ho_shard, arena)
        producer = self.opened("ho_producer_open", abi.ho_producer, service, shard)
        released, taken_values = [], []
        release = abi.ho_release_fn(lambda ctx, recs, count: released.extend(
            (threading.get_ident(), rec.token, rec.size) for rec in recs[:count]))
        opts = abi.ho_owner_opts(mode=abi.HO_RELEASE_DRAIN, release=release)
        opts.size = c.sizeof(opts)
        owner = c.c_uint32()
        self.call("ho_owner_register", domain, c.byref(opts), c.byref(owner))
        memory = c.create_string_buffer(100)
        given = abi.ho_buf(ptr=c.cast(memory, c.POINTER(c.c_uint8)), len=100, owner=owner, handle=5,
                           value=6)
        self.call("ho_give", producer, given, 1, 0, None)
        self.assertEqual(bytes(given), bytes(c.sizeof(given)))  # handed over, so emptied

        def elsewhere():
            buf, taken = abi.ho_buf(), c.c_uint32()
            self.call("ho_take", consumer, buf, 1, c.byref(taken))
            taken_values.append(buf.value)
            self.call("ho_return", domain, buf, 1, None)
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        self.assertEqual((released, taken_values), ([], [6]))
        self.call("ho_owner_drain", domain, owner, 10, None)
        self.assertEqual(released, [(threading.get_ident(), 5, 100)])

        self.call("ho_producer_close", producer)
        self.call("ho_shard_close", shard)
        self.call("ho_consumer_close", consumer)
        self.call("ho_owner_retire", domain, owner, 0)
        self.call("ho_domain_close", domain, 0, None)
        self.call("ho_domain_destroy", domain, None)


if __name__ == "__main__":
    unittest.main()
