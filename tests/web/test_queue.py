"""Who is worked on next, and what is not taken in: the line before the interface."""

from __future__ import annotations

import asyncio
import json
import socket
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from support.stand_ins import ByFirstAtom, misbehave, poscar
from support.web_server import serving
from topofuse.web.queue import MAX_BODY, Limits, Queue, Turns

MANY = 40  # with 200 it passes too, in 80 s


class Client:
    """One request to an ASGI application: a body in chunks; `close()` ends the connection."""

    def __init__(self, *chunks, host="127.0.0.1", endless=False):
        self.chunks, self.endless, self.sent = list(chunks), endless, []
        self.scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "client": (host, 1)}
        self.closed = asyncio.Event()

    def close(self):
        self.closed.set()

    async def receive(self):
        if self.chunks:
            chunk = self.chunks[0] if self.endless else self.chunks.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": self.endless or bool(self.chunks)}
        await self.closed.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        self.sent.append(message)

    @property
    def status(self):
        return self.sent[0]["status"] if self.sent else None

    @property
    def detail(self):
        return json.loads(self.sent[1]["body"])["detail"]

    @property
    def headers(self):
        return dict(self.sent[0]["headers"])


class App:
    """Answers with the length of the body when `open` is set; notes whom it saw."""

    def __init__(self):
        self.seen, self.open = [], asyncio.Event()

    async def __call__(self, scope, receive, send):
        message = await receive()
        self.seen.append((scope["client"][0], len(message["body"]), message["more_body"]))
        await self.open.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def ask(queue, client):
    return asyncio.ensure_future(queue(client.scope, client.receive, client.send))


async def settle():
    for _ in range(20):
        await asyncio.sleep(0)


class TestTurns:
    def test_they_go_round_the_addresses(self):
        async def order():
            turns, served = Turns(1), []

            async def one(address):
                await turns.wait(address)
                served.append(address)
                await asyncio.sleep(0)
                turns.give_back()

            tasks = [asyncio.ensure_future(one(address)) for address in ["many"] * 4 + ["one"] + ["two"] * 2]
            await asyncio.gather(*tasks)
            return served

        assert asyncio.run(order()) == ["many", "many", "one", "two", "many", "two", "many"]

    def test_who_leaves_the_line_takes_no_turn_with_him(self):
        async def rest():
            turns = Turns(2)
            tasks = [asyncio.ensure_future(turns.wait("a")) for _ in range(6)]
            await settle()
            for task in tasks[2:5]:
                task.cancel()
            turns.give_back()
            tasks[5].cancel()  # its turn has come, and it has not noticed
            await settle()
            turns.give_back()
            await asyncio.wait_for(asyncio.gather(turns.wait("b"), turns.wait("c")), 1)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(turns.wait("d"), 0.01)

        asyncio.run(rest())


class TestQueue:
    def test_the_application_sees_whole_bodies_and_few_requests_at_a_time(self):
        async def run():
            app = App()
            queue = Queue(app, Limits(at_once=2))
            clients = [Client(b"ab", b"", b"c") for _ in range(5)]
            tasks = [ask(queue, client) for client in clients]
            await settle()
            assert app.seen == [("127.0.0.1", 3, False)] * 2
            app.open.set()
            await asyncio.gather(*tasks)
            assert [client.status for client in clients] == [200] * 5

        asyncio.run(run())

    def test_an_endless_body_is_refused_when_it_is_too_large(self):
        async def run():
            client = Client(bytes(2**20), endless=True)
            await ask(Queue(App()), client)
            assert (client.status, client.detail) == (
                413,
                "more than 32 MiB in one request: send fewer files at a time",
            )

        asyncio.run(run())

    def test_a_slow_body_is_given_up(self):
        async def run():
            client = Client()
            client.receive = lambda: asyncio.sleep(10)
            await ask(Queue(App(), Limits(seconds=0.01)), client)
            assert (client.status, client.detail) == (408, "the request took longer than 0.01 s to arrive")

        asyncio.run(run())

    @pytest.mark.parametrize("limits", [Limits(at_once=1, waiting=3), Limits(at_once=1, held=4 * 1000)])
    def test_a_full_line_says_when_to_come_again_and_empties(self, limits):
        async def run():
            app = App()
            queue = Queue(app, limits)
            clients = [Client(bytes(1000)) for _ in range(9)]
            tasks = []
            for client in clients:
                tasks.append(ask(queue, client))
                await settle()
            refused = [client for client in clients if client.status == 503]
            assert len(refused) == 5  # one is worked on, three wait
            assert {client.headers[b"retry-after"] for client in refused} == {b"10"}
            app.open.set()
            await asyncio.gather(*tasks)
            again = Client(bytes(1000))
            await ask(queue, again)
            assert again.status == 200

        asyncio.run(run())

    def test_clients_that_go_away_are_not_worked_for(self):
        async def run():
            app = App()
            queue = Queue(app, Limits(at_once=1))
            first, second, third = Client(b"1"), Client(b"22"), Client(b"333")
            tasks = [ask(queue, client) for client in (first, second, third)]
            await settle()
            second.close()
            await settle()
            app.open.set()
            await asyncio.gather(*tasks)
            assert [length for _, length, _ in app.seen] == [1, 3]
            assert second.sent == []

        asyncio.run(run())


def post(address, name="MgO.vasp", content=None, **options):
    content = poscar("Mg", "O") if content is None else content
    return httpx.post(f"{address}/api/predict", files=[("files", (name, content))], **options)


class TestServer:
    def test_bodies_in_chunks_are_counted(self):
        part = b'--x\r\nContent-Disposition: form-data; name="files"; filename="MgO.vasp"\r\n\r\n'
        kind = {"content-type": "multipart/form-data; boundary=x"}
        with serving() as address, httpx.Client(base_url=address, timeout=120, headers=kind) as client:
            small = iter([part, poscar("Mg", "O").encode(), b"\r\n--x--\r\n"])
            assert client.post("/api/predict", content=small).json()["rows"][0]["status"] == "ok"
            url = httpx.URL(address)
            for length in (b"", b"Content-Length: 5\r\n"):
                with socket.create_connection((url.host, url.port)) as raw:
                    raw.sendall(b"POST /api/predict HTTP/1.1\r\nHost: 127.0.0.1\r\n" + length)
                    raw.sendall(b"Transfer-Encoding: chunked\r\n\r\n")
                    sent = 0
                    try:
                        while sent <= MAX_BODY + 2**20 and not length:
                            raw.sendall(b"100000\r\n" + bytes(2**20) + b"\r\n")
                            sent += 2**20
                        answer = raw.recv(100)
                    except ConnectionError:  # closed at once; what it said may be lost with it
                        answer = b"HTTP/1.1 413"
                    assert answer.startswith(b"HTTP/1.1 400" if length else b"HTTP/1.1 413")

    @pytest.mark.slow
    def test_with_many_clients_at_once_health_is_answered_at_once_and_nobody_is_lost(self):
        with serving() as address, httpx.Client(base_url=address, timeout=10) as own:
            assert post(address, timeout=30).status_code == 200  # the workers are warm
            took, done = [], threading.Event()

            def watch():
                while not done.wait(0.1):
                    begun = time.monotonic()
                    assert own.get("/api/health").status_code == 200
                    took.append(time.monotonic() - begun)

            watching = threading.Thread(target=watch)
            watching.start()
            try:
                with ThreadPoolExecutor(MANY) as threads:
                    answers = list(threads.map(lambda _: post(address, timeout=300), range(MANY)))
            finally:
                done.set()
                watching.join()
            assert [answer.status_code for answer in answers] == [200] * MANY
            assert {answer.json()["rows"][0]["status"] for answer in answers} == {"ok"}
            assert statistics.median(took) < 0.5
            assert max(took) < 3

    @pytest.mark.slow
    def test_hanging_structures_hold_up_the_line_and_not_the_page(self):
        model = ByFirstAtom(features=misbehave)
        limits = Limits(at_once=2, waiting=3)
        with serving(model, time_limit=4.0, limits=limits) as address, httpx.Client(base_url=address) as own:
            with ThreadPoolExecutor(8) as threads:
                answers = []
                for _ in range(8):
                    answers.append(threads.submit(post, address, "He.vasp", poscar("He"), timeout=60))
                    time.sleep(0.1)
                begun = time.monotonic()
                assert own.get("/api/health").status_code == 200
                assert own.get("/static/page.js").status_code == 200
                assert time.monotonic() - begun < 2
            found = [answer.result() for answer in answers]
            refused = [answer for answer in found if answer.status_code == 503]
            assert len(refused) == 3
            assert {answer.headers["retry-after"] for answer in refused} == {"10"}
            reasons = [answer.json()["rows"][0]["reason"] for answer in found if answer.status_code == 200]
            assert reasons == ["took longer than the time limit of 4 s"] * 5
