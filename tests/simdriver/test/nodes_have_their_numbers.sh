#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Device nodes have NVIDIA's numbers, and are open to all whatever the umask.
# shellcheck source-path=SCRIPTDIR source=../../support/script_test.sh
source "$(dirname "$0")/../../support/script_test.sh"
bin=$1
need_root

nodes() { (cd "$work/driver/dev" && stat -c '%n %F %Hr:%Lr %a' ./dri/* ./nvidia*); }

(umask 077 && "$bin/simulated-driver" "$work/driver" --minor 1=5)
expect_equal nodes './dri/card0 character special file 226:0 666
./dri/card1 character special file 226:1 666
./dri/renderD128 character special file 226:128 666
./dri/renderD129 character special file 226:129 666
./nvidia-modeset character special file 195:254 666
./nvidia-uvm character special file 510:0 666
./nvidia-uvm-tools character special file 510:1 666
./nvidia0 character special file 195:0 666
./nvidia5 character special file 195:5 666
./nvidiactl character special file 195:255 666' "$(nodes)"
