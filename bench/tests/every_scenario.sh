#!/bin/sh
# SPDX-License-Identifier: MIT
# Plays every scenario of one contestant for a moment: what was sent came, unchanged, all of it.
# usage: every_scenario.sh PROGRAM
set -eu
messages=1024

played=0
for scenario in $("$1" --list); do
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
[ "$played" -gt 0 ]
echo "$played scenarios"
