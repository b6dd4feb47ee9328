# SPDX-License-Identifier: Apache-2.0
"""What the page says when the companion does not answer as it should, and where it is not seen."""

from page_test import LIVE, PageTest, here


class WithACompanionThatFails(PageTest):
    def assert_says(self, words):
        self.assertIn(words, self.text(".trouble"))
        self.assertEqual(self.text("#state-text"), "No answer")
        self.assertEqual(self.measure("pale"), [])

    def assert_only_the_network_complains(self):
        others = [each for each in self.tab.complaints if not each.startswith("network: ")]
        self.assertEqual(others, [])

    def test_gone_and_back(self):
        self.open()
        self.addCleanup(here.companion.start)
        before = self.text("#gpu-1 .now")

        here.companion.stop()
        self.tab.pass_time(30)
        self.assert_says("cannot be reached, since ")
        self.assertRegex(self.text("#trouble-age"),
                         r"^The values below are from \d\d:\d\d:\d\d, (29|30|31) s ago\.$")
        self.assertEqual(self.text("#gpu-1 .now"), before)
        self.tab.width(375)
        self.assert_fits()
        here.companion.start()
        self.tab.pass_time(3)

        self.assertTrue(self.tab.evaluate(LIVE))
        self.assertEqual(self.text(".trouble").strip(), "")
        # The time between has no line.
        line = self.tab.evaluate("document.querySelector('.line').getAttribute('d')")
        self.assertEqual(line.count("M"), 2)
        self.assert_only_the_network_complains()

    def test_gone_before_there_were_values(self):
        here.companion.say = (500, "internal error, check logs for details\n")
        self.open(until="document.body?.classList.contains('old')")

        self.assert_says("answers with an error (500: internal error, check logs for details)")
        self.assertIn("no values yet", self.text(".trouble"))
        self.assertEqual(self.count(".card"), 0)
        here.companion.say = None
        self.tab.until(LIVE)
        self.assertEqual(self.count(".card"), 2)

    def test_answers_that_are_none(self):
        for body in ("", "[]", "null", '{"Devices":{}}', '{"Devices":[', "<html>", "A" * 100_000):
            with self.subTest(body=body[:20]):
                here.companion.say = None
                self.open()
                here.companion.say = (200, body)
                self.tab.pass_time(3)

                self.assert_says("answers /v1.0/gpu/status/json with something else")
                self.assert_no_complaint()

    def test_an_answer_that_comes_late(self):
        self.open()
        here.companion.hold()
        self.addCleanup(here.companion.release)

        self.tab.pass_time(10, whatever_is_pending=True)

        self.assert_says("does not answer, since ")
        asked = self.asked("/v1.0/gpu/status/json")
        self.tab.pass_time(20, whatever_is_pending=True)
        self.assertEqual(self.asked("/v1.0/gpu/status/json"), asked)
        here.companion.release()
        self.tab.pass_time(1)
        self.assertTrue(self.tab.evaluate(LIVE))

    def test_an_answer_that_never_comes(self):
        self.open()
        here.companion.hold()
        self.addCleanup(here.companion.release)

        self.tab.pass_time(62, whatever_is_pending=True)
        asked = self.asked("/v1.0/gpu/status/json")
        self.tab.pass_time(62, whatever_is_pending=True)

        self.assert_says("does not answer, since ")
        self.assertEqual(self.asked("/v1.0/gpu/status/json"), asked + 1)


class WhereItIsSeen(PageTest):
    def test_hidden_it_asks_nothing(self):
        self.open()
        self.tab.evaluate("""Object.defineProperty(document, 'hidden',
                                                   {configurable: true, get: () => true});
            document.dispatchEvent(new Event('visibilitychange'))""")
        self.tab.pass_time(2)
        before = len(self.tab.requests)

        self.tab.pass_time(60)
        self.assertEqual(len(self.tab.requests), before)
        self.tab.evaluate("""delete document.hidden;
            document.dispatchEvent(new Event('visibilitychange'))""")
        self.tab.pass_time(2)

        self.assertGreater(len(self.tab.requests), before)
        self.assertTrue(self.tab.evaluate(LIVE))

    def test_on_paper_it_is_light_and_whole(self):
        self.open(8)

        self.tab.prefers(media="print", color_scheme="dark")

        self.assertEqual(self.ground(), "rgb(255, 255, 255)")
        self.assertEqual(self.count("button, footer, .skip"), 0)
        self.assertEqual(self.measure("pale"), [])

    def test_nothing_moves_for_who_asks_for_less_motion(self):
        self.open(8)

        self.tab.prefers(reduced_motion="reduce")

        self.assertEqual(self.measure("moving"), [])
