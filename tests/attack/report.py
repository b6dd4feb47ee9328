#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: report.py RESULTS

Prints the tables of scripts/attack from the results that attack_tests has written as JSON
(--gtest_output). A test belongs to the row whose id its name begins with, "R01_ADirectory..." to
R-01, and to the family of that letter; the tier, New or Old, is the end of its name, before the
layout where that is Tree. Suites called Naive... are the positive controls: they pass where the
naive hook is defeated.
"""

import json
import re
import sys

FAMILIES = {
    "B": "hygiene",
    "C": "cgroup",
    "D": "destinations",
    "E": "environment",
    "F": "faults",
    "J": "state and spec",
    "L": "loader's cache",
    "M": "mounts",
    "P": "processes and namespaces",
    "R": "races",
    "S": "sources",
    "T": "what dead ones leave",
}
NAME = re.compile(r"(?P<family>[A-Z])(?P<row>\d\d)_(?P<what>\w+?)"
                  r"(?:/\d*(?P<tier>New|Old)(?:Tree)?|/\w+)?$")


def read(results):
    """The tests that have run, each with its suite and what its name tells."""
    tests = []
    for suite in results["testsuites"]:
        for test in suite["testsuite"]:
            name = NAME.match(test["name"])
            if name is None or test["result"] == "SUPPRESSED":
                continue
            tests.append({
                **test,
                **name.groupdict(),
                "suite": suite["name"].split("/")[-1],
                "passed": test["result"] == "COMPLETED" and not test.get("failures"),
            })
    return tests


def is_naive(test):
    return test["suite"].startswith("Naive")


def passed_of(tests):
    """"9 of 9": a row has passed if all of its tests have."""
    rows = {test["row"] for test in tests}
    failed = {test["row"] for test in tests if not test["passed"]}
    return f"{len(rows) - len(failed)} of {len(rows)}" if rows else "-"


def families(tests):
    """A line for each family: rows, how many have passed on each tier, and the control."""
    ours = [test for test in tests if not is_naive(test)]
    tiers = sorted({test["tier"] for test in ours if test["tier"]})
    lines = [["family", "", "rows"] + [f"passed, {tier}" for tier in tiers] + ["naive defeated"]]
    for family in sorted({test["family"] for test in ours}):
        of_family = [test for test in ours if test["family"] == family]
        control = [test for test in tests if is_naive(test) and test["family"] == family]
        lines.append(
            [family, FAMILIES.get(family, ""), str(len({test["row"] for test in of_family}))] +
            # What does not depend on the kernel has no tier, and counts for each.
            [passed_of([test for test in of_family if test["tier"] in (tier, None)])
             for tier in tiers] + [passed_of(control)])
    return lines


def in_words(name):
    """"ADirectoryAndAnother" is "a directory and another"."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower()


def number(test, key):
    return f"{int(test[key]):,}" if key in test else "-"


def races(tests):
    """A line for each race and tier, with the naive result in the same race."""
    naive = {(test["row"], test["what"]): test for test in tests if is_naive(test)}
    lines = [["race", "", "tier", "attempts", "swaps", "escapes", "refused", "naive attempts",
              "escapes", "untrue"]]
    for test in tests:
        if "attempts" not in test or is_naive(test):
            continue
        control = naive.get((test["row"], test["what"]), {})
        lines.append([f"R-{test['row']}", in_words(test["what"]), test["tier"]] +
                     [number(test, key) for key in ("attempts", "swaps", "escapes", "refused")] +
                     [number(control, key) for key in ("attempts", "escapes", "untrue")])
    return lines


def hooks(tests):
    """A line for each race of whole runs and tier."""
    lines = [["race", "", "tier", "whole runs", "swaps", "refused", "passed"]]
    for test in tests:
        if "hooks" in test:
            lines.append([f"R-{test['row']}", in_words(test["what"]), test["tier"]] +
                         [number(test, key) for key in ("hooks", "swaps", "refused")] +
                         ["yes" if test["passed"] else "NO"])
    return lines


def as_table(lines):
    """Aligned: words to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    numeric = [all(re.match(r"[\d,]+( of \d+)?$|-$", line[i]) for line in lines[1:])
               for i in range(len(widths))]
    return "\n".join(
        "  ".join(cell.rjust(width) if right else cell.ljust(width)
                  for cell, width, right in zip(line, widths, numeric)).rstrip()
        for line in lines)


def report(results):
    tests = read(results)
    tables = [table for table in (families(tests), races(tests), hooks(tests)) if len(table) > 1]
    return "\n\n".join(map(as_table, tables))


def main():
    if len(sys.argv) != 2 or sys.argv[1] in ("--help", "-h"):
        print(__doc__.strip())
        return 0 if len(sys.argv) == 2 else 64
    with open(sys.argv[1], encoding="utf-8") as file:
        print(report(json.load(file)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
