# shellcheck shell=bash
# Shared by the scripts of this repository; sourced, never run.

# shellcheck disable=SC2034  # for the scripts that source this
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# Ends a script with one line that says what is missing.
fail() {
    echo "${0##*/}: $*" >&2
    exit 1
}

# Prints the comment at the head of the script that was called, as its help, and ends it.
help_if_asked() {
    case "${1:-}" in
    -h | --help)
        sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$0"
        exit 0
        ;;
    esac
}

# Refuses to go on without the Swift toolchain.
need_swift() {
    command -v swift >/dev/null || fail "no Swift toolchain: install Swift 6.3 from https://www.swift.org/install/linux"
}
