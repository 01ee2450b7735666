#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import subprocess
import unittest

from example import PATIENCE, Server, built, main, number, work_that_takes_longer

SERVER = "enet_give"


def talk(port, *early, **options):
    """Runs the client to its end; every answer must have come, right and in order."""
    words = [str(word) for option in options.items() for word in option]
    done = subprocess.run([built / "enet_client", str(port), *words, *early], timeout=PATIENCE,
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise AssertionError(f"the client exited with {done.returncode}: {done.stdout}")


class EnetGive(unittest.TestCase):
    def echoes(self, *options, **how):
        with Server(SERVER, *options) as server:
            talk(server.port(), **how)
        return "\n".join(server.seen)

    def test_packets_come_back_in_order(self):
        said = self.echoes(peers=4, window=32, bytes=100, messages=500)
        self.assertEqual(number(said, "answered"), 2000)

    def test_a_packet_longer_than_any_loan_is_given_all_the_same(self):
        self.echoes(peers=1, window=1, bytes=50000, messages=17)

    def test_plain_answers_the_same(self):
        self.echoes("plain", "1", peers=4, window=32, bytes=100, messages=500)

    def test_a_full_service_pauses_peers_and_loses_nothing(self):
        for work_us in work_that_takes_longer(first_us=50):
            said = self.echoes("lane_slots", "4", "work_us", work_us, peers=4, window=200, bytes=40, messages=1000)
            self.assertEqual(number(said, "answered"), 4000)
            if number(said, "paused") > 0:
                break

    def test_a_peer_that_leaves_while_the_service_has_its_packets_leaves_nothing(self):
        for work_us in work_that_takes_longer():
            with Server(SERVER, "work_us", work_us) as server:
                talk(server.port(), "leave", window=200, bytes=16, messages=200)
            if number("\n".join(server.seen), "for peers that had gone") > 0:
                break

    def test_a_peer_that_vanishes_leaves_nothing(self):
        with Server(SERVER, "work_us", "1000") as server:
            talk(server.port(), "vanish", window=200, bytes=16, messages=200)


if __name__ == "__main__":
    main()
