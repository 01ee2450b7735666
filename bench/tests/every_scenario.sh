#!/bin/sh
# SPDX-License-Identifier: MIT
# Plays every scenario of one contestant for a moment: what was sent came, unchanged, all of it.
# usage: every_scenario.sh PROGRAM
set -eu
messages=1024

played=0
for scenario in $("$1" --list); do
    [ "$scenario" = raid ] && continue # its messages are counted in time: below
    line=$("$1" "$scenario" --messages $messages | tail -n 1)
    senders=1
    [ "$scenario" = many ] && senders=4
    wanted=$((senders * messages))
    case $line in
    *"\"scenario\":\"$scenario\",\"sent\":$wanted,\"received\":$wanted,\"intact\":1,"*) ;;
    *)
        echo "every_scenario: $1 $scenario: not $wanted messages, sent, received and intact: $line" >&2
        exit 1
        ;;
    esac
    played=$((played + 1))
done
# What the raid could send came, unchanged, and the rest was counted as lost.
if "$1" --list | grep -qx raid; then
    line=$("$1" raid --ms 400)
    echo "$line" | grep -Eq '"sent":([0-9]+),"received":\1,"intact":1,.*"lost":[0-9]+,' || {
        echo "every_scenario: $1 raid: $line" >&2
        exit 1
    }
fi
[ "$played" -gt 0 ]
echo "$played scenarios"
