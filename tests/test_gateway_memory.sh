#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A gateway without memory for its sessions' pools says so in one line, and exits.
# usage: test_gateway_memory.sh GATEWAY
set -u
gateway=$1

ulimit -v 5500000 # a domain reserves most of it
said=$(timeout 60 "$gateway" --sessions 16000000 2>&1)
status=$?
echo "$said"
[ $status = 1 ] && [ "$said" = \
    "handoff-gateway: no memory for the sessions: lower --sessions" ]
