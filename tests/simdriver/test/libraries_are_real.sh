#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Each native library loads by the machine's own loader, all of its NEEDED found; the 32-bit ones
# are i386 objects; SONAMEs and links are an installed driver's.
# shellcheck source-path=SCRIPTDIR source=../../support/script_test.sh
source "$(dirname "$0")/../../support/script_test.sh"
bin=$1

"$bin/simulated-driver" "$work/driver" --no-nodes
native=$work/driver/usr/lib/x86_64-linux-gnu
compat32=$work/driver/usr/lib/i386-linux-gnu

LD_LIBRARY_PATH=$native "$bin/../simdriver/load_all" "$native"/*.so.* "$native"/vdpau/*.so.*

expect_equal 'machines of the 32-bit set' 'Intel 80386' \
  "$(readelf -hW "$compat32"/*.so.* | sed -n 's/ *Machine: *//p' | sort -u)"

# expect_soname FILE SONAME
expect_soname() {
  expect_equal "SONAME of $1" "$2" \
    "$(readelf -dW "$native/$1" | sed -n 's/.*Library soname: \[\(.*\)\]/\1/p')"
}
expect_soname libcuda.so.550.54.14 libcuda.so.1
expect_soname libnvidia-ml.so.550.54.14 libnvidia-ml.so.1
expect_soname libnvidia-glcore.so.550.54.14 libnvidia-glcore.so.550.54.14
expect_soname libEGL_nvidia.so.550.54.14 libEGL_nvidia.so.0
expect_soname vdpau/libvdpau_nvidia.so.550.54.14 libvdpau_nvidia.so.1
expect_soname libGL.so.1.2.0 libGL.so.1

expect_equal 'link for programs' libcuda.so.1 "$(readlink "$native/libcuda.so")"
expect_equal 'SONAME link' libcuda.so.550.54.14 "$(readlink "$native/libcuda.so.1")"

readelf -dW "$native/libGLX_nvidia.so.0" | grep -q 'NEEDED.*\[libnvidia-glcore.so.550.54.14\]'
readelf -dW "$native/libGL.so.1" | grep -q 'NEEDED.*\[libglapi.so.0\]'
readelf -nW "$native/libnvidia-tls.so.550.54.14" | grep -q 'OS: Linux, ABI: 2.3.99'
readelf -nW "$compat32/libnvidia-tls.so.550.54.14" | grep -q 'OS: Linux, ABI: 2.3.99'
