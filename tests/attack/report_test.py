#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The tables of report.py, from results as GoogleTest writes them."""

import unittest

import report


def results(**suites):
    """`suites`: tests by their names, with their further members."""
    return {"testsuites": [
        {"name": name.replace("__", "/"),
         "testsuite": [{"name": test, "result": "COMPLETED", **members}
                       for test, members in tests.items()]}
        for name, tests in suites.items()]}


FAILED = {"failures": [{"failure": "it escaped"}]}


class Families(unittest.TestCase):
    def lines(self, **suites):
        return report.families(report.read(results(**suites)))

    def test_count_rows_and_not_tests(self):
        lines = self.lines(Kernel__Races={"R05_A/New": {}, "R05_B/New": {}, "R09_C/New": {}})

        self.assertEqual(lines[1], ["R", "races", "2", "2 of 2", "-"])

    def test_have_a_column_for_each_tier(self):
        lines = self.lines(Kernel__Races={"R01_A/New": {}, "R01_A/Old": FAILED})

        self.assertEqual(lines[0][3:5], ["passed, New", "passed, Old"])
        self.assertEqual(lines[1][3:5], ["1 of 1", "0 of 1"])

    def test_count_a_row_of_each_layout_with_its_tier(self):
        lines = self.lines(Kernel__LoaderCache={"L01_A/New": {}, "L01_A/OldTree": FAILED})

        self.assertEqual(lines[1], ["L", "loader's cache", "1", "1 of 1", "0 of 1", "-"])

    def test_are_those_of_the_rows_and_not_of_the_suites(self):
        lines = self.lines(Kernel__Odd={"D01_A/New": {}, "S02_B/New": {}, "Helper/New": {}})

        self.assertEqual([line[0] for line in lines[1:]], ["D", "S"])

    def test_have_no_tier_but_the_two(self):
        lines = self.lines(Kernel__Sweep={"F01_A/0New": {}, "F01_A/1Old": FAILED},
                           At__Preload={"E01_B/prestart": {}})

        self.assertEqual(lines[0][3:5], ["passed, New", "passed, Old"])
        self.assertEqual(lines[1][3:5], ["1 of 1", "1 of 1"])
        self.assertEqual(lines[2][3:5], ["1 of 1", "0 of 1"])

    def test_fail_a_row_if_one_of_its_tests_failed(self):
        lines = self.lines(Kernel__Races={"R05_A/New": {}, "R05_B/New": FAILED})

        self.assertEqual(lines[1][3], "0 of 1")

    def test_do_not_count_what_was_skipped_as_passed(self):
        lines = self.lines(Kernel__Races={"R05_A/New": {"result": "SKIPPED"}})

        self.assertEqual(lines[1][3], "0 of 1")

    def test_leave_out_what_was_not_chosen(self):
        lines = self.lines(Kernel__Races={"R05_A/New": {"result": "SUPPRESSED"}})

        self.assertEqual(len(lines), 1)

    def test_put_the_naive_hook_beside(self):
        lines = self.lines(Kernel__Races={"R01_A/New": {}, "R02_B/New": {}},
                           NaiveRaces={"R01_A": {}, "R02_B": FAILED})

        self.assertEqual(lines[1], ["R", "races", "2", "2 of 2", "1 of 2"])

    def test_count_what_has_no_tier_for_each(self):
        lines = self.lines(Kernel__Hygiene={"B01_A/New": {}}, Binary={"B08_B": {}})

        self.assertEqual(lines[1][2:4], ["2", "2 of 2"])


class Races(unittest.TestCase):
    def test_have_the_naive_result_of_the_same_race_beside(self):
        mine = {"attempts": "2000", "swaps": "123456", "escapes": "0", "refused": "7"}
        tests = report.read(results(
            Kernel__Races={"R05_AMountPoint/New": mine, "R05_Another/New": mine},
            NaiveRaces={"R05_AMountPoint": {"attempts": "100", "escapes": "0", "untrue": "9"}}))

        lines = report.races(tests)

        self.assertEqual(lines[1], ["R-05", "a mount point", "New", "2,000", "123,456", "0", "7",
                                    "100", "0", "9"])
        self.assertEqual(lines[2][7:], ["-", "-", "-"])

    def test_of_whole_runs_have_a_table_of_their_own(self):
        tests = report.read(results(
            Kernel__HookRaces={"R01_ALink/Old": {"hooks": "20", "swaps": "5", "refused": "3"}}))

        self.assertEqual(report.hooks(tests)[1],
                         ["R-01", "a link", "Old", "20", "5", "3", "yes"])
        self.assertEqual(len(report.races(tests)), 1)


class Tables(unittest.TestCase):
    def test_align_words_left_and_numbers_right(self):
        self.assertEqual(report.as_table([["race", "n"], ["a", "1,000"], ["abcdef", "2"]]),
                         "race        n\na       1,000\nabcdef      2")


if __name__ == "__main__":
    unittest.main()
