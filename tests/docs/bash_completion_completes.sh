#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source-path=SCRIPTDIR source=../support/script_test.sh
source "$(dirname "$0")/../support/script_test.sh"
# shellcheck source=../../packaging/completions/nvhook.bash
source "$(dirname "$0")/../../packaging/completions/nvhook.bash"

# completed WORD...: what the last word may become, with commas.
completed() {
  COMP_WORDS=(nvhook "$@")
  COMP_CWORD=$#
  COMPREPLY=()
  _nvhook
  local IFS=,
  echo "${COMPREPLY[*]}"
}

mkdir "$work/directory"
touch "$work/file"
expect_equal 'an option' '--dry-run,--driver-root' "$(completed --dr)"
expect_equal 'a stage or command' 'createRuntime,cleanup,config' "$(completed --dry-run c)"
expect_equal 'a format' 'text,json' "$(completed --dry-run --format '')"
expect_equal 'a bundle' "$work/directory" "$(completed --bundle "$work/")"
expect_equal 'a file' "$work/file" "$(completed --config "$work/f")"
