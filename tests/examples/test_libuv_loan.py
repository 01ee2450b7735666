#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import struct
import unittest

from example import (Server, Talker, connect, frame, hear, hear_frame, main, number, run_client, vanish,
                     work_that_takes_longer)

SERVER = "libuv_loan"


class LibuvLoan(unittest.TestCase):
    def echoes(self, *options, **how):
        with Server(SERVER, *options) as server:
            run_client("tcp", server.port(), **how)
        return "\n".join(server.seen)

    def test_every_byte_comes_back_in_order(self):
        said = self.echoes(connections=8, window=64, bytes=300, messages=500, ordered=1)
        self.assertEqual(number(said, "answered"), 4000 * (4 + 300))

    def test_large_frames_come_back(self):
        self.echoes(connections=4, window=4, bytes=32000, messages=50)

    def test_several_workers(self):
        self.echoes("workers", "3", connections=8, window=64, bytes=64, messages=500)

    def test_plain_answers_the_same(self):
        self.echoes("plain", "1", connections=8, window=64, bytes=300, messages=500, ordered=1)
        self.echoes("plain", "1", connections=4, window=4, bytes=32000, messages=50, ordered=1)

    def test_a_full_service_pauses_peers_and_loses_nothing(self):
        for work_us in work_that_takes_longer():
            said = self.echoes("lane_slots", "2", "work_us", work_us, connections=64, messages=20)
            if number(said, "paused") > 0:
                break

    def test_short_memory_pauses_peers_and_loses_nothing(self):
        """A peer that does not read its answers holds all the memory there is, until it reads them."""
        with Server(SERVER, "memory", "1024") as server, connect(server.port()) as peer:
            talker = Talker(peer, lambda i: b"%06d" % i * 300)
            server.line("first pause: HO_FULL")
            heard = 0
            for heard, payload in enumerate(talker.end(), 1):
                self.assertEqual(payload, talker.payload(heard - 1))
            self.assertEqual(heard, talker.said)

    def has_read_all(self, port):
        """The server has read all that came before. What ends the connections here it says at once: that of the first in the turn
        of its loop in which it reads the rest, at the latest; that of the second in a later turn."""
        for _ in range(2):
            with connect(port) as bad:
                bad.sendall(struct.pack("<I", 300000))
                self.assertEqual(hear(bad, 1), b"")

    def test_a_frame_longer_than_a_loan_closes_that_connection_alone(self):
        with Server(SERVER) as server:
            port = server.port()
            other, bad = connect(port), connect(port)
            with other, bad:
                bad.sendall(frame(b"before"))
                self.assertEqual(hear_frame(bad), b"before")
                bad.sendall(struct.pack("<I", 300000))
                self.assertEqual(hear(bad, 1), b"")
                server.line("closed a connection: .*range")
                other.sendall(frame(b"still here"))
                self.assertEqual(hear_frame(other), b"still here")

    def test_a_peer_that_vanishes_while_the_service_has_its_frames_leaves_nothing(self):
        asked = frame(b"one of many")
        for work_us in work_that_takes_longer():
            with Server(SERVER, "work_us", work_us) as server:
                port = server.port()
                peers = [connect(port) for _ in range(20)]
                for peer in peers:
                    peer.sendall(asked + struct.pack("<I", 100) + b"half a frame")
                self.has_read_all(port)
                for peer in peers:
                    vanish(peer)
                self.has_read_all(port)
            said = "\n".join(server.seen)
            gone = number(said, "for peers that had gone")
            self.assertEqual(number(said, "answered") // len(asked) + gone, len(peers))
            if gone > 0 and "left in the middle of a frame" in said:  # and not in a write
                break

    def test_a_stop_answers_what_was_received(self):
        with Server(SERVER, "work_us", "1000") as server:
            peer = connect(server.port())
            peer.sendall(frame(b"x" * 100) * 200)
            self.assertEqual(hear_frame(peer), b"x" * 100)
            server.tell_to_stop()
            heard = 1
            while hear_frame(peer) == b"x" * 100:
                heard += 1
            peer.close()
        self.assertEqual(number("\n".join(server.seen), "answered"), heard * 104)


if __name__ == "__main__":
    main()
