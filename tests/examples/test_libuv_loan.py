#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import struct
import threading
import unittest

from example import Server, connect, frame, hear, hear_frame, main, run_client, vanish

SERVER = "libuv_loan"


def number(text, words):
    """The number behind the words, in what the server said at its end."""
    return int(text.split(words + " ")[1].split()[0].rstrip(","))


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
        said = self.echoes("lane_slots", "2", "work_us", "2000", connections=64, messages=20)
        self.assertGreater(number(said, "paused"), 0)

    def test_short_memory_pauses_peers_and_loses_nothing(self):
        """A peer that does not read its answers holds all the memory there is, until it reads them."""
        payloads = [b"%06d" % i * 300 for i in range(8000)]
        with Server(SERVER, "memory", "1024") as server, connect(server.port()) as peer:
            said = threading.Thread(target=peer.sendall, args=[b"".join(map(frame, payloads))])
            said.start()
            server.line("first pause: HO_FULL")
            for payload in payloads:
                self.assertEqual(hear_frame(peer), payload)
            said.join()

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
        with Server(SERVER, "work_us", "20000") as server:
            port = server.port()
            for _ in range(60):
                gone = connect(port)
                gone.sendall(asked + struct.pack("<I", 100) + b"half a frame")
                vanish(gone)
            server.line("left in the middle of a frame")
        said = "\n".join(server.seen)
        self.assertGreater(number(said, "for peers that had gone"), 0)
        answered = number(said, "answered") // len(asked)
        self.assertLessEqual(answered + number(said, "for peers that had gone"), 60)

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
