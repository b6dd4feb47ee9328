// SPDX-License-Identifier: Apache-2.0
// What most libraries of the simulated driver are made of. Compiled for x86-64 and for i386, where
// no system header exists: it must not include any.

extern "C" {
extern const char simulated_driver_library[];
const char simulated_driver_library[] = "a library of the simulated driver";
}
