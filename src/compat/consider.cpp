// SPDX-License-Identifier: Apache-2.0
#include "nvhook/compat/consider.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>
#include <variant>

#include "nvhook/compat/decide.hpp"
#include "nvhook/compat/exchange.hpp"
#include "nvhook/compat/find.hpp"

namespace nvhook::compat {
namespace {

// The bytes that are wanted; fewer where the file has become shorter.
Result<std::string> read_piece(int fd, const Need& need) {
  std::string bytes(need.size, '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    const auto got = ::pread(fd, bytes.data() + have, bytes.size() - have,
                             static_cast<off_t>(need.offset + have));
    if (got < 0) return system_failure(ErrorId::Kernel, "read libcuda of the image");
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  bytes.resize(have);
  return bytes;
}

}  // namespace

Result<Finding> examine_file(int fd, const Ask& ask) {
  struct stat status {};
  if (::fstat(fd, &status) != 0)
    return system_failure(ErrorId::Kernel, "stat libcuda of the image");
  const auto file_size = static_cast<std::uint64_t>(std::max<off_t>(status.st_size, 0));

  constexpr std::uint64_t kStart = 4096;  // is asked for first, always
  std::vector<std::pair<std::uint64_t, std::string>> pieces;
  std::size_t sum = 0;
  Need need{.offset = 0, .size = static_cast<std::uint32_t>(std::min(file_size, kStart))};
  for (;;) {
    auto bytes = read_piece(fd, need);
    if (!bytes) return std::unexpected(std::move(bytes).error());
    if (bytes->size() < need.size) return Damaged{"it became shorter while it was read"};
    sum += bytes->size();
    pieces.emplace_back(need.offset, *std::move(bytes));

    Excerpt excerpt{.file_size = file_size, .pieces = {}};
    for (const auto& [offset, text] : pieces) excerpt.pieces.push_back({offset, text});
    const auto record = ask(encode(excerpt));
    if (!record) return std::unexpected(record.error());
    auto finding = decode_finding(*record, file_size);
    if (!finding) return finding;
    const auto* wanted = std::get_if<Need>(&*finding);
    if (wanted == nullptr) return finding;
    if (pieces.size() == kMaxPieces || wanted->size > kMaxExcerpt - sum)
      return Damaged{"too much of the file would have to be read"};
    need = *wanted;
  }
}

Result<Outcome> consider(config::CudaCompat mode, ContainerRoot root, std::string_view host_version,
                         const Ask& ask) {
  Outcome outcome;
  if (mode == config::CudaCompat::Off) {
    outcome.reason = "the setting container.cuda_compat is \"off\"";
    return outcome;
  }
  auto found = find(root);
  if (!found) return std::unexpected(std::move(found).error());
  if (auto* nothing = std::get_if<Nothing>(&*found)) {
    outcome.reason = std::move(nothing->why);
    return outcome;
  }

  auto& libraries = std::get<Libraries>(*found);
  Finding finding;
  if (is_newer(libraries.version, host_version)) {
    auto seen = examine_file(libraries.libcuda.get(), ask);
    if (!seen) return failed_to("forward compatibility", std::move(seen));
    finding = *std::move(seen);
  }
  auto decision = decide(libraries.version, host_version, finding);
  if (auto* examined = std::get_if<Examined>(&finding))
    outcome.support = std::move(examined->support);
  outcome.reason = std::move(decision.reason);
  if (decision.warning) outcome.warnings.push_back(*std::move(decision.warning));
  if (decision.choice == Choice::Image)
    outcome.first = First{std::move(libraries.directory), std::move(libraries.names)};
  return outcome;
}

}  // namespace nvhook::compat
