#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import unittest

from example import Server, main
from stream_server import StreamServer


class AsioSession(StreamServer, unittest.TestCase):
    def started(self, *words):
        return Server("asio_session", *words)


if __name__ == "__main__":
    main()
