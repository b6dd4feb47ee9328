#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""usage: page_works_in_a_browser.py [--server URL] [--screenshots FOLDER] [CLASS[.TEST]]...

The status page in Chromium: against a server that answers for made-up GPUs, which come, go and
misbehave; with --server against a companion that runs, as far as that goes whatever its GPUs do.
--screenshots keeps pictures at two widths, light and dark. Exits with 77 if it cannot be run
here."""

import argparse
import pathlib
import shutil
import sys
import unittest

from any_companion import WithAnyCompanion
from browser import Browser
from failures import WhereItIsSeen, WithACompanionThatFails
from fake_companion import FakeCompanion
from made_up_gpus import WithChangingGpus
from page_test import PageTest, here

OF_MADE_UP_GPUS = (WithChangingGpus, WithACompanionThatFails, WhereItIsSeen)


class Screenshots(PageTest):
    def test_are_kept(self):
        here.options.screenshots.mkdir(parents=True, exist_ok=True)
        for gpus in (0, 1, 2, 8, 16) if here.companion else (None,):
            for width in (1280, 375):
                for scheme in ("light", "dark"):
                    self.open(gpus, width=width, color_scheme=scheme)
                    self.tab.pass_time(299)
                    name = f"{self.count('.card')}-{width}-{scheme}.png"
                    self.tab.screenshot(here.options.screenshots / name)


def main():
    parser = argparse.ArgumentParser(description=__doc__, usage=argparse.SUPPRESS,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server")
    parser.add_argument("--screenshots", type=pathlib.Path)
    parser.add_argument("tests", nargs="*")
    here.options = parser.parse_args()
    program = shutil.which("chromium")
    if not program:
        print("skipped: needs chromium")
        sys.exit(77)
    here.browser = Browser(program)
    try:
        classes = [WithAnyCompanion]
        if here.options.server:
            here.options.server = here.options.server.rstrip("/") + "/"
        else:
            here.companion = FakeCompanion()
            classes += OF_MADE_UP_GPUS
        if here.options.screenshots:
            classes.append(Screenshots)
        names = here.options.tests or [each.__name__ for each in classes]
        ended = unittest.main(argv=[sys.argv[0]], defaultTest=names, exit=False, verbosity=2)
    finally:
        here.browser.close()
        if here.companion:
            here.companion.stop()
    sys.exit(0 if ended.result.wasSuccessful() else 1)


main()
