# SPDX-License-Identifier: Apache-2.0
"""Chromium without a window, driven by the DevTools protocol over two pipes.

Source: https://chromedevtools.github.io/devtools-protocol/; with --remote-debugging-pipe the
browser reads messages from descriptor 3 and writes them to 4, each ended by a zero byte."""

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

PATIENCE_S = 60  # with anything, on a machine that does much else


class Browser:
    def __init__(self, program):
        self.profile = tempfile.mkdtemp(prefix="nvhook-page-")
        read_here, write_there = os.pipe()
        read_there, write_here = os.pipe()

        def lay_out():
            # By way of high numbers: either may be 3 or 4 already.
            os.dup2(os.dup2(read_there, 100, inheritable=False), 3)
            os.dup2(os.dup2(write_there, 101, inheritable=False), 4)

        self.process = subprocess.Popen(
            [program, "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu",
             "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--no-proxy-server",
             "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--hide-scrollbars",
             f"--user-data-dir={self.profile}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=os.environ | {"HOME": self.profile}, close_fds=False, preexec_fn=lay_out,
            start_new_session=True)
        os.close(read_there)
        os.close(write_there)
        self.reading, self.writing = read_here, write_here
        self.pending = b""
        self.last_id = 0
        self.tabs = {}  # by session

    def close(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.reading)
        os.close(self.writing)
        shutil.rmtree(self.profile, ignore_errors=True)

    def receive(self, until):
        """The next message; None if there is none by then."""
        while b"\0" not in self.pending:
            ready, _, _ = select.select([self.reading], [], [], max(0, until - time.monotonic()))
            if not ready:
                return None
            read = os.read(self.reading, 1 << 20)
            if not read:
                raise EOFError("the browser has ended")
            self.pending += read
        message, self.pending = self.pending.split(b"\0", 1)
        return json.loads(message)

    def handle_events(self, seconds):
        until = time.monotonic() + seconds
        while (message := self.receive(until)) is not None:
            self.note(message)

    def note(self, message):
        if message.get("sessionId") in self.tabs and "method" in message:
            self.tabs[message["sessionId"]].note(message["method"], message["params"])

    def call(self, method, session=None, **params):
        self.last_id += 1
        message = {"id": self.last_id, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self.writing, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + PATIENCE_S
        while (answer := self.receive(until)) is not None:
            if answer.get("id") == self.last_id:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.note(answer)
        raise TimeoutError(method)

    def tab(self):
        return Tab(self)


class Tab:
    """One page. Collects what the browser complains of, and every address that it asked for."""

    def __init__(self, browser):
        self.browser = browser
        self.complaints = []
        self.requests = []
        self.budget_spent = False
        self.target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=self.target,
                                    flatten=True)["sessionId"]
        browser.tabs[self.session] = self
        for domain in ("Page", "Runtime", "Log", "Network", "Audits"):
            self.call(f"{domain}.enable")
        self.width(1280)

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def close(self):
        self.browser.call("Target.closeTarget", targetId=self.target)
        del self.browser.tabs[self.session]

    def note(self, method, params):
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Emulation.virtualTimeBudgetExpired":
            self.budget_spent = True
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.complaints.append("exception: " + details.get("exception", {}).get(
                "description", details["text"]))
        elif (method == "Runtime.consoleAPICalled"
              and params["type"] in ("error", "warning", "assert")):
            self.complaints.append(f"console: {params['args']}")
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append("{source}: {text}".format(**params["entry"]))
        elif method == "Audits.issueAdded":
            self.complaints.append("issue: " + params["issue"]["code"])

    def width(self, width, height=900):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 600)

    def prefers(self, media="", **features):
        """prefers(color_scheme="dark")"""
        self.call("Emulation.setEmulatedMedia", media=media, features=[
            {"name": "prefers-" + name.replace("_", "-"), "value": value}
            for name, value in features.items()])

    def open(self, address):
        self.call("Page.navigate", url=address)

    def evaluate(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True,
                           awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def until(self, expression, seconds=PATIENCE_S):
        """Waits until the expression is true, and returns its value."""
        end = time.monotonic() + seconds
        while not (value := self.evaluate(expression)):
            if time.monotonic() > end:
                raise TimeoutError(f"not within {seconds} s: {expression}\n"
                                   + self.evaluate("document.body?.innerText ?? ''")[:2000])
            self.browser.handle_events(0.05)
        return value

    def pass_time(self, seconds, whatever_is_pending=False):
        """Lets seconds pass for the page, as fast as it gets its answers, or without waiting for
        them. Its clock stands then, until it is let on again."""
        policy = "advance" if whatever_is_pending else "pauseIfNetworkFetchesPending"
        self.budget_spent = False
        self.call("Emulation.setVirtualTimePolicy", policy=policy, budget=1000 * seconds)
        end = time.monotonic() + PATIENCE_S
        while not self.budget_spent:
            if time.monotonic() > end:
                raise TimeoutError(f"{seconds} s did not pass")
            self.browser.handle_events(0.02)

    def press(self, key):
        codes = {"Tab": 9, "Enter": 13}
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key,
                      windowsVirtualKeyCode=codes[key], **text)

    def screenshot(self, path, whole=True):
        picture = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(picture["data"]))
