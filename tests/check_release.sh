#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# scripts/release in a scratch repository with stand-ins for the checks: what it refuses, that a dry run and a
# failed check change nothing, and what a release contains.
# usage: check_release.sh SOURCE_DIR; exit 77: left out
set -eu
source=$(cd "${1:?usage: check_release.sh SOURCE_DIR}" && pwd)
command -v git >/dev/null || {
    echo "release: left out: git is not here: scripts/setup installs it"
    exit 77
}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
export GIT_AUTHOR_NAME=tester GIT_AUTHOR_EMAIL=tester@test.invalid GIT_COMMITTER_NAME=tester GIT_COMMITTER_EMAIL=tester@test.invalid
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE

fail() {
    echo "release: $*" >&2
    exit 1
}

repo=$scratch/repo
git init -q -b main "$repo"
cd "$repo"
mkdir scripts
cp "$source/scripts/release" scripts
cp "$source/CMakeLists.txt" "$source/.gitignore" .
version=$(sed -nE 's/^ +VERSION ([0-9.]+)$/\1/p' CMakeLists.txt)
printf '# Changes\n\n## %s, unreleased\n\nThe first version.\n' "$version" >CHANGELOG.md
stand_in() {
    printf '#!/bin/sh\necho "%s $*" >>"%s/calls"\n%s\n' "$1" "$scratch" "$2" >"scripts/$1"
    chmod +x "scripts/$1"
}
stand_in check :
stand_in test :
# shellcheck disable=SC2016 # for the script
stand_in keep-abi 'mkdir -p "tests/abi/$1"; echo kept >"tests/abi/$1/kept"'
git add -A
git commit -q -m first

state() {
    git rev-parse HEAD
    git for-each-ref
    git status --porcelain
    git worktree list
}

# refuses TEXT [ARGUMENT...]: says this, and changes nothing.
refuses() {
    local text=$1 before
    shift
    before=$(state)
    scripts/release "$@" >"$scratch/out" 2>&1 && fail "was not refused: $*"
    grep -qF -- "$text" "$scratch/out" || fail "expected '$text': $(cat "$scratch/out")"
    [ "$(state)" = "$before" ] || fail "changed something though refused: $*"
}

refuses "is not a version such as"
refuses "is not a version such as" 1.2
refuses "unknown option '--force'" "$version" --force
refuses "CMakeLists.txt does not have version 99.0.0" 99.0.0
echo >stray
refuses "the tree has changes" "$version"
rm stray
sed -i 's/, unreleased/, soon/' CHANGELOG.md
git commit -qam soon
refuses "does not start with '## $version, unreleased'" "$version"
printf '# Changes\n\n## %s, unreleased\n\n## 0.0.1, 2020-01-01\n\nOld.\n' "$version" >CHANGELOG.md
git commit -qam empty
refuses "says nothing about $version" "$version"
git reset -q --hard HEAD~2
git tag "v$version"
refuses "tag v$version exists" "$version"
git tag -d "v$version" >/dev/null
for name in check test; do
    stand_in "$name" 'exit 1'
    git commit -qam "$name fails"
    refuses "scripts/$name failed" "$version"
    git reset -q --hard HEAD~1
done

before=$(state)
scripts/release "$version" --dry-run >"$scratch/out" 2>&1 || fail "the dry run failed: $(cat "$scratch/out")"
[ "$(state)" = "$before" ] || fail "the dry run changed something"
tarball=build/dist/handoff-$version.tar.gz
tar -tzf "$tarball" | grep -qx "handoff-$version/CHANGELOG.md" || fail "the dry run's tarball lacks CHANGELOG.md"

rm "$scratch/calls"
scripts/release "$version" >"$scratch/out" 2>&1 || fail "failed: $(cat "$scratch/out")"
printf '%s\n' "keep-abi ${version%.*}" "check " "test --preset asan --preset tsan" | diff - "$scratch/calls" ||
    fail "did not keep the ABI and run the checks (above)"
[ "$(git cat-file -t "v$version")" = tag ] || fail "v$version is no annotated tag"
[ "$(git rev-parse "v$version^{commit}")" = "$(git rev-parse main)" ] || fail "the tag is not on main"
[ "$(git log -1 --format=%s)" = "release: $version" ] || fail "the commit is '$(git log -1 --format=%s)'"
grep -qxE "## $version, [0-9]{4}-[0-9]{2}-[0-9]{2}" CHANGELOG.md || fail "the entry is not dated"
[ -e "tests/abi/${version%.*}/kept" ] || fail "the ABI was not kept"
[ -z "$(git status --porcelain)" ] || fail "the tree has changes: $(git status --short)"
[ "$(git worktree list | wc -l)" = 1 ] || fail "a work tree is left"

# Anybody who packs the tag gets the same bytes.
git clone -q "$repo" "$scratch/other"
git -C "$scratch/other" archive --prefix="handoff-$version/" "v$version" | gzip -9n | cmp - "$tarball" ||
    fail "the tarball is not what the tag packs to"
refuses "tag v$version exists" "$version"
echo "release: v$version was cut"
