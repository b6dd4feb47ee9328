// SPDX-License-Identifier: Apache-2.0
#include "where.hpp"

namespace nvhook {

driver::Where where_of(const config::Settings& settings) {
  return {.driver_root = settings.roots.driver,
          .dev_root = settings.roots.dev,
          .proc_root = settings.roots.proc,
          .sys_root = settings.roots.sys,
          .library_directories = settings.search.libraries,
          .program_directories = settings.search.programs,
          .node_directory = settings.search.nodes,
          .extras = {.procfs = settings.container.procfs,
                     .persistenced_socket = settings.container.persistenced_socket,
                     .fabricmanager_socket = settings.container.fabricmanager_socket,
                     .firmware = settings.container.firmware,
                     .mps_directory = settings.container.mps_directory}};
}

}  // namespace nvhook
