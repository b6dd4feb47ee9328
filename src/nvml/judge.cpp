// SPDX-License-Identifier: Apache-2.0
#include "nvml/judge.hpp"

#include <chrono>
#include <utility>

#include "nvhook/base/quote.hpp"
#include "nvhook/nvml/document.hpp"
#include "nvml/program.hpp"

namespace nvhook::nvml {
namespace {

constexpr int kUnable = 3;  // the program's own: its document has the error

std::string seconds(std::chrono::milliseconds time) {
  const auto tenths = time.count() / 100;
  return std::to_string(tenths / 10) + (tenths % 10 == 0 ? "" : "." + std::to_string(tenths % 10)) +
         " s";
}

std::string_view way_out(int code) {
  switch (code) {
    case 4:   // NO_PERMISSION
    case 17:  // OPERATING_SYSTEM
      return "it is asked by the user nobody, for whom /dev/nvidia* may be closed: see their modes";
    case 9:  // DRIVER_NOT_LOADED
      return "load the module (modprobe nvidia), and see that /dev/nvidiactl is there";
    case 18:  // LIB_RM_VERSION_MISMATCH
      return "the driver was updated while its module was loaded: reboot, or load the module anew";
    default:
      return "see what nvidia-smi says on this host";
  }
}

std::unexpected<Error> refused(const Question& question, const Trouble& trouble) {
  if (trouble.call == "dlopen")
    return failure(ErrorId::NvmlAbsent, "the library of NVML " + quote(question.nvml) +
                                            " cannot be loaded: " + quote(trouble.text));
  return failure(ErrorId::NvmlFailed,
                 "NVML says " + quote(trouble.text) + " (" + quote(trouble.call) + ": " +
                     std::string(name_of_code(trouble.code)) + ", " + std::to_string(trouble.code) +
                     "); " + std::string(way_out(trouble.code)));
}

Result<Answer> read_answer(const Question& question, std::string document) {
  auto nvml = parse(document);
  if (!nvml) return failed_to("nvhook-nvml", std::move(nvml));
  if (nvml->error) return refused(question, *nvml->error);
  return Answer{.nvml = std::move(*nvml), .document = std::move(document)};
}

}  // namespace

Result<Answer> judge(const Question& question, Said said) {
  if (said.end == Said::End::Late)
    return failure(ErrorId::NvmlTimeout,
                   "NVML did not answer within " + seconds(question.deadline) +
                       ", and nvhook-nvml was ended; see whether nvidia-smi -L answers on this "
                       "host: a first look takes long where nvidia-persistenced does not run");
  if (said.end == Said::End::TooMuch)
    return failure(ErrorId::NvmlAnswer, "nvhook-nvml says more than " +
                                            std::to_string(kMaxDocument) + " bytes, and was ended");
  if (said.end == Said::End::Signal)
    return failure(ErrorId::NvmlCrashed,
                   "nvhook-nvml was ended by signal " + std::to_string(said.number) +
                       " while it asked NVML; see what nvidia-smi says on this host, and whether "
                       "all of the driver is of one version");
  if (said.number == 0 || said.number == kUnable)
    return read_answer(question, std::move(said.text));
  if (said.number == kNotConfined)
    return failure(ErrorId::Kernel,
                   "a process for nvhook-nvml could not give up its privileges, and was ended");
  if (said.number == kNotExecuted)
    return failure(ErrorId::NvmlAbsent,
                   "nvhook-nvml cannot be executed by the user nobody: see "
                   "its mode, and the options of its file system");
  if (said.number == kOutOfMemory)
    return failure(ErrorId::Kernel, "there is no memory for the processes of nvhook-nvml");
  return failure(ErrorId::NvmlAnswer,
                 "nvhook-nvml ended with status " + std::to_string(said.number) +
                     ", and is none of this version: install it together with nvhook");
}

}  // namespace nvhook::nvml
