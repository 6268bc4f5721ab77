"""What stands between the page and the rest of the world: whose requests are answered, and what the page may do.

A server on 127.0.0.1 can still be reached by any web page that the person's browser shows. A page of another
origin may send requests blindly, and one whose name was made to point at 127.0.0.1 (DNS rebinding) may read the
answers. The first is told by `Origin`, the second by `Host` (Starlette's `TrustedHostMiddleware`). Where a token is
asked for, any name will do: a page of another name has no cookie with it.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from topofuse.web.queue import MAX_BODY, TOO_LARGE

HOSTS = ("127.0.0.1", "localhost")

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


class Guard:
    """Refuses foreign and oversized requests before they are read, and adds `HEADERS` to every answer."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str] = HOSTS) -> None:
        self._app = TrustedHostMiddleware(app, hosts, www_redirect=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refusal = _refusal(scope["method"], Headers(scope=scope))
        if refusal is not None:
            status, reason = refusal
            return await JSONResponse({"detail": reason}, status)(scope, receive, send_with_headers)
        return await self._app(scope, receive, send_with_headers)


def _refusal(method: str, headers: Headers) -> tuple[int, str] | None:
    """HTTP status and reason, or None where the request is to be answered."""
    if method in ("GET", "HEAD"):
        return None
    here = f"http://{headers.get('host', '')}"
    if headers.get("origin", here) != here:
        return 403, "a page of another origin may not use this server"
    length = headers.get("content-length")
    if length is not None and "transfer-encoding" in headers:
        return 400, "a request says how long it is (Content-Length), or that it comes in chunks, not both"
    if length is not None and (len(length) > 15 or int(length) > MAX_BODY):  # chunks are counted as they come (`Queue`)
        return 413, TOO_LARGE
    return None
