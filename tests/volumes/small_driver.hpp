// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "nvhook/volumes/contents.hpp"

namespace nvhook::test {

// What of a driver of four files, in `directory`, goes into a volume.
inline volumes::Contents small_driver_in(const std::string& directory, std::string version) {
  using volumes::Folder;
  const auto source = [&](const std::string& name) { return HostPath{directory + "/" + name}; };
  volumes::Contents all;
  all.version = std::move(version);
  all.files = {{source("nvidia-smi"), Folder::Bin, "nvidia-smi", {}},
               {source("32/libcuda.so.361.48"),
                Folder::Lib,
                "libcuda.so.361.48",
                {"libcuda.so.1", "libcuda.so"}},
               {source("libcuda.so.361.48"),
                Folder::Lib64,
                "libcuda.so.361.48",
                {"libcuda.so.1", "libcuda.so"}},
               {source("libnvidia-ml.so.361.48"),
                Folder::Lib64,
                "libnvidia-ml.so.361.48",
                {"libnvidia-ml.so.1"}}};
  return all;
}

}  // namespace nvhook::test
