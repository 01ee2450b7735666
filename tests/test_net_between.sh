#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Gateway and load on two machines: two network namespaces connected by a veth pair. Then the link loses,
# delays and reorders: by netem if the kernel has it, and always by a relay.
# usage: test_net_between.sh GATEWAY LOAD; exit 77: left out
set -eu
gateway=$1 load=$2
here=$(cd "$(dirname "$0")" && pwd)

if [ "${NET_BETWEEN_INSIDE-}" != 1 ]; then
    why=$(unshare --map-root-user --net sh -c \
        'ip link add near type veth peer name far && ip link set near up' 2>&1) || {
        echo "between: left out: no network namespace with a veth can be made here: ${why##*$'\n'}"
        exit 77
    }
    NET_BETWEEN_INSIDE=1 exec unshare --map-root-user --net "$0" "$@"
fi

folder=$(mktemp -d)
other='' gateway_pid='' relay=''
trap 'kill $other $gateway_pid $relay 2>/dev/null || true; rm -rf "$folder"' EXIT

fail() {
    echo "between: $*" >&2
    cat "$folder"/load* "$folder"/gateway* >&2
    exit 1
}

# The other machine, which is there as long as this process.
mkfifo "$folder/hold"
unshare --net sh -c "echo >'$folder/hold'; exec sleep 3600" &
other=$!
read -r <"$folder/hold"

ip link add near type veth peer name far
ip link set far netns "$other"
far() { nsenter --net="/proc/$other/ns/net" "$@"; }
ip address add 10.77.0.1/24 dev near
ip link set lo up
ip link set near up
far ip address add 10.77.0.2/24 dev far
far ip link set lo up
far ip link set far up
listens_at="10.77.0.1:0 0.0.0.0:0"
if [ -e /proc/net/if_inet6 ]; then
    ip address add fd77::1/64 dev near nodad
    far ip address add fd77::2/64 dev far nodad
    listens_at="$listens_at [fd77::1]:0"
else
    echo "between: IPv6 is left out: this kernel has it not"
fi

# listens LISTEN TRANSPORT: sets address, and gateway_pid
listens() {
    : >"$folder/gateway" # what the one before said
    "$gateway" --listen "$1" --transport "$2" --workers 2 --json "$folder/gateway.json" \
        >"$folder/gateway" 2>"$folder/gateway.err" &
    gateway_pid=$!
    address=
    for _ in $(seq 2400); do
        address=$(sed -n 's/^handoff-gateway: listening on [a-z]* //p' "$folder/gateway")
        [ -z "$address" ] || break
        sleep 0.05
    done
    [ -n "$address" ] || fail "the gateway does not listen on $1"
    grep -q 'warning: .* can be reached from other machines' "$folder/gateway.err" ||
        fail "no warning about $1"
}

ends() {
    kill -TERM "$gateway_pid"
    wait "$gateway_pid" || fail "the gateway ended with $?"
    gateway_pid=
}

# plays STATUS TARGET TRANSPORT OPTION...: from the other machine
plays() {
    local expected=$1 target=$2 status=0 grace=120
    shift 2
    [ "$expected" = 0 ] || grace=20 # for answers that never come
    far "$load" --target "$target" --sessions 10 --rate 500 --seconds 2 --grace "$grace" --json "$folder/load.json" \
        --transport "$@" >"$folder/load" 2>"$folder/load.err" || status=$?
    [ "$status" = "$expected" ] || fail "the load ended with $status and not $expected: $target $*"
    grep -q "warning: .* is not the loopback" "$folder/load.err" || fail "no warning about $target"
}

# figure NAME: of the load
figure() { sed -nE "s/.*\"$1\":([0-9.]+).*/\1/p" "$folder/load.json"; }

# What a network does to datagrams is told as that: answers are missing or late, none is wrong.
suffers() {
    grep -q 'did not answer' "$folder/load.err" || fail "nothing was lost: $1"
    [ "$(figure corrupt)" = 0 ] || fail "$(figure corrupt) answers are said to be wrong: $1"
    [ "$(figure reordered)" -gt 0 ] || fail "nothing was reordered: $1"
    [ "$(figure answered)" -gt 0 ] || fail "nothing was answered: $1" # how many: the machine's speed
    echo "between: $1: $(figure answered) of 1000 answered, $(figure reordered) reordered"
}

for transport in udp tcp; do
    for listen in $listens_at; do
        listens "$listen" "$transport"
        target=$address
        [ "$listen" != 0.0.0.0:0 ] || target=10.77.0.1:${address##*:}
        plays 0 "$target" "$transport"
        [ "$(figure answered)" = 1000 ] || fail "$(figure answered) of 1000 were answered"
        ends
    done
done
plays 2 10.77.0.1:9 udp
grep -q 'nobody listens on 10.77.0.1:9' "$folder/load.err" || fail "nobody listens, and it is not told"
plays 2 10.77.0.1:9 tcp
grep -q 'nobody listens on 10.77.0.1:9' "$folder/load.err" || fail "nobody listens, and it is not told"

# A bad network, as a program on the gateway's machine.
listens 10.77.0.1:0 udp
python3 "$here/bad_network.py" 10.77.0.1 "$address" >"$folder/relay" &
relay=$!
until [ -s "$folder/relay" ]; do sleep 0.05; done
plays 1 "$(cat "$folder/relay")" udp
suffers "relay"
ends

why=$(far tc qdisc add dev far root netem delay 25ms 20ms loss 2% reorder 20% 2>&1) || {
    echo "between: netem is left out: this kernel has it not: ${why##*$'\n'}"
    exit 0
}
tc qdisc add dev near root netem delay 25ms 20ms loss 2% reorder 20%
listens 10.77.0.1:0 udp
plays 1 "$address" udp
suffers "netem"
ends
listens 10.77.0.1:0 tcp
plays 0 "$address" tcp
ends
