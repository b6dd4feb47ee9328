// SPDX-License-Identifier: Apache-2.0
// Every program of the simulated driver but nvidia-smi: it runs, and says what it is.
#include <cstdio>
#include <cstring>

int main(int argc, char** argv) {
  const char* name = argc > 0 ? argv[0] : "stand-in";
  if (const char* slash = std::strrchr(name, '/'); slash != nullptr) name = slash + 1;
  std::printf("%s: a stand-in of the simulated driver, it does nothing\n", name);
  return 0;
}
