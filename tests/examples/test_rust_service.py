#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import test_echo_server
from example import main


class RustService(test_echo_server.EchoServer):
    command = ("rust_server",)


if __name__ == "__main__":
    main()
