#!/bin/sh
# SPDX-License-Identifier: MIT
# A gateway whose sessions do not fit into memory says so in one line, and ends.
# usage: test_gateway_memory.sh GATEWAY HANDOFF
set -u
gateway=$1 handoff=$2

case $handoff in
handoff) more='' or='' ;; # the workers share their service's sessions
strings) more='--workers 8' or=' or --workers' ;;
none) more='--network-threads 8' or=' or --network-threads' ;;
esac
ulimit -v 5000000
said=$(timeout 20 "$gateway" --handoff "$handoff" --sessions 16000000 $more 2>&1)
status=$?
echo "$said"
[ $status = 1 ] && [ "$said" = \
    "handoff-gateway: no memory for the sessions: lower --sessions$or" ]
