// SPDX-License-Identifier: Apache-2.0
// What the command lines of nvhook and nvhook-companion have in common.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace nvhook {

// The path as seen from the directory that the user stands in, before we leave it.
[[nodiscard]] std::string absolute(std::string path);

// CLI11's words have those of the command line in them, as they came: fit for a terminal.
[[nodiscard]] std::string shown_on_one_line(std::string text);

// CLI11 has one line for the usage, and we have several.
class HelpLayout : public CLI::Formatter {
 public:
  HelpLayout(std::string_view usage, const std::string& positionals) : usage_(usage) {
    label("Positionals", positionals);
    column_width(22);
  }
  std::string make_usage(const CLI::App* /*app*/, std::string /*name*/) const override {
    return usage_;
  }

 private:
  std::string usage_;
};

// Where the host's driver is looked for.
template <class Roots>
void add_root_options(CLI::App& app, Roots& roots) {
  const auto directory = [&app](const char* name, std::optional<std::string>& into,
                                const char* text) {
    app.add_option(name, into, text)->option_text("DIR");
  };
  directory("--driver-root", roots.driver_root, "Holds the driver's files and etc/ld.so.cache (/)");
  directory("--dev-root", roots.dev_root,
            "Contains dev/ (driver root if it has dev/nvidiactl, or /)");
  directory("--proc-root", roots.proc_root,
            "Stands for /proc where the driver's facts are read (/proc)");
  directory("--sys-root", roots.sys_root, "Stands for /sys, likewise (/sys)");
}

}  // namespace nvhook
