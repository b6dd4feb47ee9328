#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the kernel module would show of the GPUs follows the options.
# shellcheck source-path=SCRIPTDIR source=../../support/script_test.sh
source "$(dirname "$0")/../../support/script_test.sh"
bin=$1

"$bin/simulated-driver" "$work/driver" --no-nodes --gpus 3 --minor 1=7 --model 'NVIDIA L4' \
  --version 570.86.15 --major 203
cd "$work/driver"

tab=$'\t'
expect_equal information "Model: $tab$tab NVIDIA L4
IRQ:   $tab$tab 37
GPU UUID: $tab GPU-5fee0101-51d1-4a00-8000-000000000001
Video BIOS: $tab 92.00.45.00.03
Bus Type: $tab PCIe
DMA Size: $tab 47 bits
DMA Mask: $tab 0x7fffffffffff
Bus Location: $tab 0000:09:00.0
Device Minor: $tab 7
GPU Firmware: $tab 570.86.15
GPU Excluded:$tab No" "$(cat proc/driver/nvidia/gpus/0000:09:00.0/information)"
expect_equal 'version of the module' 570.86.15 "$(cat sys/module/nvidia/version)"
grep -q 'Kernel Module  570.86.15 ' proc/driver/nvidia/version
grep -q '^203 nvidia$' proc/devices
expect_equal vendor 0x10de "$(cat sys/bus/pci/devices/0000:11:00.0/vendor)"
expect_equal 'PCI devices' 3 "$(find sys/bus/pci/devices -name class | wc -l)"

# Devices of GPU 1 by the kernel module's own numbers, those of a real one: gpu1/gi0 is 138.
"$bin/simulated-driver" "$work/driver" --no-nodes --mig 1=1/0,-,0/1 --open-module --domain 10a2f \
  --unknown-uuids --excluded 0
expect_equal 'file of a compute instance' 'DeviceFileMinor: 140
DeviceFileMode: 292
DeviceFileModify: 1' "$(cat proc/driver/nvidia/capabilities/gpu1/mig/gi0/ci1/access)"
expect_equal 'files of rights' 'gpu1/mig/gi0/access 138
gpu1/mig/gi0/ci1/access 140
gpu1/mig/gi1/access 147
gpu1/mig/gi1/ci0/access 148
mig/config 1
mig/monitor 2' "$(cd proc/driver/nvidia/capabilities &&
  grep -r DeviceFileMinor . | sed 's|^\./||; s|:DeviceFileMinor:||' | sort)"
grep -q 'NVIDIA UNIX Open Kernel Module for x86_64  550.54.14 ' proc/driver/nvidia/version
grep -q "GPU UUID: $tab GPU-????????-" proc/driver/nvidia/gpus/10a2f:01:00.0/information
grep -q "GPU Excluded:$tab Yes" proc/driver/nvidia/gpus/10a2f:01:00.0/information
grep -q "GPU Excluded:$tab No" proc/driver/nvidia/gpus/10a2f:09:00.0/information

"$bin/simulated-driver" "$work/driver" --no-nodes --shape k40 --gpus 3
expect_equal 'GPUs of a shape' 'proc/driver/nvidia/gpus/0000:05:00.0 GPU-a1c2e3f4-0b1d-4c5e-8f90-1234567890ab
proc/driver/nvidia/gpus/0000:0a:00.0 GPU-b7d8e9fa-1c2d-4e3f-9a0b-abcdef012345
proc/driver/nvidia/gpus/0000:82:00.0 GPU-00000002-0000-4000-8000-000000000002' \
  "$(grep -H 'GPU UUID' proc/driver/nvidia/gpus/*/information | sed -E 's|/information:.* | |')"
grep -q "Model: $tab$tab Tesla K40m" proc/driver/nvidia/gpus/0000:82:00.0/information
expect_equal 'version of a shape' 361.48 "$(cat sys/module/nvidia/version)"
