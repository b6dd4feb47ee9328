#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# usage: every_option_is_explained.sh PROGRAMS
# The manuals and the completions know the options that the help of nvhook and of nvhook-companion and
# that of their commands print, and no other.
# shellcheck source-path=SCRIPTDIR source=../support/script_test.sh
source "$(dirname "$0")/../support/script_test.sh"
programs=$1
top=$(dirname "$0")/../..

# Of the text on standard input, each option once.
options() { grep -oE -- '(^|[^-a-z])--[a-z][a-z-]*' | grep -oE -- '--[a-z-]+' | sort -u; }

# explained PROGRAM COMMAND...
explained() {
  local program=$1 known
  shift
  "$programs/$program" --help >"$work/help"
  for command in "$@"; do "$programs/$program" "$command" --help >>"$work/help"; done
  known=$(options <"$work/help")
  [[ $(wc -l <<<"$known") -ge 11 ]]

  expect_equal "options of the manual of $program" "$known" \
    "$(sed 's/\\-/-/g; s/Fl -/--/g' "$top/docs/man/$program.8" | options)"
  expect_equal "options of the bash completion of $program" "$known" \
    "$(options <"$top/packaging/completions/$program.bash")"
  expect_equal "options of the zsh completion of $program" "$known" \
    "$(options <"$top/packaging/completions/_$program")"
  expect_equal "options of the fish completion of $program" "$known" \
    "$(sed 's/ -l / --/' "$top/packaging/completions/$program.fish" | options)"

  expect_equal 'lines of the help beyond 80 columns' '' "$(grep -E '.{81}' "$work/help" || true)"
}

explained nvhook reapply cleanup info list config
explained nvhook-companion prune
