# SPDX-License-Identifier: MIT
"""Tests of servers that own their TCP sockets: asio_session and epoll_c, which take the same arguments."""
import re
import signal
import socket
import threading
import time
from contextlib import ExitStack

from example import PATIENCE, Talker, connect, frame, hear, hear_frame, run_client, vanish

LITTLE = ("memory", "1024")  # KiB: four segments


class StreamServer:
    def started(self, *words):
        """The running server."""
        raise NotImplementedError

    def counted(self, server, what):
        return int(re.search(what, server.stop())[1])

    def test_it_answers_many_connections_in_order(self):
        with self.started() as server:
            run_client("tcp", server.port(), connections=20, window=20, messages=500, ordered=1)
            self.assertEqual(self.counted(server, r"worked on (\d+)"), 10000)

    def test_it_answers_without_handoff(self):
        with self.started("plain", "1") as server:
            run_client("tcp", server.port(), connections=4, window=20, messages=500, ordered=1)
            self.assertEqual(self.counted(server, r"worked on (\d+)"), 2000)

    def test_a_full_lane_pauses_the_reader(self):
        """All peers speak in one turn of the server: so many that some partition gets more than its lane holds, unless a worker is
        there to take them. So they speak until that was so."""
        with self.started("lane_slots", "2") as server, ExitStack() as all_peers:
            port = server.port()
            peers = [all_peers.enter_context(connect(port)) for _ in range(64)]
            until = time.monotonic() + PATIENCE
            while server.lines.empty() and time.monotonic() < until:
                server.process.send_signal(signal.SIGSTOP)
                for number, peer in enumerate(peers):
                    peer.sendall(frame(b"%d" % number))
                server.process.send_signal(signal.SIGCONT)
                for number, peer in enumerate(peers):
                    self.assertEqual(hear_frame(peer), b"%d" % number)
            server.line("first pause: HO_FULL")

    def test_memory_that_is_used_up_pauses_readers_and_wakes_them(self):
        """A peer that does not read its answers holds all the memory; what it said is answered when it does."""
        with self.started(*LITTLE) as server:
            port = server.port()
            with connect(port) as peer:
                talker = Talker(peer, lambda i: b"%06d" % i * 300)
                server.line("first pause: HO_FULL")
                heard = 0
                for heard, payload in enumerate(talker.end(), 1):
                    self.assertEqual(payload, talker.payload(heard - 1))
                self.assertEqual(heard, talker.said)
            run_client("tcp", port, messages=100)

    def test_peers_that_vanish_in_a_frame_leave_nothing(self):
        """While the service and the server hold what they sent."""
        with self.started(*LITTLE) as server:
            port = server.port()
            for _ in range(50):
                peer = connect(port)
                peer.sendall(frame(b"x" * 2000) * 20 + frame(b"y" * 1000)[:500])
                vanish(peer)
            run_client("tcp", port, messages=1000)

    def test_a_peer_that_vanishes_with_answers_unread_leaves_nothing(self):
        with self.started(*LITTLE) as server:
            port = server.port()
            peer = connect(port)

            def say():
                try:
                    while True:
                        peer.sendall(frame(b"z" * 2000))
                except OSError:
                    pass  # told to end

            said = threading.Thread(target=say)
            said.start()
            server.line("first pause: HO_FULL")
            peer.shutdown(socket.SHUT_WR)  # ends `say`
            said.join()
            vanish(peer)
            run_client("tcp", port, messages=1000)

    def test_a_frame_larger_than_any_loan_ends_its_connection(self):
        """One as large as a loan can be is answered."""
        with self.started() as server:
            port = server.port()
            with connect(port) as other, connect(port) as peer:
                large = frame(bytes(range(256)) * 800)
                peer.sendall(large)
                self.assertEqual(hear(peer, len(large)), large)
                peer.sendall(frame(b"good") + (1 << 30).to_bytes(4, "little") + b"bad")
                self.assertIn(hear(peer, 100), (frame(b"good"), b""))  # and then it is closed
                other.sendall(frame(b"still here"))
                self.assertEqual(hear_frame(other), b"still here")
            self.assertIn("HO_E_RANGE", server.stop())

    def test_half_a_close_gets_its_answers(self):
        words = frame(b"last words") * 200
        with self.started() as server:
            port = server.port()
            for _ in range(100):
                with connect(port) as peer:
                    peer.sendall(words)
                    peer.shutdown(socket.SHUT_WR)
                    self.assertEqual(hear(peer, len(words) + 1), words)

    def test_a_stop_loses_no_answer(self):
        with self.started() as server, connect(server.port()) as peer:
            heard, more = 0, threading.Event()

            def say():
                try:
                    while not more.is_set():
                        peer.sendall(frame(b"x" * 100))
                except OSError:
                    pass  # it stopped

            said = threading.Thread(target=say)
            said.start()
            while hear_frame(peer) is not None:
                heard += 1
                if heard == 200:
                    server.tell_to_stop()
            more.set()
            said.join()
            peer.close()
            self.assertEqual(self.counted(server, r"worked on (\d+)"), heard)

    def test_a_stop_waits_for_what_is_paused(self):
        """A peer that is told nothing, and whose frames wait for memory that its own answers hold."""
        with self.started(*LITTLE) as server, connect(server.port()) as peer:
            told = threading.Event()

            def say():
                try:
                    while not told.is_set():
                        peer.sendall(frame(b"x" * 2000))
                except OSError:
                    pass  # it stopped

            said = threading.Thread(target=say)
            said.start()
            server.line("first pause: HO_FULL")
            server.tell_to_stop()
            heard = 0
            while hear_frame(peer) is not None:
                heard += 1
            told.set()
            said.join()
            peer.close()
            self.assertEqual(self.counted(server, r"worked on (\d+)"), heard)
