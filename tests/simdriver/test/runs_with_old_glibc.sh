#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Programs and libraries ask for no version of glibc that a distribution of the last decade lacks,
# and for no library of C++.
# shellcheck source-path=SCRIPTDIR source=../../support/script_test.sh
source "$(dirname "$0")/../../support/script_test.sh"
bin=$1

"$bin/simulated-driver" "$work/driver" --no-nodes
files=("$work"/driver/usr/bin/* "$work"/driver/usr/lib/x86_64-linux-gnu/*.so.*)

newest=$(readelf -VW "${files[@]}" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -n 1)
expect_equal 'the newest of it and glibc 2.17' GLIBC_2.17 \
  "$(printf '%s\n' "$newest" GLIBC_2.17 | sort -V | tail -n 1)"

expect_equal 'NEEDED of others' '' \
  "$(readelf -dW "${files[@]}" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u |
    grep -Ev '^(libc\.so\.6|libdl\.so\.2|libcuda\.so\.1|libnvcuvid\.so\.1|libglapi\.so\.0)$' |
    grep -v '^libnvidia-' || true)"
