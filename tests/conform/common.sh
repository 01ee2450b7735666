# SPDX-License-Identifier: MIT
# To be sourced.
set -u
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

fail() {
    echo "conform: $*" >&2
    exit 1
}

# The groups in which something failed, as one line.
failed_groups() {
    sed -nE 's/^not ok [0-9]+ - ([a-z]+): .*/\1/p' "$1" | sort -u | tr '\n' ' '
}
