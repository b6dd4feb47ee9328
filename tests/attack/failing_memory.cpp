// SPDX-License-Identifier: Apache-2.0
// Linked to nvhook for the tests: one request for memory fails, or all from one on. Which is said
// by the file that NVHOOK_TEST_MEMORY names, a MemoryOrder, and the requests are counted there.
// They count from the clean start on: what the C++ library asks for before main is nothing of ours.
// (nvhook itself reads no environment, and none is left then.)
#include "failing_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <new>

using nvhook::test::MemoryOrder;

extern "C" void* __real_malloc(std::size_t size);
extern "C" void* __real_calloc(std::size_t count, std::size_t size);
extern "C" void* __real_realloc(void* memory, std::size_t size);
extern "C" int __real_clearenv();

namespace {

MemoryOrder* open_order() {
  const char* path = std::getenv("NVHOOK_TEST_MEMORY");
  if (path == nullptr) return nullptr;
  const int fd = ::open(path, O_RDWR | O_CLOEXEC);
  void* page = ::mmap(nullptr, sizeof(MemoryOrder), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  return page == MAP_FAILED ? nullptr : static_cast<MemoryOrder*>(page);
}

MemoryOrder* order = nullptr;

// Whether this request fails.
bool fails() {
  if (order == nullptr) return false;
  const auto nth = ++order->requests;
  const bool now =
      order->failing != 0 && (nth == order->failing || (order->for_good && nth > order->failing));
  if (now) errno = ENOMEM;
  return now;
}

}  // namespace

// Part of the clean start.
extern "C" int __wrap_clearenv() {
  order = open_order();
  return __real_clearenv();
}

extern "C" void* __wrap_malloc(std::size_t size) { return fails() ? nullptr : __real_malloc(size); }
extern "C" void* __wrap_calloc(std::size_t count, std::size_t size) {
  return fails() ? nullptr : __real_calloc(count, size);
}
extern "C" void* __wrap_realloc(void* memory, std::size_t size) {
  return fails() ? nullptr : __real_realloc(memory, size);
}

void* operator new(std::size_t size) {
  if (void* memory = __wrap_malloc(size > 0 ? size : 1)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t& /*none*/) noexcept {
  return __wrap_malloc(size > 0 ? size : 1);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { std::free(memory); }
