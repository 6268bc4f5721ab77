"""Whose request is worked on next: few at a time, the others wait in line, and a line that is full says so at once.

A body is read, and counted, before its request takes a turn, so that a slow or endless one holds up nobody. What
only reads (GET) never waits: the page and /api/health answer at once, however long the line is.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY = 32 * 2**20  # bytes of one request
TOO_LARGE = f"more than {MAX_BODY // 2**20} MiB in one request: send fewer files at a time"
RETRY_AFTER = 10  # seconds


@dataclass(frozen=True)
class Limits:
    """How much is taken in.

    at_once: requests that are worked on at a time; each has its own worker processes
    waiting: requests that are read or wait in line; held: bytes of their bodies, all together
    seconds: that one body may take to arrive
    """

    at_once: int = 4
    waiting: int = 256
    held: int = 8 * MAX_BODY
    seconds: float = 60.0


class RefusedError(Exception):
    """A request that is not taken in: HTTP status, and the reason for a person."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class GoneError(Exception):
    """The client has closed the connection."""


class Turns:
    """A number of turns. They go round the addresses that wait, and at each address to whom has waited longest."""

    def __init__(self, number: int) -> None:
        self._free = number
        self._lines: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def wait(self, address: str) -> None:
        """Wait for a turn; cancelled, it leaves the line."""
        if self._free:
            self._free -= 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(address, deque()).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if not place.cancelled():  # the turn came in the same moment
                self.give_back()
            elif place in self._lines.get(address, ()):
                self._lines[address].remove(place)
                if not self._lines[address]:
                    del self._lines[address]
            raise

    def give_back(self) -> None:
        """End a turn: it goes to the next in line."""
        while self._lines:
            address, line = self._lines.popitem(last=False)
            place = line.popleft()
            if line:
                self._lines[address] = line  # behind all other addresses
            if not place.done():  # else it is about to leave the line
                place.set_result(None)
                return
        self._free += 1


class Queue:
    """ASGI: requests with a body wait for their turn before `app` sees them, with the whole body."""

    def __init__(self, app: ASGIApp, limits: Limits | None = None) -> None:
        self._app = app
        self._limits = limits or Limits()
        self._turns = Turns(self._limits.at_once)
        self._waiting = self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            return await self._app(scope, receive, send)
        body = bytearray()
        try:
            gone = await self._in_line(scope, receive, body)
            try:
                await self._app(scope, _replay(bytes(body), gone), send)
            finally:
                gone.cancel()
                self._turns.give_back()
        except RefusedError as refused:
            headers = {"Retry-After": str(RETRY_AFTER)} if refused.status == 503 else {"Connection": "close"}
            await JSONResponse({"detail": refused.reason}, refused.status, headers)(scope, receive, send)
        except GoneError:
            pass  # there is nobody to answer
        finally:
            self._held -= len(body)

    async def _in_line(self, scope: Scope, receive: Receive, body: bytearray) -> asyncio.Future[Message]:
        """Read the body and wait for a turn, as long as the client does; gives what ends when the client is gone."""
        if self._waiting >= self._limits.waiting:
            raise _busy()
        self._waiting += 1
        try:
            await self._read(receive, body)
            gone = asyncio.ensure_future(receive())
            turn = asyncio.ensure_future(self._turns.wait((scope.get("client") or ("",))[0]))
            try:
                await asyncio.wait({turn, gone}, return_when=asyncio.FIRST_COMPLETED)
                if gone.done():
                    raise GoneError
            except BaseException:
                gone.cancel()
                if turn.done():
                    self._turns.give_back()
                else:
                    turn.cancel()
                raise
            return gone
        finally:
            self._waiting -= 1

    async def _read(self, receive: Receive, body: bytearray) -> None:
        """Append all of the body, and count it as held."""
        try:
            async with asyncio.timeout(self._limits.seconds):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise GoneError
                    chunk, more = message.get("body", b""), message.get("more_body", False)
                    body += chunk
                    self._held += len(chunk)
                    if len(body) > MAX_BODY:
                        raise RefusedError(413, TOO_LARGE)
                    if self._held > self._limits.held:
                        raise _busy()
        except TimeoutError:
            raise RefusedError(408, f"the request took longer than {self._limits.seconds:g} s to arrive") from None


def _busy() -> RefusedError:
    return RefusedError(503, "too many structures wait to be worked on: try again in a moment")


def _replay(body: bytes, gone: asyncio.Future[Message]) -> Receive:
    """The whole body as one message, then the end of the connection."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return first.pop() if first else await asyncio.shield(gone)

    return receive
