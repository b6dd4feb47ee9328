// SPDX-License-Identifier: Apache-2.0
// A hook that does nothing, dynamically linked, as most hooks are: its loader reads the environment
// before it. Shows that what the environment tests try would work.
int main() { return 0; }
