"""The console in a browser: headless Chromium over its debugging protocol."""

import asyncio
import base64
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request
from aiohttp.web import HTTPForbidden

from esc_tui.commands.browser_server import LoopbackServer
from tests.esc_tui.console.terminal_screen import TerminalScreen
from tests.ports import free_port

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

SERVE = """
import sys
from esc_tui.commands.browser_server import LoopbackServer
server = LoopbackServer(["demo"], int(sys.argv[1]))
server.command = f"{sys.executable} -m tests.esc_tui.console.live_console"
server.serve()
"""


@asynccontextmanager
async def process(*command: str) -> AsyncIterator[None]:
    """A process that ends with the block."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


class Page:
    """A browser's page, and what its console's connection brought."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, screen: TerminalScreen) -> None:
        self._socket, self.screen = socket, screen
        self._sent = 0

    async def send(self, method: str, **parameters: object) -> None:
        self._sent += 1
        await self._socket.send_json({"id": self._sent, "method": method, "params": parameters})

    async def until(self, holds: object, within_s: float = 40.0) -> None:
        """Feed the screen until `holds()`."""
        deadline_s = time.monotonic() + within_s
        while not holds():  # type: ignore[operator]
            assert time.monotonic() < deadline_s, "\n".join(self.screen.lines)
            message = json.loads((await self._socket.receive(timeout=within_s)).data)
            if message.get("method") == "Network.webSocketFrameReceived":
                response = message["params"]["response"]
                data = response["payloadData"]
                if response["opcode"] == 2:
                    self.screen.feed(base64.b64decode(data).decode(errors="ignore"))

    async def press(self, key: str) -> None:
        """Click into the page, so that it has the focus, and press a letter."""
        for kind in ("mousePressed", "mouseReleased"):
            await self.send("Input.dispatchMouseEvent", type=kind, x=300, y=300, button="left", clickCount=1)
        code = {"key": key, "code": f"Key{key.upper()}", "windowsVirtualKeyCode": ord(key.upper())}
        await self.send("Input.dispatchKeyEvent", type="keyDown", text=key, **code)
        await self.send("Input.dispatchKeyEvent", type="keyUp", **code)


async def debugger_url(session: aiohttp.ClientSession, profile: Path) -> str:
    """The address of the browser's page, once it has one."""
    port_file, deadline_s = profile / "DevToolsActivePort", time.monotonic() + 30
    while not (port_file.exists() and port_file.read_text().count("\n")):
        assert time.monotonic() < deadline_s, "the browser did not start"
        await asyncio.sleep(0.05)
    async with session.get(f"http://127.0.0.1:{port_file.read_text().split()[0]}/json") as response:
        pages = await response.json(content_type=None)
    return str(next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page"))


async def wait_for_server(session: aiohttp.ClientSession, url: str) -> None:
    deadline_s = time.monotonic() + 30
    while True:
        try:
            async with session.get(url):
                return
        except aiohttp.ClientConnectionError:
            assert time.monotonic() < deadline_s, "the server did not start"
            await asyncio.sleep(0.05)


@pytest.mark.skipif(BROWSER is None, reason="no Chromium here: apt-get install chromium")
async def test_a_browser_shows_the_live_console_and_takes_keys(tmp_path: Path) -> None:
    """The page shows a bitrate that changes, and `p` pressed in it pauses the sender."""
    port = free_port()
    url = f"http://localhost:{port}"
    options = ("--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "--window-size=1300,800")
    async with (
        process(sys.executable, "-c", SERVE, str(port)),
        process(str(BROWSER), *options, f"--user-data-dir={tmp_path}", "about:blank"),
        aiohttp.ClientSession() as session,
    ):
        await wait_for_server(session, url)
        async with session.ws_connect(await debugger_url(session, tmp_path), max_msg_size=0) as debugger:
            page = Page(debugger, TerminalScreen(300, 100))
            await page.send("Network.enable")
            await page.send("Page.navigate", url=url)
            await page.until(lambda: page.screen.number_after("payload"))
            first = page.screen.number_after("payload")
            await page.until(lambda: page.screen.number_after("payload") not in ("", first))
            await page.press("p")
            await page.until(lambda: any("‖ paused" in line for line in page.screen.lines))


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {}])
async def test_pages_from_elsewhere_may_not_connect(headers: dict[str, str]) -> None:
    """A page of another site gets no connection to the console."""
    server = LoopbackServer(["demo"], 8000)
    with pytest.raises(HTTPForbidden):
        await server.handle_websocket(make_mocked_request("GET", "/ws", headers=headers))
