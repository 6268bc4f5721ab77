"""Runs the page on 127.0.0.1 until it is interrupted."""

from __future__ import annotations

import errno
import ipaddress
import multiprocessing.util
import os
import socket
import tempfile
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from topofuse.errors import TopofuseError
from topofuse.system import workers
from topofuse.system.signals import signals_raise
from topofuse.web.app import create_app
from topofuse.web.examples import EXAMPLES, example_text
from topofuse.web.queue import Limits
from topofuse.web.service import Service
from topofuse.web.token import new_token

ADDRESS = "127.0.0.1"
EVERY = "0.0.0.0"
CONNECTIONS = 512  # at a time; a process may have 1,024 files open, as a rule


class ServeError(TopofuseError, RuntimeError):
    """The page cannot be served; the message says why and what to do."""


def listen(port: int, host: str = ADDRESS) -> socket.socket:
    """A listening socket on an IPv4 address of this machine; port 0 is any free one."""
    try:
        ipaddress.IPv4Address(host)
    except ValueError as error:
        raise ServeError(f"{host!r}: --host takes an IPv4 address of this machine, such as 0.0.0.0 for all") from error
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(64)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRNOTAVAIL:
            raise ServeError(f"{host}: {error.strerror}; --host takes an IPv4 address of this machine") from error
        raise ServeError(f"port {port}: {error.strerror}; choose another, or --port 0 for any free one") from error
    return listening


def serve(model: str, port: int, *, open_browser: bool, say: Callable[[str], None], host: str = ADDRESS) -> None:
    """Serve the page; the model is loaded while the first requests are answered.

    host: address to listen on; others than 127.0.0.1 can be reached from elsewhere, and ask for a token
    Raises what loading raises (`BundleError`), and `ServeError` where the port cannot be had.
    """
    multiprocessing.util.get_temp_dir()  # made and, at exit, removed by multiprocessing: it must not lie in ours
    with listen(port, host) as listening, _own_folder() as folder:
        workers.warm_up()
        service = Service(lambda: _load(model), folder, name=model, workers=workers.default_workers())
        token = None if host == ADDRESS else new_token()
        server = make_server(service, token=token)
        failed: list[BaseException] = []

        def when_ready(error: BaseException | None) -> None:
            if error is not None:
                failed.append(error)
                server.should_exit = True

        service.start(when_ready)
        address = f"http://{ADDRESS if host == EVERY else host}:{listening.getsockname()[1]}/"
        if token is not None:
            address += f"?token={token}"
            say(f"warning: {host} can be reached from other machines. Whoever knows the token may use the page.")
            say("Nothing is encrypted: who can listen on the network sees files, answers and token.")
        say(f"{address} (Ctrl-C ends it)")
        if open_browser:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        try:
            server.run(sockets=[listening])
        finally:
            service.close()
        if failed:
            raise failed[0]


def make_server(service: Service, limits: Limits | None = None, token: str | None = None) -> uvicorn.Server:
    """The HTTP server on top of a service; `run(sockets=[…])` runs it."""
    settings = uvicorn.Config(
        create_app(service, limits, token), log_level="warning", access_log=False, lifespan="off", ws="none",
        server_header=False, limit_concurrency=CONNECTIONS,
    )  # fmt: skip
    return uvicorn.Server(settings)


@contextmanager
def _own_folder() -> Iterator[Path]:
    """A folder for all that this process and its workers write (uploads, spool files), removed at the end."""

    places = tempfile.tempdir, os.environ.get("TMPDIR")
    try:
        # uvicorn raises SIGTERM again when it has stopped
        with signals_raise(), tempfile.TemporaryDirectory(prefix="topofuse-", ignore_cleanup_errors=True) as folder:
            os.environ["TMPDIR"] = tempfile.tempdir = folder
            yield Path(folder)
    finally:
        tempfile.tempdir = places[0]
        os.environ.pop("TMPDIR")
        if places[1] is not None:
            os.environ["TMPDIR"] = places[1]


def _load(model: str) -> object:
    """The model; imports too what the first request would have to."""
    import topofuse.screening.predict  # noqa: F401
    from topofuse.ensemble.bundle import open_bundle

    loaded = open_bundle(model)
    example_text(EXAMPLES[0].formula)
    return loaded
