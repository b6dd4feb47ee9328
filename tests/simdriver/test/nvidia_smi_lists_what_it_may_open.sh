#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# nvidia-smi in a root of its own finds libnvidia-ml through that root's ld.so.cache, and lists the
# GPUs whose nodes are there and may be opened. Likewise libcuda.
# shellcheck source-path=SCRIPTDIR source=../../support/script_test.sh
source "$(dirname "$0")/../../support/script_test.sh"
bin=$1
make_root=$(dirname "$0")/../../roots/make-root
need_root

"$bin/simulated-driver" "$work/driver" --gpus 3 --minor 1=9
"$make_root" host "$work/root"
cp -a "$work"/driver/usr/bin/. "$bin/../simdriver/cuda_facts" "$work/root/usr/bin/"
cp -a "$work"/driver/dev/. "$work/root/dev/"

listed() { chroot "$@" nvidia-smi -L 2>&1; }
gpu() { printf 'GPU %d: NVIDIA A100-SXM4-40GB (UUID: GPU-%s)' "$@"; }
first=5eed0000-51d1-4a00-8000-000000000000
second=5fee0101-51d1-4a00-8000-000000000001
third=60ef0202-51d1-4a00-8000-000000000002

expect_equal 'status without the library' 12 "$(status_of chroot "$work/root" nvidia-smi -L)"
# A directory that the loader searches for the cache's sake only.
mkdir "$work/root/opt"
cp -a "$work"/driver/usr/lib/x86_64-linux-gnu/lib{cuda,nvidia-ml}.so* "$work/root/opt/"
echo /opt >"$work/root/etc/ld.so.conf.d/driver.conf"
chroot "$work/root" ldconfig

expect_equal 'all' "$(gpu 0 $first; echo; gpu 1 $second; echo; gpu 2 $third)" \
  "$(listed "$work/root")"
expect_equal 'CUDA version, cuInit, GPUs' '12040 0 3' "$(chroot "$work/root" cuda_facts)"
chroot "$work/root" nvidia-smi | grep -q 'Driver Version: 550.54.14'
chroot "$work/root" nvidia-persistenced | grep -q '^nvidia-persistenced: '

rm "$work/root/dev/nvidia0"
expect_equal 'without the node of GPU 0' "$(gpu 0 $second; echo; gpu 1 $third)" \
  "$(listed "$work/root")"

chmod 600 "$work/root/dev/nvidia9"
expect_equal 'for somebody who may not open GPU 1' "$(gpu 0 $third)" \
  "$(listed --userspec=65534:65534 "$work/root")"

rm "$work/root"/dev/nvidia[0-9]
expect_equal 'status without GPUs' 6 "$(status_of chroot "$work/root" nvidia-smi -L)"
expect_equal 'CUDA without GPUs' '12040 100 0' "$(chroot "$work/root" cuda_facts)"

chmod 600 "$work/root/dev/nvidiactl"
expect_equal 'status when nvidiactl is denied' 17 \
  "$(status_of chroot --userspec=65534:65534 "$work/root" nvidia-smi -L)"
rm "$work/root/dev/nvidiactl"
expect_equal 'status without nvidiactl' 9 "$(status_of chroot "$work/root" nvidia-smi -L)"
