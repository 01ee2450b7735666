#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The Rust binding: builds offline with each installed cargo; its tests pass; its assertions refuse a
# struct that differs from the description; the oldest supported rustc is the same everywhere.
# usage: check_bindings_rust.sh ROOT WORK LIBRARY_DIR...; exit 77: left out
set -u
root=$(cd "${1:?usage: check_bindings_rust.sh ROOT WORK LIBRARY_DIR...}" && pwd) || exit 1
work=${2:?usage: check_bindings_rust.sh ROOT WORK LIBRARY_DIR...}
shift 2
[ $# -gt 0 ] || exit 1
libraries=$(IFS=: && echo "$*")
mkdir -p "$work" || exit 1
cd "$root/bindings/rust" || exit 1

failed=0
problem() {
    echo "rust: $*" >&2
    failed=1
}

# The oldest rustc is Debian 12's, and named alike wherever it is named.
oldest=$(sed -nE 's/^rust-version = "(.*)"$/\1/p' Cargo.toml)
for place in "$root/examples/rust_service/Cargo.toml:rust-version = \"$oldest\"" "$root/bindings/README.md:rustc $oldest and later"; do
    grep -qF "${place#*:}" "${place%%:*}" || problem "${place%%:*} does not say '${place#*:}'"
done

# refuses WHAT SED-SCRIPT EXPECTED: a changed copy of the made file must not compile.
refuses() {
    local what=$1 said
    rm -rf "$work/changed"
    cp -r src "$work/changed"
    sed -i "$2" "$work/changed/abi.rs"
    cmp -s src/abi.rs "$work/changed/abi.rs" && problem "'$2' changes nothing"
    if said=$("$RUSTC" --edition 2021 --crate-type lib --crate-name handoff --emit metadata \
        -o "$work/changed.rmeta" "$work/changed/lib.rs" 2>&1); then
        problem "$what compiles"
    elif [[ $said != *"$3"* ]]; then
        problem "$what: expected '$3': $said"
    fi
}

attacks='attack 1: the ogre has 70 left
attack 2: the bat has 5 left
attack 3: the ogre dies
attack 4: refused, its target is gone
attack 5: the bat has 4 left
1 left'

# with FOLDER: checks with the cargo and the rustc there.
with() {
    local version said
    export RUSTC=$1/rustc RUSTDOC=$1/rustdoc
    version=$("$RUSTC" --version | cut -d' ' -f2)
    export CARGO_TARGET_DIR=$work/$version CARGO_NET_OFFLINE=true RUSTFLAGS=-Dwarnings
    "$1/cargo" build --locked --quiet || problem "$version: cargo build fails"
    LIBRARY_PATH=$libraries LD_LIBRARY_PATH=$libraries "$1/cargo" test --locked --quiet ||
        problem "$version: cargo test fails"
    said=$(LIBRARY_PATH=$libraries LD_LIBRARY_PATH=$libraries "$1/cargo" run --locked --quiet \
        --example attacks 2>&1)
    [ "$said" = "$attacks" ] || problem "$version: the example says: $said"
    refuses "a field of another size" 's/pub align_log2: u8/pub align_log2: u16/' ho_buf
    refuses "a field at another offset" 's/^    service 44 2,/    service 40 2,/' \
        'ho_buf.service: offset'
    refuses "swapped fields" '/pub struct ho_buf/,/^}/{
        s/pub value:/pub swap:/; s/pub cap:/pub value:/; s/pub swap:/pub cap:/}' 'ho_buf.value: offset'
    refuses "an array of another length" 's/pub oldest: \[u64; 3\]/pub oldest: [u32; 6]/
        s/^    oldest 40 24/    oldest 40 20/' 'ho_outstanding.oldest: size'
    echo "rust: $version: done"
}

toolchains=$(for cargo in $(type -ap cargo) /usr/bin/cargo; do
    [ -x "$cargo" ] && [ -x "${cargo%/*}/rustc" ] && realpath "${cargo%/*}"
done | awk '!seen[$0]++')
if [ -z "$toolchains" ]; then
    echo "rust: left out: cargo and rustc are not here: scripts/setup installs them"
    exit 77
fi
for folder in $toolchains; do
    with "$folder"
done
exit $failed
