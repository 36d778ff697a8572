# What the tools that prove the log share. Sourced by them; not a command of its own.
# shellcheck shell=bash

# shellcheck source=Tools/setup.sh
. Tools/setup.sh

# The comment at the head of the script.
usage() { awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"; }

# Builds varve-proof for release, the log's part of the package alone, unless $VARVE_PROOF names one
# that is built; sets `proof` to its path.
build_proof() {
    proof=${VARVE_PROOF:-}
    if [[ -n $proof ]]; then return; fi
    local build=(env VARVE_PART=log swift build -c release --product varve-proof
        --scratch-path .build/proof)
    "${build[@]}" >&2 || die "the build failed"
    # shellcheck disable=SC2034  # for the scripts that source this
    proof=$("${build[@]}" --show-bin-path)/varve-proof
}

need_root() {
    (($(id -u) == 0)) || die "this needs root, for loop devices and mounts"
}

# loop_device FILE: attaches FILE to a loop device and prints that device.
loop_device() {
    losetup --find --show "$1" || die "no loop device can be had here: $1"
}
