# What Tools/quickstart and Tools/test share: messages, and installing what is missing.
# Sourced by them; not a command of its own.
# shellcheck shell=bash

# A heading that a person can follow.
section() { printf '\n== %s\n' "$*"; }
say() { printf '   %s\n' "$*"; }
warn() { printf '   ! %s\n' "$*" >&2; }
die() {
    printf '\n%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# Seconds as "75 s" or "3 min 05 s".
duration() {
    if (($1 < 100)); then printf '%d s' "$1"; else printf '%d min %02d s' $(($1 / 60)) $(($1 % 60)); fi
}

has_package() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q '^install ok installed'; }

# install_packages PACKAGE...: installs those that are missing, if this user may and a mirror
# answers. Never fails: whoever needs a package looks for what it brings.
install_packages() {
    local missing=() package sudo=()
    for package in "$@"; do has_package "$package" || missing+=("$package"); done
    if ((${#missing[@]} == 0)); then
        say "all Debian packages are there"
        return 0
    fi
    if ! command -v apt-get >/dev/null; then
        warn "no apt-get on this system; these Debian packages are wanted: ${missing[*]}"
        return 0
    fi
    if (($(id -u) != 0)); then
        if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
            sudo=(sudo -n)
        elif command -v sudo >/dev/null && [[ -t 0 ]]; then
            say "sudo may ask for your password to install: ${missing[*]}"
            sudo=(sudo)
        else
            warn "not root and no sudo; ask somebody who may: apt-get install ${missing[*]}"
            return 0
        fi
    fi
    say "installing: ${missing[*]}"
    local apt=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y
        -o Dpkg::Use-Pty=0 -o Acquire::Retries=2)
    "${apt[@]}" update >/dev/null || warn "apt-get update failed; trying with the lists that are there"
    if "${apt[@]}" install --no-install-recommends "${missing[@]}" >/dev/null 2>&1; then
        return 0
    fi
    # One that cannot be had must not keep the others away.
    for package in "${missing[@]}"; do
        "${apt[@]}" install --no-install-recommends "$package" >/dev/null 2>&1 ||
            warn "cannot be had: $package"
    done
}

# unpack_packages DIRECTORY PACKAGE...: unpacks packages into the directory instead of installing
# them: for what cannot be beside something else (syslog-ng and rsyslog are both the system's
# logger), and for what would be started as a service. Never fails.
unpack_packages() {
    local directory=$1 package
    shift
    [[ -f $directory/packages.txt && $(<"$directory/packages.txt") == "$*" ]] && return 0
    if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
        warn "no apt-get on this system; these Debian packages would be unpacked: $*"
        return 0
    fi
    say "unpacking into $directory: $*"
    rm -rf "$directory"
    mkdir -p "$directory/packages"
    # As the user who runs this: the sandbox of apt could not write here.
    if (cd "$directory/packages" &&
        apt-get -qq -o APT::Sandbox::User=root -o Acquire::Retries=2 download "$@") >/dev/null 2>&1
    then
        for package in "$directory"/packages/*.deb; do dpkg-deb -x "$package" "$directory"; done
        rm -rf "$directory/packages"
        printf '%s' "$*" >"$directory/packages.txt"
    else
        rm -rf "$directory"
        warn "cannot be had: $*"
    fi
}

# The system libraries of a full build.
# shellcheck disable=SC2034  # for the scripts that source this
library_packages=(liblz4-dev zlib1g-dev libzstd-dev libsnappy-dev libsqlite3-dev libssl-dev)

# Whether a C header can be included.
has_header() { printf '#include <%s>\n' "$1" | clang -E -x c - >/dev/null 2>&1; }

# Fills `traits` with the arguments that switch off what this system has no library for, and says
# what is missing then. Ends the script when the build is not possible at all.
# shellcheck disable=SC2034  # for the scripts that source this
choose_traits() {
    traits=()
    command -v swift >/dev/null ||
        die "swift is missing. Varve needs Swift 6.3: https://www.swift.org/install/linux"
    local version
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9.]*\).*/\1/p' | head -1)
    case $version in
    6.[3-9]* | 6.[1-9][0-9]* | [7-9].*) say "Swift $version" ;;
    *) die "this is Swift ${version:-of unknown version}; Varve needs 6.3: https://www.swift.org/install/linux" ;;
    esac
    has_header stdlib.h || die "no C library headers: apt-get install libc6-dev"
    has_header lz4frame.h || die "liblz4 is missing and nothing works without it: apt-get install liblz4-dev"
    local enabled=() absent=() entry
    for entry in Gzip:zlib.h:zlib1g-dev Zstd:zstd.h:libzstd-dev Snappy:snappy-c.h:libsnappy-dev \
        SQLite:sqlite3.h:libsqlite3-dev TLS:openssl/ssl.h:libssl-dev; do
        IFS=: read -r name header package <<<"$entry"
        if has_header "$header"; then enabled+=("$name"); else absent+=("$name ($package)"); fi
    done
    if ((${#absent[@]} > 0)); then
        warn "building without: ${absent[*]}"
        if ((${#enabled[@]} > 0)); then
            traits=(--traits "$(IFS=,; printf '%s' "${enabled[*]}")")
        else
            traits=(--disable-default-traits)
        fi
    fi
}
