#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lets libFuzzer search with each target for so many seconds of processor time.

A target per core at a time. What is found stays below WORK: NAME/corpus holds the inputs that reach
new code and are where the next search goes on, NAME/crashes those that fail, NAME/log what libFuzzer
says. The corpora of the repository are read only. Prints a table at the end. Exit status: 0, or 1
where a target failed. Standard library only.
"""

import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import time

LONGEST_SLICE_S = 300  # of a run; libFuzzer loads its corpus anew at each
INPUT_TIMEOUT_S = 10
MEMORY_MIB = 2048
PROGRESS_S = 30

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"

Outcome = collections.namedtuple("Outcome", "name executions cpu_s inputs crashes status")


class Search:
    """The search of one target."""

    def __init__(self, name, programs, work):
        self.name = name
        self.program = programs / f"fuzz_{name}"
        self.corpus = work / name / "corpus"
        self.crashes = work / name / "crashes"
        self.log = work / name / "log"
        for directory in (self.corpus, self.crashes):
            directory.mkdir(parents=True, exist_ok=True)
        self.cpu_s = 0.0  # of the slices that have ended

    def run(self, seconds):
        """Runs slices until their processor time adds up: libFuzzer itself counts the wall's."""
        known = set(self.crashes.iterdir())
        status = 0
        self.log.write_bytes(b"")
        while status == 0 and self.cpu_s < seconds:
            left_s = min(seconds - self.cpu_s, LONGEST_SLICE_S)
            status, cpu_s = self._slice(max(1, round(left_s)))
            self.cpu_s += max(cpu_s, 0.01)
        executed = re.findall(rb"^stat::number_of_executed_units:\s*(\d+)", self.log.read_bytes(),
                              re.MULTILINE)
        return Outcome(self.name, sum(map(int, executed)), self.cpu_s,
                       len(list(self.corpus.iterdir())),
                       sorted(set(self.crashes.iterdir()) - known), status)

    def _slice(self, wall_s):
        """The exit status, and the processor time in seconds."""
        command = [self.program, self.corpus, CORPUS / self.name, f"-max_total_time={wall_s}",
                   f"-timeout={INPUT_TIMEOUT_S}", f"-rss_limit_mb={MEMORY_MIB}",
                   f"-artifact_prefix={self.crashes}/", "-print_final_stats=1"]
        with self.log.open("ab") as log:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)  # it is reaped
        return child.returncode, used.ru_utime + used.ru_stime


def show_progress(searches, futures, seconds, start):
    ended = sum(future.done() for future in futures)
    cpu_s = sum(search.cpu_s for search in searches)
    print(f"{time.monotonic() - start:6.0f} s: {ended} of {len(futures)} targets done, "
          f"{cpu_s:.0f} of {seconds * len(futures)} s of processor time", flush=True)


def print_table(outcomes):
    print(f"\n{'target':<20}{'executions':>14}{'CPU s':>8}{'corpus':>8}{'crashes':>9}")
    for outcome in outcomes:
        print(f"{outcome.name:<20}{outcome.executions:>14,}{outcome.cpu_s:>8.0f}"
              f"{outcome.inputs:>8}{len(outcome.crashes):>9}")


def print_failures(searches, outcomes):
    """Each failure with what there is to do."""
    for search, outcome in zip(searches, outcomes):
        if outcome.status == 0:
            continue
        print(f"\n{outcome.name} failed with status {outcome.status}; see {search.log}")
        corpus = os.path.relpath(CORPUS / outcome.name)
        for crash in outcome.crashes:
            print(f"  again: {search.program} {crash}\n"
                  f"  keep:  cp {crash} {corpus}/NAME_THAT_SAYS_WHAT_IT_IS")
        print(f"  The test fuzz_{outcome.name}_corpus replays it from then on. Mend the code, and add\n"
              "  a test to the module's that is named after the behaviour.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, required=True)
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("targets", nargs="+")
    arguments = parser.parse_args()

    searches = [Search(name, arguments.programs, arguments.work) for name in arguments.targets]
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        futures = [pool.submit(search.run, arguments.seconds) for search in searches]
        while not all(future.done() for future in futures):
            concurrent.futures.wait(futures, PROGRESS_S)
            show_progress(searches, futures, arguments.seconds, start)
    outcomes = [future.result() for future in futures]

    print_table(outcomes)
    print_failures(searches, outcomes)
    return 1 if any(outcome.status != 0 for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
