# SPDX-License-Identifier: Apache-2.0
# What tests written as bash scripts share; they source it. Such a test fails by its exit status,
# and says it is skipped by exiting 77 (SKIP_RETURN_CODE). $work is a directory of its own.
# shellcheck shell=bash
set -euo pipefail

work=$(mktemp -d)
chmod 755 "$work" # reachable for users that a test becomes
trap 'rm -rf "$work"' EXIT
trap 'echo "failed in line $LINENO: $BASH_COMMAND" >&2' ERR

# expect_equal WHAT EXPECTED ACTUAL
expect_equal() {
  [[ $2 == "$3" ]] && return
  printf '%s\n--- expected:\n%s\n--- actual:\n%s\n' "$1" "$2" "$3" >&2
  exit 1
}

# status_of COMMAND...: prints its exit status; what it prints goes to $work/output.
status_of() {
  local status=0
  "$@" >"$work/output" 2>&1 || status=$?
  echo "$status"
}

need_root() {
  [[ $(id -u) == 0 ]] && return
  echo 'skipped: needs root'
  exit 77
}

# need_command NAME...
need_command() {
  local name
  for name in "$@"; do
    command -v "$name" >/dev/null && continue
    echo "skipped: needs $name"
    exit 77
  done
}
