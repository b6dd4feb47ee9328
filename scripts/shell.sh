# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the scripts of this folder share: how they talk and how they become root. Sourced, never run.

# runc, debootstrap and mount's kin live there, and a plain user's PATH lacks it.
PATH=$PATH:/usr/sbin:/sbin

# What a script does is bold, failures are red; colour only on a terminal and not under NO_COLOR
# (https://no-color.org).
# shown STREAM CODE TEXT...: prints a line to that stream, in that colour.
shown() {
  local stream=$1 code=$2
  shift 2
  if [ -t "$stream" ] && [ -z "${NO_COLOR:-}" ]; then
    printf '\033[%sm%s\033[0m\n' "$code" "$*" >&"$stream"
  else
    printf '%s\n' "$*" >&"$stream"
  fi
}

say() { shown 1 1 "== $*"; }

# die TEXT...: ends the script with one line that names it.
die() {
  shown 2 31 "${0##*/}: $*"
  exit 1
}

# misused TEXT...: the same for a wrong command line.
misused() {
  shown 2 31 "${0##*/}: $* (see ${0##*/} --help)"
  exit 64
}

# as_root COMMAND...: runs it as root, through sudo where we are not.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo -- "$@"
  else
    die "'$1' needs root, and there is no sudo: run this as root"
  fi
}

# help_of SCRIPT: the comment at its top, behind the SPDX line.
help_of() {
  sed -n '3,/^[^#]/{ s/^# \{0,1\}//p }' "$1"
}
