#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""usage: page_works_in_a_browser.py [--server URL] [--screenshots FOLDER] [TEST]...

The status page in Chromium: against a server that answers for made-up GPUs, which come, go and
misbehave; with --server against a companion that runs, as far as that goes whatever its GPUs do.
--screenshots keeps pictures at two widths, light and dark. Exits with 77 if it cannot be run here."""

import argparse
import copy
import json
import pathlib
import shutil
import sys
import unittest
import urllib.request

from browser import Browser
from fake_companion import FakeCompanion, content_policy, machine

LIVE = "document.getElementById('state')?.dataset.state === 'live'"
HERE = pathlib.Path(__file__).resolve().parent

# What the command line asks for, and what main() has started.
options = None
browser = None
companion = None


def address():
    return options.server or companion.address


def answer(path):
    with urllib.request.urlopen(address() + path, timeout=10) as response:
        return json.load(response)


class PageTest(unittest.TestCase):
    def setUp(self):
        if companion:
            companion.machine, companion.say, companion.tick = machine(2), None, 0
        self.tab = None
        self.addCleanup(lambda: self.tab and self.tab.close())

    def open(self, gpus=None, until=LIVE, width=1280, **preferences):
        """The page in a tab of its own, of a machine with so many GPUs or as it is."""
        if gpus is not None:
            companion.machine = machine(gpus)
        if self.tab:
            self.tab.close()
        self.tab = browser.tab()
        self.tab.width(width)
        self.tab.prefers(**preferences)
        self.tab.open(address())
        self.tab.until(until)

    def text(self, selector="body"):
        return self.tab.evaluate(f"document.querySelector({json.dumps(selector)}).innerText")

    def count(self, selector):
        return self.tab.evaluate(f"[...document.querySelectorAll({json.dumps(selector)})]"
                                 ".filter(each => each.checkVisibility()).length")

    def measure(self, name):
        """The value of a function of measures.js."""
        return self.tab.evaluate(f"{(HERE / 'measures.js').read_text()}\n{name}()")

    def assert_fits(self):
        self.assertEqual(self.measure("overflowing"), [])

    def assert_no_complaint(self):
        self.tab.evaluate("1")  # what came before it has arrived
        self.assertEqual(self.tab.complaints, [])


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

        asked = [url for url in self.tab.requests if url.endswith("/status/json")]
        self.assertGreaterEqual(len(asked), 9)
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
        browser.handle_events(0.2)
        self.assertGreaterEqual(len(self.tab.complaints), 2)

    def test_every_control_is_reached_by_keyboard(self):
        self.open()
        left = self.count("a, button")

        seen = []
        for _ in range(left):
            self.tab.press("Tab")
            seen.append(self.measure("focused"))

        self.assertEqual(len({each["path"] for each in seen}), left)
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
                    grounds.add(self.tab.evaluate("getComputedStyle(document.body).backgroundColor"))
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

    def test_screenshots(self):
        if not options.screenshots:
            return
        options.screenshots.mkdir(parents=True, exist_ok=True)
        for gpus in (0, 1, 2, 8, 16) if companion else (None,):
            for width in (1280, 375):
                for scheme in ("light", "dark"):
                    self.open(gpus, width=width, color_scheme=scheme)
                    self.tab.pass_time(295)
                    self.tab.screenshot(
                        options.screenshots / f"{'all' if gpus is None else gpus}-{width}-{scheme}.png")


class WithChangingGpus(PageTest):
    def test_values_and_charts_change_while_watched(self):
        self.open()
        read = """(() => { const card = document.querySelectorAll('.card')[1]; return {
            used: card.querySelector('[data-value=memoryAmount]').textContent,
            line: card.querySelector('.line').getAttribute('d')}; })()"""
        before = self.tab.evaluate(read)
        self.assertEqual(before["used"].replace("\u00a0", " "), "3,271 of 11,519 MiB")

        self.tab.pass_time(50)

        after = self.tab.evaluate(read)
        self.assertNotEqual(after["used"], before["used"])
        self.assertGreaterEqual(after["line"].count("L"), 45)
        self.assertEqual(len([path for path in self.tab.requests if path.endswith("/info/json")]), 1)

    def test_charts_hold_five_minutes(self):
        self.open()

        self.tab.pass_time(400)

        line = self.tab.evaluate("document.querySelector('.line').getAttribute('d')")
        self.assertGreater(line.count("L"), 280)
        self.assertLess(line.count("L"), 310)

    def test_shows_every_value_of_a_busy_gpu(self):
        self.open()

        card = " ".join(self.text("#gpu-1").replace("\u00a0", " ").split())
        for value in ("GPU 1 Tesla K40m", "GPU-b7d8e9fa-1c2d-4e3f-9a0b-abcdef012345", "0000:0A:00.0",
                      "/dev/nvidia1", "3,271 of 11,519 MiB", "of 235 W", "Encoder 0 %", "Decoder 0 %",
                      "745 of 875 MHz", "3,004 of 3,004 MHz", "4 of 16,384 MiB", "87 MB/s",
                      "2 in memory", "Processes 2", "4242 /usr/bin/python 3,111 MiB",
                      "31337 ./nbody 137 MiB"):
            self.assertIn(value, card)
        self.assertIn("none reported", self.text("#gpu-0"))

    def test_values_that_are_missing_are_said_to_be(self):
        def emptied(value):
            if isinstance(value, dict):
                return {key: emptied(inner) for key, inner in value.items()}
            return None

        info, status = machine(3)
        rubbish = {"Power": "much", "Utilization": 7, "Memory": [], "Processes": [None, 5, {"PID": "x"}]}
        companion.machine = (
            info | {"Devices": [emptied(info["Devices"][0]), {}, info["Devices"][2]]},
            lambda tick: {"Devices": [emptied(status(tick)["Devices"][0]), rubbish]})

        self.open()

        for index in range(3):
            card = self.text(f"#gpu-{index}")
            self.assertGreaterEqual(card.count("not available"), 10, card)
            for wrong in ("null", "undefined", "NaN", "object"):
                self.assertNotIn(wrong, card)
        for width in (375, 700, 1280):
            self.tab.width(width)
            self.assert_fits()
        self.assertEqual(self.measure("pale"), [])
        self.assert_no_complaint()

    def test_hostile_names_are_text(self):
        names = ["<img src=x onerror=\"document.title='taken'\">", "A" * 4096,
                 "\u202egnp.exe", "مرحبا بالعالم", "</td></tr></table><script>1</script>",
                 "javascript:alert(1)", "line\nbreak\ttab\x1b[31m", "\ud800", "${1}{{1}}"]
        info, status = machine(1)
        info = copy.deepcopy(info)
        info["Devices"][0]["Model"] = names[0]
        info["Version"]["Driver"] = names[4]
        processes = [{"PID": 1 + i, "Name": name, "MemoryUsed": 100 - i} for i, name in enumerate(names)]
        companion.machine = (info, lambda tick: {"Devices": [
            status(tick)["Devices"][0] | {"Processes": processes}]})

        self.open()

        shown = self.tab.evaluate("""[...document.querySelectorAll('.processes bdi')]
            .map(each => each.textContent)""")
        names[2] = "\\u202egnp.exe"
        names[6] = "line\\u000abreak\\u0009tab\\u001b[31m"
        names[7] = "\\ud800"
        self.assertEqual(shown, names)
        self.assertEqual(self.tab.evaluate("document.querySelector('h3 bdi').textContent"), names[0])
        self.assertEqual(self.count("img, table table, #cards script"), 0)
        self.assertLess(self.tab.evaluate("document.querySelector('.card').offsetHeight"), 1200)
        for width in (375, 1280):
            self.tab.width(width)
            self.assert_fits()
        self.assertIn("GPU status", self.tab.evaluate("document.title"))
        self.assert_no_complaint()

    def test_none_one_eight_and_sixteen_gpus(self):
        for gpus in (0, 1, 8, 16):
            with self.subTest(gpus=gpus):
                self.open(gpus)

                self.assertEqual(self.count(".card"), gpus)
                self.assertEqual(self.count(".overview tbody tr"), gpus if gpus > 2 else 0)
                self.assertEqual(self.count("#none"), 1 if gpus == 0 else 0)
                for width in (375, 700, 1280, 1920):
                    self.tab.width(width)
                    self.assert_fits()
                self.assert_no_complaint()

    def test_gpus_that_come_and_go_while_watched(self):
        self.open(2)

        for gpus in (3, 0, 1):
            companion.machine = machine(gpus)
            self.tab.pass_time(2)
            self.assertEqual(self.count(".card"), gpus)
        self.assert_no_complaint()

    def test_another_driver_shows_within_two_minutes(self):
        self.open()
        info, status = machine(2)
        companion.machine = (info | {"Version": {"Driver": "550.54.14", "CUDA": "12.4"}}, status)

        self.tab.pass_time(120)

        self.assertIn("550.54.14", self.text("#summary"))

    def test_sixteen_gpus_are_reached_by_keyboard_from_the_overview(self):
        self.open(16)
        self.tab.evaluate("document.querySelectorAll('#rows a')[12].focus()")

        self.tab.press("Enter")

        self.tab.until("""(() => { const top = document.querySelector('#gpu-12')
            .getBoundingClientRect().top; return top >= 0 && top < innerHeight / 2; })()""")


class WithACompanionThatFails(PageTest):
    def assert_says(self, words):
        self.assertIn(words, self.text(".trouble"))
        self.assertEqual(self.text("#state-text"), "No answer")
        self.assertEqual(self.measure("pale"), [])

    def assert_only_the_network_complains(self):
        self.assertEqual([each for each in self.tab.complaints if not each.startswith("network: ")], [])

    def test_gone_and_back(self):
        self.open()
        self.addCleanup(lambda: companion.server.socket.fileno() >= 0 or companion.start())
        before = self.text("#gpu-1 .now")

        companion.stop()
        self.tab.pass_time(30)
        self.assert_says("cannot be reached, since ")
        self.assertRegex(self.text("#trouble-age"),
                         r"^The values below are from \d\d:\d\d:\d\d, (29|30|31) s ago\.$")
        self.assertEqual(self.text("#gpu-1 .now"), before)
        self.tab.width(375)
        self.assert_fits()
        companion.start()
        self.tab.pass_time(3)

        self.assertTrue(self.tab.evaluate(LIVE))
        self.assertEqual(self.text(".trouble").strip(), "")
        # The time between has no line.
        line = self.tab.evaluate("document.querySelector('.line').getAttribute('d')")
        self.assertEqual(line.count("M"), 2)
        self.assert_only_the_network_complains()

    def test_gone_before_there_were_values(self):
        companion.say = (500, "internal error, check logs for details\n")
        self.open(until="document.body?.classList.contains('old')")

        self.assert_says("answers with an error (500: internal error, check logs for details)")
        self.assertIn("no values yet", self.text(".trouble"))
        self.assertEqual(self.count(".card"), 0)
        companion.say = None
        self.tab.until(LIVE)
        self.assertEqual(self.count(".card"), 2)

    def test_answers_that_are_none(self):
        for body in ("", "[]", "null", '{"Devices":{}}', '{"Devices":[', "<html>", "A" * 100_000):
            with self.subTest(body=body[:20]):
                companion.say = None
                self.open()
                companion.say = (200, body)
                self.tab.pass_time(3)

                self.assert_says("answers /v1.0/gpu/status/json with something else")
                self.assert_no_complaint()

    def test_an_answer_that_does_not_come(self):
        self.open()
        companion.hold()
        self.addCleanup(companion.release)

        self.tab.pass_time(8, whatever_is_pending=True)

        self.assert_says("has not answered within 5 s")
        companion.release()
        self.tab.pass_time(3)
        self.assertTrue(self.tab.evaluate(LIVE))


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

        self.assertEqual(self.tab.evaluate("getComputedStyle(document.body).backgroundColor"),
                         "rgb(255, 255, 255)")
        self.assertEqual(self.count("button, footer, .skip"), 0)
        self.assertEqual(self.measure("pale"), [])

    def test_nothing_moves_for_who_asks_for_less_motion(self):
        self.open(8)

        self.tab.prefers(reduced_motion="reduce")

        self.assertEqual(self.measure("moving"), [])


def main():
    global options, browser, companion
    parser = argparse.ArgumentParser(description=__doc__, usage=argparse.SUPPRESS)
    parser.add_argument("--server")
    parser.add_argument("--screenshots", type=pathlib.Path)
    parser.add_argument("tests", nargs="*")
    options = parser.parse_args()
    program = shutil.which("chromium")
    if not program:
        print("skipped: needs chromium")
        sys.exit(77)
    browser = Browser(program)
    if options.server:
        options.server = options.server.rstrip("/") + "/"
    else:
        companion = FakeCompanion()
    try:
        names = options.tests or (["WithAnyCompanion"] if options.server else None)
        ended = unittest.main(argv=[sys.argv[0]], defaultTest=names, exit=False, verbosity=2)
    finally:
        browser.close()
        if companion:
            companion.stop()
    sys.exit(0 if ended.result.wasSuccessful() else 1)


main()
