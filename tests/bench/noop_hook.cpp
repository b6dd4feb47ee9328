// SPDX-License-Identifier: Apache-2.0
// The least a hook can cost: a static program that reads nothing and does nothing. It is also the
// command of the benchmark's containers.
int main() { return 0; }
