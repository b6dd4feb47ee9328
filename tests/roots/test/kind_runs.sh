#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# kind_runs.sh KIND BIN: programs of a made root run in it, and it is what its kind promises. In BIN
# there are the probes.
# shellcheck source-path=SCRIPTDIR source=../../support/script_test.sh
source "$(dirname "$0")/../../support/script_test.sh"
kind=$1
bin=$2
need_root
[[ $kind != busybox && $kind != musl ]] || need_command busybox
root=$work/root

"$(dirname "$0")/../make-root" "$kind" "$root"

expect_equal 'left beside it' '' "$(find "$work" -maxdepth 1 -name 'root?*')"
expect_equal 'set-user-ID files' '' "$(find "$root" -perm /6000)"
if [[ $kind != distroless ]]; then
  chroot "$root" /bin/true
  expect_equal 'what its shell says' yes "$(chroot "$root" /bin/sh -c 'echo yes')"
fi

# expect_loaded PROBE NAME PATH: in the root its loader finds NAME at PATH.
expect_loaded() {
  install "$bin/$1" "$root/usr/bin/$1"
  expect_equal "where $2 is" "$2: $3" "$(chroot "$root" "/usr/bin/$1" "$2")"
}

case $kind in
  busybox)
    expect_equal 'loaders and shared libraries' '' "$(find "$root" -name 'ld-*' -o -name '*.so*')"
    [[ ! -e $root/etc/debian_version ]]
    ;;
  host)
    [[ -e $root/etc/debian_version ]]
    chroot "$root" /sbin/ldconfig -p | grep -q 'libc.so.6 (libc6'
    expect_loaded dlopen-probe libm.so.6 /lib/x86_64-linux-gnu/libm.so.6
    ;;
  many)
    expect_equal 'libraries of the cache' "777 libs found in cache \`/etc/ld.so.cache'" \
      "$(chroot "$root" /sbin/ldconfig -p | sed -n 1p)"
    expect_loaded dlopen-probe libmany-0500.so.1 /lib/x86_64-linux-gnu/libmany-0500.so.1
    ;;
  lib64)
    [[ ! -e $root/etc/debian_version ]]
    expect_equal 'where /lib64 leads' usr/lib64 "$(readlink "$root/lib64")"
    expect_equal 'libraries elsewhere' '' "$(find "$root/usr/lib" -name '*.so*')"
    chroot "$root" /sbin/ldconfig -p | grep -q 'libc.so.6 (libc6,.* => /lib64/libc.so.6'
    expect_loaded dlopen-probe libm.so.6 /lib64/libm.so.6
    ;;
  distroless)
    [[ -e $root/etc/debian_version && -d $root/usr/lib/x86_64-linux-gnu ]]
    expect_equal 'programs, and what ldconfig works with' '' \
      "$(find "$root" -path '*/*bin/*' -o -path '*/etc/ld.so.*')"
    expect_loaded dlopen-probe libm.so.6 /lib/x86_64-linux-gnu/libm.so.6
    ;;
  musl)
    [[ -e $root/etc/alpine-release && ! -e $root/usr/lib64 ]]
    expect_equal 'libraries of glibc' '' "$(find "$root" -name 'ld-linux*' -o -name 'libc.so.6')"
    expect_loaded dlopen-probe-musl libc.musl-x86_64.so.1 /lib/ld-musl-x86_64.so.1
    ;;
esac
