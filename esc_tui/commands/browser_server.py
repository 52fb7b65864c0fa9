"""The console in a browser, through textual-serve, on loopback."""

import shlex
import sys
from collections.abc import Sequence

from aiohttp import web
from textual_serve.server import Server

HOST = "localhost"


class LoopbackServer(Server):
    """Serves `esc-tui` with the given arguments, a process of its own for each browser window.

    Only pages of its own may connect: otherwise any page that is open in the browser could press keys here.
    """

    def __init__(self, arguments: Sequence[str], port: int) -> None:
        command = shlex.join([sys.executable, "-m", "esc_tui", *arguments])
        super().__init__(command, host=HOST, port=port, title="esc-tui")

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Connect a window to a console, if its page came from here."""
        if request.headers.get("Origin") not in (f"http://{HOST}:{self.port}", f"http://127.0.0.1:{self.port}"):
            raise web.HTTPForbidden(text="only pages of this server may connect")
        response: web.WebSocketResponse = await super().handle_websocket(request)
        return response
