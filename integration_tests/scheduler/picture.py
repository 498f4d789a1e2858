"""Takes a picture of a page with Chromium, once it shows a text: python picture.py CHROMIUM URL TEXT FILE [BUTTON].

It speaks the DevTools protocol, because `chromium --screenshot` does not wait for pages that draw themselves.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import time
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import Request, urlopen

from websockets.sync.client import connect


def main(chromium: str, url: str, text: str, file: str, button: str = "") -> None:
    """Open the page, wait for the text, click a button if one is given, and save the picture."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = ["--headless=new", "--no-sandbox", "--window-size=1400,1100", "--remote-debugging-port=0"]
        command = [chromium, *options, f"--user-data-dir={profile}", "about:blank"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as browser:
            try:
                _save(next(filter(None, map(_address, browser.stderr or ()))), url, text, file, button)
            finally:
                browser.kill()


def _address(line: str) -> str:
    found = re.search(r"DevTools listening on ws://([\d.:]+)/", line)
    return found[1] if found else ""


def _save(address: str, url: str, text: str, file: str, button: str) -> None:
    with urlopen(Request(f"http://{address}/json/new?{url}", method="PUT")) as answer:
        page = json.load(answer)["webSocketDebuggerUrl"]
    with connect(page, max_size=None) as socket:
        numbers = count(1)

        def ask(method: str, **params: Any) -> Any:
            number = next(numbers)
            socket.send(json.dumps({"id": number, "method": method, "params": params}))
            while (answer := json.loads(socket.recv(timeout=60))).get("id") != number:
                pass
            return answer["result"]

        deadline = time.monotonic() + 120
        shown = f"document.body.innerText.includes({json.dumps(text)})"
        while not ask("Runtime.evaluate", expression=shown)["result"].get("value"):
            if time.monotonic() > deadline:
                raise TimeoutError(ask("Runtime.evaluate", expression="document.body.innerText")["result"].get("value"))
            time.sleep(0.5)
        if button:
            found = f"[...document.querySelectorAll('button')].find(each => each.innerText === {json.dumps(button)})"
            ask("Runtime.evaluate", expression=f"{found}.click()")
        time.sleep(5)  # for what is still drawn
        Path(file).write_bytes(base64.b64decode(ask("Page.captureScreenshot")["data"]))


if __name__ == "__main__":
    main(*sys.argv[1:])
