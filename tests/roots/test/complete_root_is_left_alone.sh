#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What was made is not made again; what a broken run left is thrown away; two calls at a time make
# one root.
# shellcheck source-path=SCRIPTDIR source=../../support/script_test.sh
source "$(dirname "$0")/../../support/script_test.sh"
make_root=$(dirname "$0")/../make-root

mkdir -p "$work/root.partial/broken"
"$make_root" host "$work/root" 2>"$work/first" &
"$make_root" host "$work/root" 2>"$work/second"
wait $!
expect_equal 'how the two ended' "make-root: $work/root is there already
make-root: made $work/root" "$(tail -qn 1 "$work/first" "$work/second" | sort)"
[[ ! -e $work/root/broken && ! -e $work/root.partial ]]

echo mine >"$work/root/etc/mine"
"$make_root" host "$work/root"
expect_equal 'a file put there since' mine "$(cat "$work/root/etc/mine")"

expect_equal 'status of a kind that is none' 64 "$(status_of "$make_root" plan9 "$work/x")"
expect_equal 'status without DIR' 64 "$(status_of "$make_root" host)"
