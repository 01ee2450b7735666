#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import signal
import threading
import unittest
from pathlib import Path

from example import PATIENCE, Server, built, connect, frame, hear, hear_frame, main, vanish

V1, V2 = (str(built / f"service_{version}.so") for version in ("v1", "v2"))


class Client(threading.Thread):
    """Says numbered messages, so many ahead of the answers, until it is told to end. Answers come from either version,
    each once."""
    WINDOW = 100

    def __init__(self, port):
        super().__init__()
        self.peer, self.end, self.wrong = connect(port), threading.Event(), []
        self.answers, self.news = {b"v1": 0, b"v2": 0}, threading.Condition()
        self.start()

    def await_answer_of(self, version):
        """The next one."""
        with self.news:
            before = self.answers[version]
            self.news.wait_for(lambda: self.answers[version] > before, PATIENCE)
            return self.answers[version] > before

    def run(self):
        sent, waiting = 0, set()
        while waiting or not self.end.is_set():
            while len(waiting) < self.WINDOW and not self.end.is_set():
                self.peer.sendall(frame(b"%d" % sent))
                waiting.add(sent)
                sent += 1
            answer = hear_frame(self.peer) or b"end"
            version, _, number = answer.partition(b" ")
            if version not in (b"v1", b"v2") or int(number) not in waiting:
                self.wrong.append(answer)
                break
            with self.news:
                self.answers[version] += 1
                self.news.notify()
            waiting.remove(int(number))
        self.peer.close()


class Plugin(unittest.TestCase):
    def replaced(self, server, to, last):
        server.process.send_signal(signal.SIGHUP)
        server.line(f"serving: {to}")
        server.line(f"replaced: {last}")

    def mapped(self, server, path):
        return path in Path(f"/proc/{server.process.pid}/maps").read_text()

    def test_it_is_replaced_under_load_and_every_message_is_answered(self):
        with Server("plugin_host", "0", V1, V2) as server:
            port = server.port()
            clients = [Client(port) for _ in range(4)]
            for to, last in [(V2, V1), (V1, V2)] * 5:
                self.replaced(server, to, last)
                for each in clients:
                    self.assertTrue(each.await_answer_of(b"v2" if to == V2 else b"v1"), each.wrong)
                server.process.send_signal(signal.SIGUSR1)
                server.line(f"unloaded: {last}")
            for each in clients:
                each.end.set()
            for each in clients:
                each.join()
                self.assertEqual(each.wrong, [])

    def test_what_has_memory_out_stays_loaded_until_it_is_back(self):
        with Server("plugin_host", "0", V1, V2) as server:
            port = server.port()
            with connect(port) as peer:
                peer.sendall(frame(b"one"))
                self.assertEqual(hear_frame(peer), b"v1 one")
                self.replaced(server, V2, V1)
                peer.sendall(frame(b"two"))
                self.assertEqual(hear_frame(peer), b"v2 two")
                self.replaced(server, V1, V2)  # two turns of the loop later
                self.assertTrue(self.mapped(server, V2))
                self.assertNotIn("unloaded", "".join(server.seen))
                server.process.send_signal(signal.SIGUSR1)
                server.line("notice: v1 has answered 1$")
                server.line("notice: v2 has answered 1$")
                server.line(f"unloaded: {V1}")
                server.line(f"unloaded: {V2}")
                self.assertFalse(self.mapped(server, V2))
                peer.sendall(frame(b"three"))
                self.assertEqual(hear_frame(peer), b"v1 three")
            self.replaced(server, V2, V1)  # and its notice is never read

    def test_what_is_no_module_changes_nothing(self):
        with Server("plugin_host", "0", V1, "/no/such/module.so", str(built / "not_one.so")) as server:
            (built / "not_one.so").write_text("no")
            port = server.port()
            for _ in range(2):
                server.process.send_signal(signal.SIGHUP)
                server.line("not loaded: ")
            with connect(port) as peer:
                peer.sendall(frame(b"still"))
                self.assertEqual(hear_frame(peer), b"v1 still")

    def test_peers_that_vanish_or_say_too_much_leave_nothing(self):
        with Server("plugin_host", "0", V1, V2) as server:
            port = server.port()
            for to, last in [(V2, V1), (V1, V2)]:
                for _ in range(20):
                    peer = connect(port)
                    peer.sendall(frame(b"x" * 1000) * 20 + frame(b"y" * 1000)[:500])
                    vanish(peer)
                self.replaced(server, to, last)
            with connect(port) as peer:
                peer.sendall(frame(b"good") + (1 << 30).to_bytes(4, "little"))
                self.assertEqual(hear(peer, 100), frame(b"v1 good"))


if __name__ == "__main__":
    main()
