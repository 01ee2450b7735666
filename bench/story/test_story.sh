#!/bin/sh
# SPDX-License-Identifier: MIT
# Plays each part of the story for a moment: what was sent came, unchanged, all of it; whoever takes no
# lock is seen to take none.
# usage: test_story.sh PROGRAM LOCKS yes|no (whether it takes locks)
set -eu

# play PATTERN WORD...: the line that the program prints must match
play() {
    wanted=$1
    shift
    line=$("$@") # and it must end well: what is not given back shows at the end
    line=$(echo "$line" | tail -n 1)
    echo "$line" | grep -Eq "$wanted" || {
        echo "test_story: $*: no '$wanted': $line" >&2
        exit 1
    }
}

all_came='"sent":([1-9][0-9]*),"received":\1,"intact":1'
play "$all_came" "$1" raid 2000 700
play "$all_came" "$1" threads 2 3
play '"sent":22000,"received":22000,"intact":1' "$1" objects 2
if [ "$(uname -m)" = x86_64 ]; then
    play '"steps_most":[1-9].*"sent":200,"received":200,"intact":1' "$1" steps 200 50
fi

locks='"locks_per_second":[1-9]'
[ "$3" = yes ] || locks='"locks_per_second":0,"contended_per_second":0,'
play "$locks" env LD_PRELOAD="$2" "$1" raid 2000 700
