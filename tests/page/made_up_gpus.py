# SPDX-License-Identifier: Apache-2.0
"""How the page shows GPUs that change, are many or none, or say strange things."""

import copy

from fake_companion import machine
from page_test import PageTest, here


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
        self.assertEqual(self.asked("/v1.0/gpu/info/json"), 1)

    def test_charts_hold_five_minutes(self):
        self.open()

        self.tab.pass_time(400)

        line = self.tab.evaluate("document.querySelector('.line').getAttribute('d')")
        self.assertGreater(line.count("L"), 280)
        self.assertLess(line.count("L"), 310)

    def test_shows_every_value_of_a_busy_gpu(self):
        self.open()

        card = " ".join(self.text("#gpu-1").replace("\u00a0", " ").split())
        for value in ("GPU 1 Tesla K40m", "UUID GPU-b7d8e9fa-1c2d-4e3f-9a0b-abcdef012345",
                      "Bus 0000:0A:00.0", "Node /dev/nvidia1", "3,271 of 11,519 MiB", "of 235 W",
                      "Encoder 0 %", "Decoder 0 %", "Core clock 745 of 875 MHz",
                      "Memory clock 3,004 of 3,004 MHz", "BAR1 memory 4 of 16,384 MiB",
                      "PCIe, sent 87 MB/s", "Uncorrected ECC errors 2 in memory", "Processes 2",
                      "4242 /usr/bin/python 3,111 MiB", "31337 ./nbody 137 MiB"):
            self.assertIn(value, card)
        self.assertIn("none reported", self.text("#gpu-0"))

    def test_values_that_are_missing_are_said_to_be(self):
        def emptied(value):
            if isinstance(value, dict):
                return {key: emptied(inner) for key, inner in value.items()}
            return None

        info, status = machine(3)
        rubbish = {"Power": "much", "Utilization": 7, "Memory": [],
                   "Processes": [None, 5, {"PID": "x"}]}
        here.companion.machine = (
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
                 "\u202egnp.exe", "\u0645\u0631\u062d\u0628\u0627",
                 "</td></tr></table><script>1</script>",
                 "javascript:alert(1)", "line\nbreak\ttab\x1b[31m", "\ud800", "${1}{{1}}"]
        info, status = machine(1)
        info = copy.deepcopy(info)
        info["Devices"][0]["Model"] = names[0]
        info["Version"]["Driver"] = names[4]
        processes = [{"PID": 1 + i, "Name": name, "MemoryUsed": 100 - i}
                     for i, name in enumerate(names)]
        here.companion.machine = (info, lambda tick: {"Devices": [
            status(tick)["Devices"][0] | {"Processes": processes}]})

        self.open()

        shown = self.tab.evaluate("""[...document.querySelectorAll('h3 bdi, .processes bdi')]
            .map(each => each.textContent)""")
        names[2] = "\\u202egnp.exe"
        names[6] = "line\\u000abreak\\u0009tab\\u001b[31m"
        names[7] = "\\ud800"
        self.assertEqual(shown, [names[0], *names])
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
            here.companion.machine = machine(gpus)
            self.tab.pass_time(2)
            self.assertEqual(self.count(".card"), gpus)
        self.assert_no_complaint()

    def test_another_driver_shows_within_two_minutes(self):
        self.open()
        info, status = machine(2)
        version = {"Driver": "550.54.14", "CUDA": "12.4"}
        here.companion.machine = (info | {"Version": version}, status)

        self.tab.pass_time(120)

        self.assertIn("550.54.14", self.text("#summary"))

    def test_sixteen_gpus_are_reached_by_keyboard_from_the_overview(self):
        self.open(16, reduced_motion="reduce")
        self.tab.evaluate("document.querySelectorAll('#rows a')[12].focus()")

        self.tab.press("Enter")

        self.tab.until("scrollY > 0")
        edge, top = self.tab.evaluate("""
            [document.querySelector('.bar').getBoundingClientRect().bottom,
             document.querySelector('#gpu-12').getBoundingClientRect().top]""")
        self.assertGreaterEqual(top, edge)  # the bar stays in sight
        self.assertLess(top, edge + 50)
