#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The Debian packages: lintian finds no errors, dpkg installs them into a separate root, programs build and
# run from there, the shared library's package is enough to run them, and removal leaves nothing.
# usage: check_packages.sh SOURCE_DIR; exit 77: left out
set -eu
source=$(cd "${1:?usage: check_packages.sh SOURCE_DIR}" && pwd)

command -v dpkg-shlibdeps >/dev/null || {
    echo "packages: left out: dpkg-shlibdeps is not here: scripts/setup installs it on Debian"
    exit 77
}
export CMAKE_GENERATOR=Ninja PATH=$PATH:/usr/sbin:/sbin # where dpkg looks for ldconfig
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
log=$scratch/log
# shellcheck source-path=SCRIPTDIR source=users.sh
. "$source/tests/install/users.sh"

# As packaging/README.md says it; twice, at one date.
export SOURCE_DATE_EPOCH=1700000000
run cmake -S "$source" --preset package -B "$scratch/build"
run cmake --build "$scratch/build" -j "$(nproc)"
for folder in made again; do
    run cpack --config "$scratch/build/CPackConfig.cmake" -B "$scratch/$folder"
    rm -r "$scratch/$folder/_CPack_Packages"
done
run diff -r "$scratch/made" "$scratch/again"

# Whoever publishes them sets one variable.
somebody="Some Body <some.body@example.org>"
run cmake "$scratch/build" -DHANDOFF_MAINTAINER="$somebody"
run cpack --config "$scratch/build/CPackConfig.cmake" -B "$scratch/named"
for deb in "$scratch"/named/*.deb; do
    [ "$(dpkg-deb -f "$deb" Maintainer)" = "$somebody" ] || fail "$deb has another maintainer"
    dpkg-deb --fsys-tarfile "$deb" | tar -xO --wildcards './usr/share/doc/*/changelog.Debian.gz' |
        gzip -dc | grep -qF " -- $somebody  " || fail "$deb: its changelog has another maintainer"
done
cd "$scratch/made"

version=$(sed -nE 's/^ +VERSION ([0-9.]+)$/\1/p' "$source/CMakeLists.txt")
minor=${version%.*}
next=${minor%.*}.$((${minor#*.} + 1))
major=${version%%.*}
runtime=(libhandoff"$major"_*.deb) dev=(libhandoff-dev_*.deb) tools=(handoff-tools_*.deb)
if command -v lintian >/dev/null; then
    allow_root=
    [ "$(id -u)" != 0 ] || allow_root=--allow-root
    # shellcheck disable=SC2086 # one option or none
    run lintian --fail-on error $allow_root ./*.deb
else
    echo "packages: left out: lintian is not here: scripts/setup installs it"
fi

# A root that knows the packages of this system, so that what ours depend on must be right.
root=$scratch/root
mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates"
cp /var/lib/dpkg/status "$root/var/lib/dpkg/status"
as_root=
[ "$(id -u)" = 0 ] || as_root=fakeroot
to_root() {
    $as_root dpkg --root="$root" --log="$scratch/dpkg.log" "$@"
}
to_root -i "${dev[0]}" >"$log" 2>&1 && fail "libhandoff-dev was installed without libhandoff$major"
run to_root --purge --force-depends libhandoff-dev
run to_root -i "${runtime[0]}" "${dev[0]}" "${tools[0]}"

# Each file of an install is in one package. The licence is in "copyright".
run cmake --install "$scratch/build" --prefix "$scratch/all/usr"
files() {
    (cd "$1/usr" && find . ! -type d ! -name LICENSE ! -path './share/doc/*/copyright' \
        ! -path './share/doc/*/changelog.Debian.gz' | sed -E 's,(/man/.*)\.gz$,\1,' | sort)
}
files "$root" >"$scratch/packaged"
files "$scratch/all" >"$scratch/installed"
run diff "$scratch/installed" "$scratch/packaged"
for package in "libhandoff$major" libhandoff-dev handoff-tools; do
    [ -s "$root/usr/share/doc/$package/copyright" ] || fail "$package has no copyright file"
done

library=$(find "$root/usr/lib" -name "libhandoff.so.$version")
libs=$(dirname "${library:?no libhandoff.so.$version in the packages}")
readelf -d "$library" | grep -q "SONAME.*\[libhandoff\.so\.$major\]" || fail "$library has another SONAME"
wanted="libhandoff $major libhandoff$major (>= $minor), libhandoff$major (<< $next~)"
[ "$(dpkg-deb -I "${runtime[0]}" shlibs)" = "$wanted" ] ||
    fail "a program that links libhandoff would not depend on $wanted"

use_installed "$source/tests/install" "$root/usr" "$libs"

# The examples build and work from where they were installed.
for example in echo_server echo_client; do
    run cmake -S "$root/usr/share/doc/handoff/examples/$example" -B "$scratch/$example" -DCMAKE_PREFIX_PATH="$root/usr"
    run cmake --build "$scratch/$example"
done
"$scratch/echo_server/echo_server" >"$scratch/said" &
server=$!
trap 'kill $server; rm -rf "$scratch"' EXIT
until port=$(sed -nE 's/^tcp listening on .*:([0-9]+)$/\1/p' "$scratch/said") && [ -n "$port" ]; do
    kill -0 $server || fail "echo_server ended: $(cat "$scratch/said")"
    sleep 0.1
done
run "$scratch/echo_client/echo_client" tcp "$port" messages 1000
run python3 "$root/usr/share/doc/handoff/examples/echo_client/echo_client.py" tcp "$port" 4 1000
kill $server
trap 'rm -rf "$scratch"' EXIT
wait $server || fail "echo_server exited with $?: $(cat "$scratch/said")"

# To run them, the shared library's package is enough; tools come without -dev.
run to_root --purge libhandoff-dev
for path in "$root/usr/include/handoff" "$libs/libhandoff.so"; do
    [ ! -e "$path" ] || fail "$path is there without libhandoff-dev"
done
for program in "${programs[@]}"; do
    LD_LIBRARY_PATH=$libs run "$program"
done
for tool in gateway load conform; do
    ! readelf -dW "$root/usr/bin/handoff-$tool" | grep -E 'RPATH|RUNPATH' ||
        fail "handoff-$tool looks for libraries where the system does not (above)"
    LD_LIBRARY_PATH=$libs run "$root/usr/bin/handoff-$tool" --version
done
LD_LIBRARY_PATH=$libs run "$root/usr/bin/handoff-conform" --only symbols
run to_root --purge handoff-tools "libhandoff$major"
left=$(find "$root" -path "$root/var" -prune -o ! -type d -print)
[ -z "$left" ] || fail "after purging there is still: $left"
echo "packages: ${#programs[@]} programs built from the packages and run"
