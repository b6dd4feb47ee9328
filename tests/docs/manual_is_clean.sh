#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The manual is sound mdoc, and gives the exit statuses of docs/messages.md.
# shellcheck source-path=SCRIPTDIR source=../support/script_test.sh
source "$(dirname "$0")/../support/script_test.sh"
top=$(dirname "$0")/../..

expect_equal 'exit statuses of the manual' \
  "$(sed -n 's/^| \([0-9]*\) |.*/\1/p' "$top/docs/messages.md")" \
  "$(sed -n '/^\.Sh EXIT STATUS/,/^\.El/s/^\.It \([0-9]*\)$/\1/p' "$top/docs/man/nvhook.8")"

need_command mandoc
mandoc -T lint -W warning "$top"/docs/man/*.8
