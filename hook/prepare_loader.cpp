// SPDX-License-Identifier: Apache-2.0
#include "prepare_loader.hpp"

#include <string>
#include <string_view>
#include <utility>

#include "nvhook/base/quote.hpp"
#include "nvhook/container/survey.hpp"
#include "nvhook/elf/elf.hpp"
#include "nvhook/ldcache/question.hpp"
#include "nvhook/plan/make_plan.hpp"

namespace nvhook {
namespace {

ldcache::Abi abi_of(plan::Kind kind) {
  if (kind == plan::Kind::Library32) return ldcache::Abi::I386;
  return elf::native().machine == elf::Machine::AArch64 ? ldcache::Abi::AArch64
                                                        : ldcache::Abi::X86_64;
}

std::vector<ldcache::Library> libraries_of(const plan::LoaderCache& loader) {
  std::vector<ldcache::Library> libraries;
  libraries.reserve(loader.libraries.size());
  for (const auto& [name, path, kind] : loader.libraries)
    libraries.push_back({.name = name, .path = path.value, .abi = abi_of(kind)});
  return libraries;
}

// By the loader, not by what is done: a file to mount over the image's may be of either kind.
ldcache::FileKind kind_of(container::Libc libc) {
  return libc == container::Libc::Musl ? ldcache::FileKind::MuslPath : ldcache::FileKind::Cache;
}

std::string_view content_of(const LoaderFacts& facts) {
  if (!facts.file || !facts.file->content) return {};
  return facts.file->content->bytes;
}

}  // namespace

Result<LoaderFacts> survey_loader(const container::Rootfs& rootfs, const container::Image& image,
                                  const std::optional<container::Place>& tree,
                                  const std::vector<container::MountEntry>& mounts) {
  LoaderFacts facts;
  facts.libc = image.libc;
  const auto place = plan::loader_file_of(image);
  if (!place) return facts;
  auto file = container::survey_file(rootfs, *place, mounts, plan::kMaxLoaderFile);
  if (!file) return std::unexpected(std::move(file).error());
  facts.file = std::move(*file);
  if (!tree || image.libc != container::Libc::Glibc) return facts;
  auto directory = container::survey_file(rootfs, plan::loader_directory_file(), mounts, 0);
  if (!directory) return std::unexpected(std::move(directory).error());
  facts.directory = std::move(*directory);
  return facts;
}

void ask_for_loader_file(const plan::Plan& plan, const LoaderFacts& facts, PendingSpec& parser) {
  if (plan.loader.path.value.empty()) return parser.dismiss();
  const auto libraries = libraries_of(plan.loader);
  parser.ask_of_loader_file(ldcache::ask(kind_of(facts.libc), libraries, content_of(facts)));
}

Result<void> take_loader_file(plan::Plan& plan, container::Libc libc, PendingSpec& parser) {
  using plan::CacheAction;
  auto& loader = plan.loader;
  if (loader.path.value.empty()) return {};
  auto bytes = parser.answer_of_loader_file();
  parser.dismiss();
  if (!bytes && bytes.error().id() == ErrorId::DriverRead) {
    // What makes no sense to us makes none to the loader. (Damage is no harm: ours are few.)
    plan.warnings.push_back({WarningId::LdCache, quote(loader.path.value) +
                                                     " of the image is damaged (" +
                                                     bytes.error().message() +
                                                     "): the new one has the driver's libraries "
                                                     "alone"});
    if (loader.action == CacheAction::Merge) loader.action = CacheAction::Create;
    bytes = ldcache::answer(ldcache::ask(kind_of(libc), libraries_of(loader), {}));
  }
  if (!bytes) return std::unexpected(std::move(bytes).error());
  loader.bytes = std::move(*bytes);
  return {};
}

}  // namespace nvhook
