#!/bin/sh
# SPDX-License-Identifier: MIT
# A gateway whose sessions do not fit into memory says so in one line, and ends.
# usage: test_gateway_memory.sh GATEWAY HANDOFF
set -u
gateway=$1 handoff=$2

more='--workers 8'
[ "$handoff" != none ] || more='--network-threads 8'
ulimit -v 6000000
said=$(timeout 20 "$gateway" --handoff "$handoff" --sessions 16000000 $more 2>&1)
status=$?
echo "$said"
[ $status = 1 ] && [ "$said" = \
    "handoff-gateway: no memory for the sessions: lower --sessions or ${more% 8}" ]
