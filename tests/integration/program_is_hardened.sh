#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: program_is_hardened.sh BUILD-DIRECTORY PROGRAM...
#
# What the compiler and the linker were asked for is in the programs that ship.
# shellcheck source=tests/support/script_test.sh
source "$(dirname "$(readlink -f "$0")")/../support/script_test.sh"
build=$1
shift

# refuse WHAT PATTERN TEXT: fails if a line of the text matches.
refuse() {
  if grep -E -- "$2" <<<"$3"; then
    echo "$1" >&2
    exit 1
  fi
}

# want WHAT PATTERN TEXT: fails unless a line of the text matches.
want() {
  grep -qE -- "$2" <<<"$3" && return
  printf '%s\n%s\n' "$1" "$3" >&2
  exit 1
}

for program in "$@"; do
  segments=$(readelf --wide --file-header --segments "$program")
  dynamic=$(readelf --wide --dynamic "$program")
  want "$program: its addresses are not random" 'Type: +DYN' "$segments"
  refuse "$program: it looks for libraries in a path of its own" 'RPATH|RUNPATH' "$dynamic"
  case $program in
    */nvhook-nvml) ;;      # loads the driver's
    */nvhook-companion) ;; # libmicrohttpd is no archive
    *)
      refuse "$program: it needs a loader" 'INTERP' "$segments"
      refuse "$program: it needs libraries" 'NEEDED' "$dynamic"
      ;;
  esac
  refuse "$program: its code is written to when it starts" 'TEXTREL' "$dynamic"
  refuse "$program: it has memory that is code and data" '^ +(LOAD|GNU_STACK) .* (RWE|WE|W E) ' \
    "$segments"
  want "$program: its stack could be code" '^ +GNU_STACK .* RW ' "$segments"
  want "$program: its tables stay writable" '^ +GNU_RELRO' "$segments"
  want "$program: its tables stay writable for a while" 'BIND_NOW' "$dynamic"
done

# Our own objects; what comes from the distribution's libraries is theirs to build. (Debian 12
# builds glibc without marks for IBT and shadow stacks, so the program as a whole has none.)
mapfile -t objects < <(find "$build/src" "$build/hook" -path '*nvhook*' -name '*.o')
[[ ${#objects[@]} -gt 50 ]]
for object in "${objects[@]}"; do
  if [[ $(uname -m) == x86_64 ]]; then
    want "$object does not guard its branches and returns" 'IBT, SHSTK' \
      "$(readelf --wide --notes "$object")"
  fi
  undefined=$(nm --undefined-only "$object")
  load='dlopen|'
  case $object in
    */nvml/look.cpp.o | */nvml/session.cpp.o) load= ;; # of nvhook-nvml; a static one could not
  esac
  refuse "$object can load or run a program" \
    " (execl.*|execv|execvp.*|system|popen|posix_spawn.*|${load}v?fork)$" \
    "$(grep -v -- ' fork$' <<<"$undefined" || true)"
  case $object in
    */clean_start.cpp.o) ;; # starts itself again without GLIBC_TUNABLES
    */hook/*/serve.cpp.o) ;; # becomes nvhook-companion
    *) refuse "$object can execute" ' execve' "$undefined" ;;
  esac
  case $object in
    */parser_child.cpp.o | */supervise.cpp.o) ;;
    */teller.cpp.o) ;; # starts nvhook-systemd
    */nvml/ask.cpp.o | */nvml/watch.cpp.o | */nvml/watch_guard.cpp.o) ;; # start nvhook-nvml
    */companion/child.cpp.o) ;; # the processes that serve
    */companion/uvm.cpp.o) ;; # starts nvidia-modprobe
    *) refuse "$object can fork" ' fork$' "$undefined" ;;
  esac
done
all_undefined=$(nm --undefined-only "${objects[@]}")
want 'no stack is guarded' '__stack_chk_fail' "$all_undefined"
want 'no buffer is checked' '__(read|readlinkat|snprintf|pread|memcpy)_chk' "$all_undefined"

# What leaves no mark in an object.
commands=$(grep '"command"' "$build/compile_commands.json" | grep -E '/(src|hook)/[^ ]*\.cpp')
for flag in -fstack-clash-protection -ftrivial-auto-var-init=zero -D_FORTIFY_SOURCE=3; do
  refuse "compiled without $flag" . \
    "$(grep -v -- "$flag" <<<"$commands" | grep -oE '[^ ]+\.cpp"' || true)"
done
