"""A server that others on the network can reach asks for the token that it printed; 127.0.0.1 alone needs none."""

from __future__ import annotations

import secrets

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

COOKIE = "topofuse"


def new_token() -> str:
    """192 random bits as text."""
    return secrets.token_urlsafe(24)


class Token:
    """ASGI: answers who shows the token, in a cookie or as `Authorization: Bearer TOKEN`; others get status 401.

    The address that is printed, /?token=TOKEN, sets the cookie, and leads to the page without the token in its address.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        request = Request(scope)
        shown = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._is(request.cookies.get(COOKIE, "")) or self._is(shown):
            return await self._app(scope, receive, send)
        answer: Response
        if request.method == "GET" and request.url.path == "/" and self._is(request.query_params.get("token", "")):
            answer = RedirectResponse("/", 303)
            answer.set_cookie(COOKIE, self._token, httponly=True, samesite="strict")
        else:
            answer = JSONResponse({"detail": "open the address that `topofuse serve` printed: it has a token"}, 401)
        return await answer(scope, receive, send)

    def _is(self, shown: str) -> bool:
        return secrets.compare_digest(shown.encode(), self._token.encode())
