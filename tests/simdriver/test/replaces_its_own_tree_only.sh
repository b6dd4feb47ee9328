#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A second run in the same directory leaves nothing of the first; somebody else's directory is
# refused untouched; the umask of the caller changes no mode.
# shellcheck source-path=SCRIPTDIR source=../../support/script_test.sh
source "$(dirname "$0")/../../support/script_test.sh"
bin=$1

"$bin/simulated-driver" "$work/driver" --no-nodes --gpus 8 --version 535.104.05
(umask 077 && "$bin/simulated-driver" "$work/driver" --no-nodes --no-cache)

expect_equal 'files of the first run' '' "$(find "$work/driver" -name '*535*')"
expect_equal 'GPUs' 2 "$(find "$work/driver/proc/driver/nvidia/gpus" -name information | wc -l)"
expect_equal 'cache' '' "$(find "$work/driver/etc" -name ld.so.cache)"
expect_equal 'what others may not read' '' "$(find "$work/driver" ! -type l ! -perm -004)"

mkdir "$work/other"
echo kept >"$work/other/file"
expect_equal 'exit status' 1 "$(status_of "$bin/simulated-driver" "$work/other" --no-nodes)"
grep -q 'holds something else' "$work/output"
expect_equal 'its content' kept "$(cat "$work/other/"*)"
