# SPDX-License-Identifier: Apache-2.0
"""What is so whatever GPUs there are."""

import json
import urllib.request

from fake_companion import content_policy
from page_test import LIVE, PageTest, address, here


def answer(path):
    with urllib.request.urlopen(address() + path, timeout=10) as response:
        return json.load(response)


class WithAnyCompanion(PageTest):
    def test_shows_what_the_api_answers(self):
        info = answer("v1.0/gpu/info/json")

        self.open()

        shown = self.text()
        self.assertIn(info["Version"]["Driver"], shown)
        self.assertEqual(self.count(".card"), len(info["Devices"]))
        for device in info["Devices"]:
            self.assertIn(device["UUID"], shown)
            self.assertIn(device["PCI"]["BusID"], shown)
        self.assert_no_complaint()
        strangers = [url for url in self.tab.requests if not url.startswith((address(), "data:"))]
        self.assertEqual(strangers, [])

    def test_asks_again_and_again_without_a_complaint(self):
        self.open()

        self.tab.pass_time(10)

        self.assertGreaterEqual(self.asked("/v1.0/gpu/status/json"), 9)
        self.assertTrue(self.tab.evaluate(LIVE))
        self.assert_no_complaint()

    def test_is_served_with_its_policy_which_browsers_enforce(self):
        with urllib.request.urlopen(address(), timeout=10) as response:
            self.assertEqual(response.headers["Content-Security-Policy"], content_policy())
        self.open()

        self.tab.evaluate("""
            document.body.append(Object.assign(document.createElement('script'),
                                               {textContent: 'document.title = "taken"'}));
            document.body.setAttribute('style', 'color: red')""")

        self.assertNotEqual(self.tab.evaluate("document.title"), "taken")
        here.browser.handle_events(0.2)
        self.assertGreaterEqual(len(self.tab.complaints), 2)

    def test_every_control_is_reached_by_keyboard(self):
        self.open()
        left = self.count("a, button")

        seen = []
        for _ in range(left):
            self.tab.press("Tab")
            seen.append(self.measure("focused"))

        self.assertEqual(len({each["at"] for each in seen}), left)
        self.assertEqual([each for each in seen if not each["outlined"] or not each["visible"]], [])

    def test_pauses_and_resumes_by_keyboard(self):
        self.open()
        self.tab.evaluate("document.querySelector('#pause').focus()")

        self.tab.press("Enter")
        self.assertEqual(self.text("#state-text"), "Paused")
        before = len(self.tab.requests)
        self.tab.pass_time(5)
        self.assertLessEqual(len(self.tab.requests), before + 1)  # one may have been on its way
        self.tab.press("Enter")
        self.tab.pass_time(3)

        self.assertTrue(self.tab.evaluate(LIVE))
        self.assertGreater(len(self.tab.requests), before + 1)

    def test_fits_each_width_and_can_be_read_light_and_dark(self):
        grounds = set()
        for width in (375, 700, 1280):
            for scheme in ("light", "dark"):
                with self.subTest(width=width, scheme=scheme):
                    self.open(width=width, color_scheme=scheme)

                    self.assert_fits()
                    self.assertEqual(self.measure("pale"), [])
                    grounds.add(self.ground())
        self.assertEqual(len(grounds), 2)

    def test_has_landmarks_headings_and_names(self):
        self.open()

        nodes = [(node["role"]["value"], node.get("name", {}).get("value", ""))
                 for node in self.tab.call("Accessibility.getFullAXTree")["nodes"]
                 if not node["ignored"]]
        roles = [role for role, _ in nodes]
        for role in ("banner", "main", "contentinfo"):
            self.assertEqual(roles.count(role), 1, role)
        cards = [name for role, name in nodes if role == "article"]
        self.assertEqual(len(cards), self.count(".card"))
        charts = [name for role, name in nodes if role == "image"]
        self.assertEqual(len(charts), 4 * len(cards))
        self.assertEqual([name for name in cards + charts if not name], [])
        levels = self.tab.evaluate("""[...document.querySelectorAll('h1, h2, h3, h4')]
            .filter(each => each.checkVisibility()).map(each => Number(each.tagName[1]))""")
        self.assertEqual(levels[0], 1)
        self.assertEqual([pair for pair in zip(levels, levels[1:]) if pair[1] > pair[0] + 1], [])
