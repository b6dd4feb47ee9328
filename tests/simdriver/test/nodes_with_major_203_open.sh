#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# With --major 203 a GPU's node opens and reads without any driver: it is Linux's cpuid device.
# shellcheck source-path=SCRIPTDIR source=../../support/script_test.sh
source "$(dirname "$0")/../../support/script_test.sh"
bin=$1
need_root

if ! grep -q '^203 cpu/cpuid$' /proc/devices; then
  echo 'skipped: this kernel has no cpuid device'
  exit 77
fi

"$bin/simulated-driver" "$work/driver" --major 203 --gpus 1

expect_equal 'bytes read of GPU 0' 16 "$(head -c 16 "$work/driver/dev/nvidia0" | wc -c)"
