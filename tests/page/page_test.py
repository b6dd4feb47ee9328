# SPDX-License-Identifier: Apache-2.0
"""What the tests of the page share."""

import json
import pathlib
import types
import unittest

from fake_companion import machine

LIVE = "document.getElementById('state')?.dataset.state === 'live'"
MEASURES = (pathlib.Path(__file__).resolve().parent / "measures.js").read_text()

# What the command line asks for, and what has been started for all tests. Without a companion
# of ours they are about the one at options.server.
here = types.SimpleNamespace(options=None, browser=None, companion=None)


def address():
    return here.options.server or here.companion.address


class PageTest(unittest.TestCase):
    def setUp(self):
        if here.companion:
            here.companion.machine, here.companion.say, here.companion.tick = machine(2), None, 0
        self.tab = None
        self.addCleanup(lambda: self.tab and self.tab.close())

    def open(self, gpus=None, until=LIVE, width=1280, **preferences):
        """The page in a tab of its own, of a machine with so many GPUs or as it is."""
        if gpus is not None:
            here.companion.machine = machine(gpus)
        if self.tab:
            self.tab.close()
        self.tab = here.browser.tab()
        self.tab.width(width)
        self.tab.prefers(**preferences)
        self.tab.open(address())
        self.tab.until(until)

    def text(self, selector="body"):
        return self.tab.evaluate(f"document.querySelector({json.dumps(selector)}).innerText")

    def count(self, selector):
        return self.tab.evaluate(f"[...document.querySelectorAll({json.dumps(selector)})]"
                                 ".filter(each => each.checkVisibility()).length")

    def asked(self, path):
        """How often the page has asked for it."""
        return len([url for url in self.tab.requests if url.endswith(path)])

    def ground(self):
        return self.tab.evaluate("getComputedStyle(document.body).backgroundColor")

    def measure(self, name):
        """The value of a function of measures.js."""
        return self.tab.evaluate(f"{MEASURES}\n{name}()")

    def assert_fits(self):
        self.assertEqual(self.measure("overflowing"), [])

    def assert_no_complaint(self):
        self.tab.evaluate("1")  # what came before it has arrived
        self.assertEqual(self.tab.complaints, [])
