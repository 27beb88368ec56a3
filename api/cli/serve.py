"""`remit serve`: the HTTP service."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import socket

import uvicorn

from api.app import create_app
from api.cli.screen import errors, log_to_stderr
from api.cli.worker_process import WorkerProcess
from api.installation import open_database
from api.services import Services, open_services
from api.settings import Settings
from index.errors import ConfigurationError

_GRACE = 5  # seconds that requests under way have to finish
_COLLECT_AFTER = 10_000  # new objects: about as many as a request makes


def run_server(settings: Settings, *, worker: bool = True) -> None:
    """Serve until stopped by SIGINT or SIGTERM, with a worker beside if wanted."""
    log_to_stderr(requests=True)
    with (
        contextlib.suppress(KeyboardInterrupt),
        listen(settings) as listening,
        open_database(settings) as database,
    ):
        services = open_services(settings, database)
        with WorkerProcess() if worker else contextlib.nullcontext():
            asyncio.run(_serve(services, listening))


async def _serve(services: Services, listening: socket.socket) -> None:
    errors.print(f"Serving at {address(services.settings, listening)}; Ctrl-C stops.")
    try:
        await server(services).serve(sockets=[listening])
    finally:
        await services.close()


def server(services: Services) -> uvicorn.Server:
    """The web server over open services; it stops by itself on SIGINT and SIGTERM."""
    config = uvicorn.Config(
        create_app(services),
        access_log=False,  # ours names who asked
        log_config=None,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=_GRACE,
    )
    keep_what_is_loaded()
    return uvicorn.Server(config)


def keep_what_is_loaded() -> None:
    """Spare the garbage collector what stays for as long as the process runs: to look through it
    takes some 0.1 s, in the middle of a request. What a request makes it collects less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, *gc.get_threshold()[1:])


def listen(settings: Settings) -> socket.socket:
    """Take the port before anything is started. Raises ConfigurationError when it is not free."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listening = socket.create_server((settings.host, settings.port), family=family, backlog=512)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigurationError(
                f"Port {settings.port} is in use on {settings.host}. Choose another with --port, or"
                " stop the program that has it."
            ) from None
        raise ConfigurationError(
            f"Cannot listen on {settings.host}, port {settings.port}: {error.strerror}. Choose"
            " others with --host and --port."
        ) from None
    # Connections have it from here. Without it the body of an answer waits, for some 40 ms, until
    # the client has acknowledged the headers.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def address(settings: Settings, listening: socket.socket) -> str:
    """Where clients reach the service."""
    if settings.public_url is not None:
        return settings.public_url
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{listening.getsockname()[1]}"
