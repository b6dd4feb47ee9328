// SPDX-License-Identifier: Apache-2.0
#include "nvhook/base/message_id.hpp"

#include <array>
#include <cstddef>
#include <utility>

namespace nvhook {
namespace {

constexpr std::array kErrors = {
    ErrorInfo{ErrorId::Usage, "E_USAGE", 64},
    ErrorInfo{ErrorId::Bug, "E_BUG", 70},
    ErrorInfo{ErrorId::Config, "E_CONFIG", 2},
    ErrorInfo{ErrorId::Setuid, "E_SETUID", 2},
    ErrorInfo{ErrorId::ReqDevice, "E_REQ_DEVICE", 2},
    ErrorInfo{ErrorId::ReqCapability, "E_REQ_CAPABILITY", 2},
    ErrorInfo{ErrorId::ReqRequirement, "E_REQ_REQUIREMENT", 2},
    ErrorInfo{ErrorId::ReqUnmet, "E_REQ_UNMET", 2},
    ErrorInfo{ErrorId::StateRead, "E_STATE_READ", 2},
    ErrorInfo{ErrorId::StateLimit, "E_STATE_LIMIT", 2},
    ErrorInfo{ErrorId::StateParse, "E_STATE_PARSE", 2},
    ErrorInfo{ErrorId::StateField, "E_STATE_FIELD", 2},
    ErrorInfo{ErrorId::Stage, "E_STAGE", 2},
    ErrorInfo{ErrorId::DriverAbsent, "E_DRIVER_ABSENT", 3},
    ErrorInfo{ErrorId::DriverIncomplete, "E_DRIVER_INCOMPLETE", 3},
    ErrorInfo{ErrorId::DriverRead, "E_DRIVER_READ", 3},
    ErrorInfo{ErrorId::NodeMissing, "E_NODE_MISSING", 3},
    ErrorInfo{ErrorId::NodeType, "E_NODE_TYPE", 3},
    ErrorInfo{ErrorId::SrcTrust, "E_SRC_TRUST", 3},
    ErrorInfo{ErrorId::SrcChanged, "E_SRC_CHANGED", 3},
    ErrorInfo{ErrorId::DstArch, "E_DST_ARCH", 4},
    ErrorInfo{ErrorId::DstResolve, "E_DST_RESOLVE", 4},
    ErrorInfo{ErrorId::DstType, "E_DST_TYPE", 4},
    ErrorInfo{ErrorId::DstForeignMount, "E_DST_FOREIGN_MOUNT", 4},
    ErrorInfo{ErrorId::DstReadOnly, "E_DST_RO", 4},
    ErrorInfo{ErrorId::Rootfs, "E_ROOTFS", 4},
    ErrorInfo{ErrorId::Propagation, "E_PROPAGATION", 4},
    ErrorInfo{ErrorId::Userns, "E_USERNS", 4},
    ErrorInfo{ErrorId::Pid, "E_PID", 4},
    ErrorInfo{ErrorId::NsSame, "E_NS_SAME", 4},
    ErrorInfo{ErrorId::Ns, "E_NS", 4},
    ErrorInfo{ErrorId::Cgroup, "E_CGROUP", 5},
    ErrorInfo{ErrorId::Kernel, "E_KERNEL", 5},
    ErrorInfo{ErrorId::Race, "E_RACE", 5},
    ErrorInfo{ErrorId::NoSpace, "E_NOSPC", 5},
    ErrorInfo{ErrorId::Interrupted, "E_INTERRUPTED", 5},
    ErrorInfo{ErrorId::Deadline, "E_DEADLINE", 4},
    ErrorInfo{ErrorId::Record, "E_RECORD", 4},
    ErrorInfo{ErrorId::Systemd, "E_SYSTEMD", 5},
    ErrorInfo{ErrorId::ReqMig, "E_REQ_MIG", 2},
    ErrorInfo{ErrorId::ReqImex, "E_REQ_IMEX", 2},
    ErrorInfo{ErrorId::NvmlAbsent, "E_NVML_ABSENT", 3},
    ErrorInfo{ErrorId::NvmlTimeout, "E_NVML_TIMEOUT", 3},
    ErrorInfo{ErrorId::NvmlCrashed, "E_NVML_CRASHED", 3},
    ErrorInfo{ErrorId::NvmlFailed, "E_NVML_FAILED", 3},
    ErrorInfo{ErrorId::NvmlAnswer, "E_NVML_ANSWER", 3},
    ErrorInfo{ErrorId::Store, "E_STORE", 5},
    ErrorInfo{ErrorId::Listen, "E_LISTEN", 5},
};

constexpr std::array kWarnings = {
    WarningInfo{WarningId::ConfigKey, "W_CONFIG_KEY"},
    WarningInfo{WarningId::LibraryMissing, "W_LIBRARY_MISSING"},
    WarningInfo{WarningId::NodeMissing, "W_NODE_MISSING"},
    WarningInfo{WarningId::NoGpus, "W_NO_GPUS"},
    WarningInfo{WarningId::NoLoader, "W_NO_LOADER"},
    WarningInfo{WarningId::RootfsEmpty, "W_ROOTFS_EMPTY"},
    WarningInfo{WarningId::LinkExists, "W_LINK_EXISTS"},
    WarningInfo{WarningId::NoCgroup, "W_NO_CGROUP"},
    WarningInfo{WarningId::NoSeccomp, "W_NO_SECCOMP"},
    WarningInfo{WarningId::Log, "W_LOG"},
    WarningInfo{WarningId::NotLocked, "W_NOT_LOCKED"},
    WarningInfo{WarningId::NotSealed, "W_NOT_SEALED"},
    WarningInfo{WarningId::NoRecord, "W_NO_RECORD"},
    WarningInfo{WarningId::Systemd, "W_SYSTEMD"},
    WarningInfo{WarningId::LdCache, "W_LDCACHE"},
    WarningInfo{WarningId::Musl, "W_MUSL"},
    WarningInfo{WarningId::ProgramPath, "W_PROGRAM_PATH"},
    WarningInfo{WarningId::ReqUnknown, "W_REQ_UNKNOWN"},
    WarningInfo{WarningId::Litter, "W_LITTER"},
    WarningInfo{WarningId::CudaCompat, "W_CUDA_COMPAT"},
    WarningInfo{WarningId::ReqUntrusted, "W_REQ_UNTRUSTED"},
    WarningInfo{WarningId::ReqIgnored, "W_REQ_IGNORED"},
    WarningInfo{WarningId::MigOrder, "W_MIG_ORDER"},
    WarningInfo{WarningId::ProcfsSkipped, "W_PROCFS_SKIPPED"},
    WarningInfo{WarningId::FileSkipped, "W_FILE_SKIPPED"},
    WarningInfo{WarningId::Uvm, "W_UVM"},
};

// The tables are looked up by position, so their order must be that of the enums.
template <class Table>
constexpr bool in_enum_order(const Table& table) {
  for (std::size_t i = 0; i < table.size(); ++i)
    if (std::to_underlying(table[i].id) != i) return false;
  return true;
}
static_assert(in_enum_order(kErrors));
static_assert(in_enum_order(kWarnings));
static_assert(kErrors.size() == std::to_underlying(ErrorId::Listen) + 1U);
static_assert(kWarnings.size() == std::to_underlying(WarningId::Uvm) + 1U);

}  // namespace

std::string_view name_of(ErrorId id) { return kErrors[std::to_underlying(id)].name; }
std::string_view name_of(WarningId id) { return kWarnings[std::to_underlying(id)].name; }
int exit_status_of(ErrorId id) { return kErrors[std::to_underlying(id)].exit_status; }

std::span<const ErrorInfo> all_errors() { return kErrors; }
std::span<const WarningInfo> all_warnings() { return kWarnings; }

}  // namespace nvhook
