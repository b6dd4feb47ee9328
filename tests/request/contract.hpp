// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <span>
#include <string>
#include <string_view>

#include "nvhook/request/parse.hpp"

// Tables of what NVIDIA's hook makes of a container's words, walked row by row. Where nvhook
// differs on purpose, a row says what NVIDIA's does.
namespace nvhook::request {

struct ContractRow {
  std::string_view row;  // as in the table
  oci::Config container;
  std::string_view outcome;
  Rules rules{};
  std::string_view nvidias{};  // what comes out there, where it is something else
};

class Contract : public ::testing::Test {
 protected:
  // `outcome_of(container, rules)` gives text as in the rows.
  static void walk(std::span<const ContractRow> table, const auto& outcome_of) {
    int different = 0;
    for (const auto& row : table) {
      EXPECT_EQ(outcome_of(row.container, row.rules), row.outcome) << row.row;
      if (!row.nvidias.empty()) ++different;
    }
    count(table.size(), different);
  }

  static void count(std::size_t rows, int different = 0) {
    RecordProperty("rows", static_cast<int>(rows));
    const auto name = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::printf("[   ROWS   ] %s: %zu, of which %d differ on purpose\n", name, rows, different);
    all_ += rows;
  }

  static void TearDownTestSuite() { std::printf("[   ROWS   ] all tables: %zu\n", all_); }

 private:
  static inline std::size_t all_ = 0;
};

}  // namespace nvhook::request
