#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Wrong options exit 64 and name the culprit, and write nothing; nodes without root are refused.
# shellcheck source-path=SCRIPTDIR source=../../support/script_test.sh
source "$(dirname "$0")/../../support/script_test.sh"
bin=$1

# refused MENTIONED ARGUMENT...
refused() {
  local mentioned=$1
  shift
  expect_equal "exit status of: $*" 64 "$(status_of "$bin/simulated-driver" "$@")"
  grep -qF -- "$mentioned" "$work/output" || { cat "$work/output"; exit 1; }
}
refused 'DIR is missing'
refused 'needs a value' "$work/driver" --gpus
refused '--gpus' "$work/driver" --gpus 31
# shellcheck disable=SC2016 # not to be expanded, neither here nor there
refused '--gpus' "$work/driver" --gpus 'x[$(id)]'
refused '--version' "$work/driver" --version 550
refused '--cuda' "$work/driver" --version 123.4
refused '--model' "$work/driver" --model 'a "quoted" one'
refused 'taken by GPU 0' "$work/driver" --minor 1=0
refused 'taken by nvidiactl' "$work/driver" --minor 1=255
refused 'GPU 2 of 2' "$work/driver" --minor 2=5
refused '--mig' "$work/driver" --mig 0=7
refused '--mig' "$work/driver" --mig 0=08/0
refused '--mig' "$work/driver" --mig 0=7/0,
refused 'GPU 2 of 2' "$work/driver" --mig 2=7/0
refused 'GPU 5 of 2' "$work/driver" --excluded 5
refused '--domain' "$work/driver" --domain 10
refused '--imex' "$work/driver" --imex 0,x
refused '--feature' "$work/driver" --feature tpu
refused 'no shape' "$work/driver" --shape ../shapes/k40
refused '8 GPUs, not 9' "$work/driver" --shape k40 --gpus 9
refused '--layout' "$work/driver" --layout nixos
refused 'another version' "$work/driver" --leftover 550.54.14
refused '--wrong' "$work/driver" --wrong
[[ ! -e $work/driver ]]

as_nobody=()
[[ $(id -u) != 0 ]] || as_nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
expect_equal 'exit status without root' 1 \
  "$(status_of "${as_nobody[@]}" bash "$bin/simulated-driver" "$work/driver")"
grep -q 'device nodes need root' "$work/output"
