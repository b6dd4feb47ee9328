#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# kind_runs.sh KIND: programs of a made root run in it, and it is what its kind promises.
# shellcheck source-path=SCRIPTDIR source=../../support/script_test.sh
source "$(dirname "$0")/../../support/script_test.sh"
kind=$1
need_root
[[ $kind != busybox ]] || need_command busybox

"$(dirname "$0")/../make-root" "$kind" "$work/root"

chroot "$work/root" /bin/true
expect_equal 'what its shell says' yes "$(chroot "$work/root" /bin/sh -c 'echo yes')"
expect_equal 'left beside it' '' "$(find "$work" -maxdepth 1 -name 'root?*')"
case $kind in
  busybox)
    expect_equal 'loaders and shared libraries' '' \
      "$(find "$work/root" -name 'ld-*' -o -name '*.so*')"
    [[ ! -e $work/root/etc/debian_version ]]
    ;;
  host)
    [[ -e $work/root/etc/debian_version ]]
    chroot "$work/root" /sbin/ldconfig -p | grep -q 'libc.so.6 (libc6'
    expect_equal 'set-user-ID files' '' "$(find "$work/root" -perm /6000)"
    ;;
esac
