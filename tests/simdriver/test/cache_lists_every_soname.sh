#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ldconfig's own reading of the cache that was written: every SONAME of the tree is there, with the
# right kind of machine, and those of the driver lead to its version rather than to the leftovers'.
# shellcheck source-path=SCRIPTDIR source=../../support/script_test.sh
source "$(dirname "$0")/../../support/script_test.sh"
bin=$1

"$bin/simulated-driver" "$work/driver" --no-nodes
cd "$work/driver"
PATH=$PATH:/sbin ldconfig -p -C etc/ld.so.cache >"$work/cache"

# expect_all FOLDER KIND
expect_all() {
  local file soname path
  for file in "usr/lib/$1"/*.so.*; do
    [[ ! -L $file ]] || continue
    soname=$(readelf -dW "$file" | sed -n 's/.*Library soname: \[\(.*\)\]/\1/p')
    path=$(sed -n "s|^\t${soname//./\\.} ($2) => /||p" "$work/cache")
    if [[ ! -e $path ]]; then
      echo "$soname ($2) of the cache leads to ${path:-nothing}"
      exit 1
    fi
  done
}
expect_all x86_64-linux-gnu libc6,x86-64
expect_all i386-linux-gnu libc6

expect_equal 'libcuda.so.1 of the cache' libcuda.so.550.54.14 \
  "$(basename "$(readlink -f "$(sed -n 's|^\tlibcuda.so.1 (libc6,x86-64) => /||p' "$work/cache")")")"
grep -q 'libnvidia-glcore.so.470.82.01 (libc6,x86-64)' "$work/cache"
