"""HTTP servers in a thread of their own."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from collections.abc import Sequence
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.auto import AutoHTTPProtocol

_START_TIMEOUT = 10.0
_STOP_TIMEOUT = 10.0


class PortInUseError(OSError):
    """Another process listens on the port."""


class _Protocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """HTTP as uvicorn speaks it, where the application may also close the connection."""

    app_state: dict[str, Any]

    def connection_made(self, transport: Any) -> None:
        self.app_state = {**self.app_state, "hang_up": transport.close}
        super().connection_made(transport)


class HttpServers:
    """Several applications, each on a port of its own, in one event loop in one thread."""

    def __init__(self, apps: Sequence[ASGIApp], host: str, ports: Sequence[int]) -> None:
        self._sockets = _listen(host, ports)
        self.ports = tuple(int(sock.getsockname()[1]) for sock in self._sockets)
        self._servers = [uvicorn.Server(_config(app)) for app in apps]
        self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)
        self._accepting = threading.Event()

    def start(self) -> None:
        """Serve; returns when all ports answer."""
        self._thread.start()
        if not self._accepting.wait(_START_TIMEOUT):
            raise TimeoutError(f"the simulator did not start within {_START_TIMEOUT:g} seconds")

    def stop(self) -> None:
        """Finish the requests under way and free the ports; harmless when already stopped."""
        for server in self._servers:
            server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(_STOP_TIMEOUT)
        for sock in self._sockets:
            sock.close()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=self._servers[0].config.get_loop_factory()) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        serving = asyncio.gather(
            *(
                server.serve(sockets=[sock])
                for server, sock in zip(self._servers, self._sockets, strict=True)
            )
        )
        while not all(server.started for server in self._servers):
            await asyncio.sleep(0.005)
        self._accepting.set()
        await serving


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )


def _listen(host: str, ports: Sequence[int]) -> list[socket.socket]:
    """Bind all ports or none; port 0 takes a free one."""
    sockets: list[socket.socket] = []
    try:
        for port in ports:
            sockets.append(socket.create_server((host, port), backlog=256))
    except OSError as error:
        for sock in sockets:
            sock.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(
                error.errno,
                f"port {port} on {host} is in use by another process; "
                "stop that process or choose another port",
            ) from error
        raise
    return sockets
