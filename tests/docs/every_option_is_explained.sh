#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# usage: every_option_is_explained.sh PROGRAMS
# The manual and the completions know the options that nvhook --help and the help of its commands print,
# and no other.
# shellcheck source-path=SCRIPTDIR source=../support/script_test.sh
source "$(dirname "$0")/../support/script_test.sh"
nvhook=$1/nvhook
top=$(dirname "$0")/../..

# Of the text on standard input, each option once.
options() { grep -oE -- '(^|[^-a-z])--[a-z][a-z-]*' | grep -oE -- '--[a-z-]+' | sort -u; }

"$nvhook" --help >"$work/help"
for command in reapply cleanup info list config; do "$nvhook" "$command" --help >>"$work/help"; done
known=$(options <"$work/help")
[[ $(wc -l <<<"$known") -ge 11 ]]

expect_equal 'options of the manual' "$known" \
  "$(sed 's/\\-/-/g; s/Fl -/--/g' "$top/docs/man/nvhook.8" | options)"
expect_equal 'options of the bash completion' "$known" \
  "$(options <"$top/packaging/completions/nvhook.bash")"
expect_equal 'options of the zsh completion' "$known" \
  "$(options <"$top/packaging/completions/_nvhook")"
expect_equal 'options of the fish completion' "$known" \
  "$(sed 's/ -l / --/' "$top/packaging/completions/nvhook.fish" | options)"

expect_equal 'lines of the help beyond 80 columns' '' "$(grep -E '.{81}' "$work/help" || true)"
