#!/bin/bash
# Gets the Go clients that Debian does not package, and KafkaJS, by the hashes of their commits,
# into a GOPATH of their own. Never fails: the tests say what they miss.
#
#     Tests/Interop/go/clients.sh DIRECTORY
set -uo pipefail
gopath=${1:?"a directory"}
isAway=

# get IMPORT-PATH TAG COMMIT: the sources of github.com/... as they were at that commit.
get() {
    local directory=$gopath/src/$1 url=https://$1
    [[ $(cat "$directory/.commit" 2>/dev/null) == "$3" ]] && return 0
    # One that cannot be had tells of the others: waiting for each would take minutes.
    [[ -z $isAway ]] || return 0
    rm -rf "$directory"
    mkdir -p "$directory"
    if git -C "$directory" init --quiet &&
        GIT_TERMINAL_PROMPT=0 timeout 60 git -C "$directory" fetch --quiet --depth 1 "$url" "$3" &&
        git -C "$directory" -c advice.detachedHead=false checkout --quiet FETCH_HEAD; then
        rm -rf "$directory/.git"
        printf '%s' "$3" >"$directory/.commit"
        echo "   $1 $2"
    else
        rm -rf "$directory"
        isAway=1
        echo "   ! cannot be had: $1 $2 and what is missing after it" >&2
    fi
}

get github.com/twmb/franz-go v1.16.1 c5207aab16d02a4ec6961b47d4b11e9fc71d8228
get github.com/segmentio/kafka-go v0.4.47 2af3101bdba0698ff97117cd2b0051510d996df7
get github.com/pierrec/lz4 v4.1.19 a0f6c5e4be7afda8aa9154f2b85ee64e9c3c5008
get github.com/tulios/kafkajs v2.2.4 c08472878724ce5fc62a9a9aa865255d7e7682a6
get github.com/IBM/sarama v1.43.3 a46c78d8078332141d3c7e9a6c6cc22e14af0f74
