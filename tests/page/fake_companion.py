# SPDX-License-Identifier: Apache-2.0
"""Serves the page as the companion does, and answers for made-up GPUs."""

import copy
import http.server
import json
import math
import pathlib
import re
import threading

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
INFO = json.loads((HERE / "recorded/gpu-info.json").read_text())
STATUS = json.loads((HERE / "recorded/gpu-status.json").read_text())


def content_policy():
    header = (TOP / "include/nvhook/page/assets.hpp").read_text()
    literals = re.search(r"kContentPolicy =\s*((?:\"[^\"]*\"\s*)+);", header).group(1)
    return "".join(re.findall(r'"([^"]*)"', literals))


def machine(gpus):
    """The answers of a machine with as many GPUs, as a function of the number of the question."""
    info = {"Version": INFO["Version"], "Devices": []}
    for index in range(gpus):
        device = copy.deepcopy(INFO["Devices"][index % 2])
        if index > 1:
            device["UUID"] = f"GPU-{index:08x}-0000-4000-8000-{index:012x}"
            device["Path"] = f"/dev/nvidia{index}"
            device["PCI"]["BusID"] = f"0000:{0x80 + index:02X}:00.0"
        info["Devices"].append(device)

    def status(tick):
        devices = []
        for index in range(gpus):
            device = copy.deepcopy(STATUS["Devices"][index % 2])
            if index % 2 == 1:
                change(device, tick + 40 * (index - 1))
            devices.append(device)
        return {"Devices": devices}

    return info, status


def change(device, tick):
    """As if it worked at something, in steps of about a minute."""
    busy = (tick // 70) % 3 != 2
    wave = math.sin(tick / 4) + math.sin(tick / 11)
    device["Utilization"]["GPU"] = round(92 + 3 * wave) if busy else round(7 + 2 * wave)
    device["Utilization"]["Memory"] = round(42 + 4 * wave) if busy else 1
    device["Memory"]["GlobalUsed"] = 3271 + 110 * (tick // 9 % 40)
    device["Temperature"] = round(57 + 5 * math.sin(tick / 60) + (4 if busy else -3))
    device["Power"] = round(178 + 9 * wave) if busy else round(66 + wave)
    device["PCI"]["Throughput"]["RX"] = round(1250 + 300 * wave)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # the browser has gone


class FakeCompanion:
    """Listens on a port of its own. What it answers is changed while it runs: `machine` is what
    machine() returns, `say` an answer instead: status and text."""

    def __init__(self):
        self.machine = machine(2)
        self.say = None
        self.tick = 0
        self.released = threading.Event()
        self.released.set()
        self.server = None
        self.port = 0
        self.start()

    def start(self):
        """On the port that it had before, if any. Does nothing while it listens."""
        if self.server:
            return
        companion = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                companion.released.wait(30)
                status, kind, body = companion.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Cache-Control", "no-store")
                self.send_header("X-Content-Type-Options", "nosniff")
                self.send_header("Cross-Origin-Resource-Policy", "same-origin")
                self.send_header("Content-Security-Policy", content_policy())
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = Server(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.server = None

    def hold(self):
        """Nobody is answered until release()."""
        self.released.clear()

    def release(self):
        self.released.set()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}/"

    def answer(self, path):
        file = TOP / "src/page" / ("index.html" if path == "/" else path[1:])
        if "/" not in path[1:] and file.suffix in TYPES and file.is_file():
            return 200, TYPES[file.suffix] + "; charset=utf-8", file.read_bytes()
        if path not in ("/v1.0/gpu/info/json", "/v1.0/gpu/status/json"):
            return 404, "text/plain; charset=utf-8", b"404 page not found\n"
        if self.say:
            return self.say[0], "application/json", self.say[1].encode()
        info, status = self.machine
        if path.endswith("/info/json"):
            document = info
        else:
            document = status(self.tick)
            self.tick += 1
        return 200, "application/json", json.dumps(document).encode() + b"\n"
