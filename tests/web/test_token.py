"""A page that others on the network can reach: the token, the warning, the addresses."""

from __future__ import annotations

import asyncio
import re
import types

import httpx
import pytest

from support.stand_ins import ByFirstAtom
from topofuse.web import serve as serving
from topofuse.web.app import create_app
from topofuse.web.serve import ServeError, listen, serve
from topofuse.web.service import Service
from topofuse.web.token import new_token

SECRET = "a-secret-of-this-test"


@pytest.fixture
def ask(tmp_path):
    app = create_app(Service(ByFirstAtom, tmp_path, name="stand-in"), token=SECRET)

    def asked(path, method="GET", **options):
        async def one():
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://192.0.2.7:8765") as client:
                return await client.request(method, path, **options)

        return asyncio.run(one())

    return asked


def test_without_the_token_nothing_is_answered(ask):
    wrong = [{}, {"headers": {"authorization": "Bearer wrong"}}, {"headers": {"cookie": "topofuse=wrong"}}]
    for path in ("/", "/api/health", "/static/page.js", "/?token=wrong", f"/api/health?token={SECRET}"):
        for options in wrong:
            refused = ask(path, **options)
            assert refused.status_code == 401, path
            assert "content-security-policy" in refused.headers
    assert ask("/api/predict", "POST", files={"files": ("x.cif", b"")}).status_code == 401
    assert ask("/api/health", headers={"cookie": "topofuse=é".encode()}).status_code == 401


def test_the_printed_address_sets_a_cookie_that_is_then_enough(ask):
    opened = ask(f"/?token={SECRET}")
    assert (opened.status_code, opened.headers["location"]) == (303, "/")
    assert {"HttpOnly", "SameSite=strict"} <= {part.strip() for part in opened.headers["set-cookie"].split(";")}
    cookie = opened.headers["set-cookie"].split(";")[0]
    assert ask("/api/health", headers={"cookie": cookie}).status_code == 200
    assert ask("/api/health", headers={"authorization": f"Bearer {SECRET}"}).status_code == 200


def test_a_page_of_another_origin_cannot_use_the_cookie(ask):
    options = {"headers": {"cookie": f"topofuse={SECRET}", "origin": "http://evil.example"}}
    assert ask("/api/predict", "POST", files={"files": ("x.cif", b"")}, **options).status_code == 403


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", None), ("0.0.0.0", "127.0.0.1"), ("127.0.0.2", "127.0.0.2")])
def test_every_other_address_than_127_0_0_1_has_a_warning_and_a_token(monkeypatch, host, shown):
    tokens, said = [], []
    server = types.SimpleNamespace(run=lambda sockets: None, should_exit=False)
    monkeypatch.setattr(serving, "make_server", lambda service, token: tokens.append(token) or server)
    monkeypatch.setattr(serving, "_load", lambda model: ByFirstAtom())
    serve("stand-in", 0, open_browser=False, say=said.append, host=host)
    if shown is None:
        assert tokens == [None]
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/ \(Ctrl-C ends it\)", said[0])
    else:
        assert said[0].startswith(f"warning: {host} can be reached from other machines.")
        assert re.fullmatch(rf"http://{shown}:\d+/\?token={tokens[0]} \(Ctrl-C ends it\)", said[-1])
        assert len(tokens[0]) == 32


def test_tokens_are_never_the_same():
    assert len({new_token() for _ in range(100)}) == 100


@pytest.mark.parametrize("host", ["192.0.2.1", "no such name", "1.2.3.4.5"])
def test_an_address_of_another_machine_is_said_so(host):
    with pytest.raises(ServeError, match="--host takes an IPv4 address of this machine"):
        listen(0, host)
