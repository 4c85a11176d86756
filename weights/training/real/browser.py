"""Pages as Chromium shows them, with the words where it put them, over the DevTools pipe."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from training.real.words import Word, in_rows

_FLAGS = ("--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
          "--disable-lcd-text", "--font-render-hinting=none")  # fmt: skip

_WORDS = r"""(() => {
  const words = [], range = document.createRange();
  const add = (text, box) => words.push([text, box.left, box.top, box.right, box.bottom]);
  const nodes = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (nodes.nextNode()) {
    if (nodes.currentNode.parentElement.closest("script, style, option")) continue;
    for (const match of nodes.currentNode.data.matchAll(/[^\s/?–-]*[/?–-]+|[^\s/?–-]+/g)) {  // where lines may break
      range.setStart(nodes.currentNode, match.index);
      range.setEnd(nodes.currentNode, match.index + match[0].length);
      const boxes = range.getClientRects();
      if (boxes.length !== 1) throw new Error(`${boxes.length} pieces of ${match[0]}`);
      add(match[0], boxes[0]);
    }
  }
  for (const field of document.querySelectorAll("select, input:not([type=checkbox], [type=radio])")) {
    const shown = field.selectedOptions?.[0].text ?? field.value;
    add(field.type === "password" ? "•".repeat(shown.length) : shown, field.getBoundingClientRect());
  }
  return words;
})()"""


class Browser:
    """One tab. requests, replies: the two ends of the DevTools pipe, JSON ended by NUL."""

    def __init__(self, requests: BinaryIO, replies: BinaryIO) -> None:
        self._requests, self._replies = requests, replies
        self._tab: str | None = None
        target = self._call("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._tab = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        self._call("Page.enable", {})

    def shoot(self, page: Path, width: int, scale: float) -> tuple[bytes, str]:
        """PNG and text of a page. width: in CSS pixels. scale: device pixels for each."""
        screen = {"width": width, "height": 100, "deviceScaleFactor": scale, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", screen)
        self._call("Page.navigate", {"url": page.resolve().as_uri()})
        while self._receive().get("method") != "Page.loadEventFired":
            pass
        height = self._evaluate("document.documentElement.scrollHeight")
        text = in_rows(Word(*word) for word in self._evaluate(_WORDS))
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        shot = self._call("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
        return base64.b64decode(shot["data"]), text

    def _evaluate(self, script: str) -> Any:
        reply = self._call("Runtime.evaluate", {"expression": script, "returnByValue": True})
        if "exceptionDetails" in reply:
            raise RuntimeError(reply["exceptionDetails"]["exception"]["description"])
        return reply["result"]["value"]

    def _call(self, method: str, params: dict) -> dict:
        request = {"id": 1, "method": method, "params": params}
        if self._tab:
            request["sessionId"] = self._tab
        self._requests.write(json.dumps(request).encode() + b"\0")
        self._requests.flush()
        while "id" not in (reply := self._receive()):
            pass
        if "error" in reply:
            raise RuntimeError(f"{method}: {reply['error']['message']}")
        return reply["result"]

    def _receive(self) -> dict:
        received = bytearray()
        while (byte := self._replies.read(1)) != b"\0":
            if not byte:
                raise RuntimeError("Chromium has gone")
            received += byte
        return json.loads(received)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Chromium goes when the pipe is closed."""
    their_requests, our_requests = os.pipe()
    our_replies, their_replies = os.pipe()
    command = f'exec chromium "$@" 3<&{their_requests} 4>&{their_replies}'
    with subprocess.Popen(
        ["bash", "-c", command, "chromium", *_FLAGS],
        pass_fds=(their_requests, their_replies),
        stderr=subprocess.DEVNULL,
    ):
        os.close(their_requests)
        os.close(their_replies)
        with open(our_requests, "wb") as requests, open(our_replies, "rb") as replies:
            yield Browser(requests, replies)
