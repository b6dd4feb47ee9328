// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dlfcn.h>

#include <expected>
#include <initializer_list>
#include <string>
#include <utility>

namespace nvhook::nvml {

// nvmlReturn_t, those that we act on
inline constexpr int kSuccess = 0;
inline constexpr int kNotSupported = 3;
inline constexpr int kNotFound = 6;
inline constexpr int kInsufficientSize = 7;
inline constexpr int kLibraryNotFound = 12;
inline constexpr int kFunctionNotFound = 13;

// A library of the driver's, loaded into this process for good. Its functions are called by their
// names, with exactly the types that its header gives them.
class Library {
 public:
  // Fails with the loader's own words.
  [[nodiscard]] static std::expected<Library, std::string> open(const std::string& path) {
    ::dlerror();
    void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle != nullptr) return Library(handle);
    const char* why = ::dlerror();
    return std::unexpected(why == nullptr ? "cannot be loaded" : why);
  }

  template <class Function>
  [[nodiscard]] Function* find(const char* name) const {
    return reinterpret_cast<Function*>(::dlsym(handle_, name));
  }

  // kFunctionNotFound if this driver has no such function.
  template <class... Arguments>
  int call(const char* name, Arguments... arguments) const {
    auto* function = find<int(Arguments...)>(name);
    return function == nullptr ? kFunctionNotFound : function(arguments...);
  }

  // The first of these names that there is, for functions that came in several versions.
  template <class... Arguments>
  int call_first(std::initializer_list<const char*> names, Arguments... arguments) const {
    for (const char* name : names)
      if (auto* function = find<int(Arguments...)>(name)) return function(arguments...);
    return kFunctionNotFound;
  }

 private:
  explicit Library(void* handle) : handle_(handle) {}

  void* handle_;  // never closed: the process ends with it
};

}  // namespace nvhook::nvml
