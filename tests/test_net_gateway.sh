#!/bin/sh
# SPDX-License-Identifier: MIT
# A short load through the gateway: every message gets its right answer, and nothing is left out.
# usage: test_net_gateway.sh GATEWAY LOAD TRANSPORT HANDOFF
set -eu
gateway=$1 load=$2 transport=$3 handoff=$4

folder=$(mktemp -d)
trap 'kill "$pid" 2>/dev/null || true; rm -rf "$folder"' EXIT
"$gateway" --transport "$transport" --handoff "$handoff" --network-threads 2 --workers 2 \
    --json "$folder/gateway.json" >"$folder/out" &
pid=$!
address=
tries=0
while [ -z "$address" ]; do
    tries=$((tries + 1))
    [ $tries -le 200 ] || { echo "the gateway does not listen"; exit 1; }
    sleep 0.05
    address=$(sed -n 's/^handoff-gateway: listening on [a-z]* //p' "$folder/out")
done
"$load" --transport "$transport" --target "$address" --sessions 300 --rate 3000 --seconds 1
kill -TERM "$pid"
wait "$pid"
cat "$folder/out"

# The handoff moves no byte; strings move every byte twice each way.
copies=0
[ "$handoff" = handoff ] || copies=12000
for field in '"received":3000' '"answered":3000' '"dropped":0' "\"copies\":$copies" \
    '"late_wakes":0' '"outstanding":0' '"conserved":1'; do
    grep -q "$field[,}]" "$folder/gateway.json" || {
        echo "expected $field in:"
        cat "$folder/gateway.json"
        exit 1
    }
done
