#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import subprocess
import unittest

from example import PATIENCE, Server, built, main, number, work_that_takes_longer

SERVER = "grpc_give"


def talk(port, *early, **options):
    """Runs the client to its end; every answer must have come, and be right."""
    words = [str(word) for option in options.items() for word in option]
    done = subprocess.run([built / "grpc_client", str(port), *words, *early], timeout=PATIENCE,
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise AssertionError(f"the client exited with {done.returncode}: {done.stdout}")


class GrpcGive(unittest.TestCase):
    def calls(self, *options, **how):
        with Server(SERVER, *options) as server:
            talk(server.port(), **how)
        return "\n".join(server.seen)

    def test_calls_are_answered(self):
        said = self.calls(window=16, bytes=300, messages=500)
        self.assertEqual(number(said, "answered"), 500)

    def test_a_request_longer_than_any_loan_is_given_all_the_same(self):
        self.calls(window=2, bytes=100000, messages=33)

    def test_plain_answers_the_same(self):
        self.calls("plain", "1", window=16, bytes=300, messages=500)

    def test_a_full_service_refuses_and_the_client_hears_why(self):
        for work_us in work_that_takes_longer():
            said = self.calls("lane_slots", "2", "work_us", work_us, window=64, bytes=64,
                              messages=200)
            self.assertEqual(number(said, "answered"), 200)
            if number(said, "refused") > 0:
                break

    def test_a_client_that_vanishes_while_the_service_has_its_calls_leaves_nothing(self):
        for work_us in work_that_takes_longer():
            with Server(SERVER, "work_us", work_us) as server:
                talk(server.port(), "vanish", window=64, bytes=64, messages=64)
            said = "\n".join(server.seen)
            self.assertGreater(number(said, "answered"), 0)
            if number(said, "for clients that had gone") > 0:
                break


if __name__ == "__main__":
    main()
