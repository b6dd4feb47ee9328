// SPDX-License-Identifier: Apache-2.0
// create-volume STORE DRIVER link|copy
//
// Makes the volume of the small driver in a directory, in a process that can be killed at any of
// its calls. The first that counts comes behind getppid(2).
#include <unistd.h>

#include <cstdio>
#include <string_view>

#include "nvhook/volumes/store.hpp"
#include "volumes/small_driver.hpp"

int main(int argc, char** argv) {
  using namespace nvhook;
  if (argc != 4) return 64;
  const volumes::StoreOptions options{.path = argv[1],
                                      .links = std::string_view(argv[3]) == "link"};
  const auto contents = test::small_driver_in(argv[2], "361.48");
  (void)::getppid();
  const auto store = volumes::Store::open(options);
  if (!store) {
    std::fputs(store.error().text().c_str(), stderr);
    return 2;
  }
  const auto created = store->create(contents);
  if (created) return 0;
  std::fputs(created.error().text().c_str(), stderr);
  return 1;
}
