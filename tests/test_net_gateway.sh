#!/bin/sh
# SPDX-License-Identifier: MIT
# A short load through the gateway: every message gets the right answer, and nothing is skipped.
# usage: test_net_gateway.sh GATEWAY LOAD TRANSPORT HANDOFF [OPTION...]
set -eu
load_pid=
gateway=$1 load=$2 transport=$3 handoff=$4
shift 4

folder=$(mktemp -d)
trap 'kill "$pid" $load_pid 2>/dev/null || true; rm -rf "$folder"' EXIT
workers='--workers 2'
[ "$handoff" != none ] || workers=
"$gateway" --transport "$transport" --handoff "$handoff" --network-threads 2 $workers "$@" \
    --json "$folder/gateway.json" >"$folder/out" &
pid=$!
address=
tries=0
while [ -z "$address" ]; do
    tries=$((tries + 1))
    [ $tries -le 2400 ] || { echo "the gateway does not listen"; exit 1; }
    sleep 0.05
    address=$(sed -n 's/^handoff-gateway: listening on [a-z]* //p' "$folder/out")
done
"$load" --transport "$transport" --target "$address" --sessions 300 --rate 3000 --seconds 1 \
    --grace 120 &
load_pid=$!
# While all is open: what would a program inherit that one of them starts, beyond what this shell has?
while kill -0 "$load_pid" 2>/dev/null; do
    grep -H '^flags:' /proc/"$pid"/fdinfo/* /proc/"$load_pid"/fdinfo/* 2>/dev/null |
        while IFS=:' 	' read -r info flags; do
            flags=${flags##*[!0-7]}
            fd=${info##*/}
            file=$(readlink "${info%info/*}/$fd") || continue
            [ $((flags & 02000000)) -ne 0 ] || [ "$file" = "$(readlink "/proc/$$/fd/$fd")" ] ||
                echo "$info is not close-on-exec: $file"
        done >>"$folder/inherited"
    sleep 0.1
done
wait "$load_pid"
kill -TERM "$pid"
wait "$pid"
cat "$folder/out"
if grep -v '/fdinfo/[012] ' "$folder/inherited"; then
    exit 1
fi

# Strings move every byte twice each way; the others move none.
copies=0
states=0 # in pools: handoff alone
[ "$handoff" != handoff ] || states='[1-9][0-9]*'
[ "$handoff" != strings ] || copies=12000
for field in '"received":3000' '"answered":3000' '"dropped":0' "\"copies\":$copies" \
    '"worker_handled":3000' '"late_wakes":0' '"outstanding":0' '"conserved":1' \
    '"sessions_begun":[89][0-9][0-9]' '"sessions_ended":0' '"sessions_refused":0' \
    '"sessions_stale":0' "\"session_peak_bytes\":$states"; do
    grep -q "${field}[,}]" "$folder/gateway.json" || {
        echo "expected $field in:"
        cat "$folder/gateway.json"
        exit 1
    }
done

# Its network threads answer by themselves.
if [ "$handoff" = none ]; then
    said=$(timeout 120 "$gateway" --handoff none --workers 2 2>&1) && exit 1
    [ "$said" = "handoff-gateway: --handoff none has no workers: leave --workers out" ]
fi
