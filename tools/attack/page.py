"""The local page: workers that die during a request, a port in use, every address, a thousand uploads."""

from __future__ import annotations

import http.client
import os
import re
import signal
import threading
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from base import ROOT, Tally, Watched, judge, judge_rest, workplace

SERVE = ("serve", "--no-open", "--model", "fast")


class Page:
    """A server on a free port, and requests to it."""

    def __init__(self, place: Path, *more: str) -> None:
        self.watched = Watched(*SERVE, "--port", "0", *more, place=place)
        self.said = ""
        stream = self.watched.process.stderr
        assert stream is not None
        while not (found := re.search(r"http://[\d.]+:(\d+)/(\?token=(\S+))?", self.said)):
            line = stream.readline()
            assert line, self.said
            self.said += line
        self.port, self.token = int(found[1]), found[3]
        self.process = self.watched.process.pid

    def ask(self, path: str, files: Sequence[tuple[str, bytes]] = (), **headers: str) -> Any:
        """Status and text of a request; with files, of an upload."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        try:
            if not files:
                connection.request("GET", path, headers=headers)
            else:
                mark = uuid.uuid4().hex
                field = "files" if path.endswith("predict") else "file"
                body = b""
                for name, content in files:
                    head = f'--{mark}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
                    body += head.encode() + content + b"\r\n"
                body += f"--{mark}--\r\n".encode()
                headers["Content-Type"] = f"multipart/form-data; boundary={mark}"
                connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def descendants(self) -> list[int]:
        """Process numbers of all that the server has started, the server apart."""
        parents: dict[int, int] = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                words = path.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if words[0] != "Z":
                parents[int(path.parent.name)] = int(words[1])
        found = [self.process]
        for one in found:
            found += [child for child, parent in parents.items() if parent == one]
        return found[1:]

    def memory(self) -> dict[str, float]:
        """MiB of private memory of the server and, together, of its processes."""
        own, *others = (_private(number) for number in [self.process, *self.descendants()])
        return {"server": own, "others": sum(others)}

    def end(self) -> Any:
        """SIGINT, and how it ended."""
        self.watched.kill(signal.SIGINT, group=False)
        return self.watched.end()


def _private(number: int) -> float:
    try:
        lines = Path(f"/proc/{number}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_", "Swap:"))) / 1024


def attack(uploads: int, deaths: int) -> int:
    """All of it, on three servers."""
    tally = Tally("page")
    text = (ROOT / "docs/examples/GaAs.vasp").read_bytes()
    with workplace() as place:
        page = Page(place)
        assert page.ask("/api/material", [("GaAs.vasp", text)])[0] == 200
        _port_in_use(tally, place, page.port)
        for number in range(deaths):
            _death(tally, page, number)
        _uploads(tally, page, text, uploads)
        ended = page.end()
        if ended.code != 130 or "Traceback" in ended.err:
            tally.fault("wrong end", f"exit code {ended.code}: {ended.last}")
        judge_rest(tally, "the server", page.watched)
        _every_address(tally, place)
    return tally.report("traceback", "wrong end", "wrong answer", "left behind")


def _port_in_use(tally: Tally, place: Path, port: int) -> None:
    other = Watched(*SERVE, "--port", str(port), place=place)
    ended = other.end()
    judge(tally, "a port in use", ended, (2,))
    if ended.err.count("\n") != 1 or str(port) not in ended.err:
        tally.fault("wrong end", f"a port in use: {ended.err!r}")


def _heavy() -> bytes:
    """A crystal that takes a while: 64 atoms without symmetry."""
    import random

    rng = random.Random(0)
    grid = [(x, y, z) for x in range(4) for y in range(4) for z in range(4)]
    rows = "".join(" ".join(f"{(i + 0.1 * rng.random()) / 4:.5f}" for i in point) + "\n" for point in grid)
    return f"heavy\n12.0\n1 0 0\n0.1 1 0\n0 0.05 1\nMg O\n32 32\nDirect\n{rows}".encode()


def _death(tally: Tally, page: Page, number: int) -> None:
    """Kill what works on a request: the worker, or the process that workers are forked from."""
    answers: list[Any] = []
    before = set(page.descendants())
    asking = threading.Thread(target=lambda: answers.append(page.ask("/api/material", [("heavy.vasp", _heavy())])))
    asking.start()
    deadline = time.monotonic() + 60
    while not (new := set(page.descendants()) - before) and time.monotonic() < deadline:
        time.sleep(0.005)
    server = next((one for one in before if "forkserver" in Path(f"/proc/{one}/cmdline").read_text()), None)
    victim = server if number % 3 == 2 else next(iter(new), None)
    if victim is None:
        tally.count("no worker seen")
    else:
        os.kill(victim, signal.SIGKILL)
        tally.count("workers killed" if victim != server else "fork servers killed")
    asking.join()
    status, answer = answers[0]
    if status == 200 and '"status":"error"' in answer.replace(" ", ""):
        tally.count("answered with the reason")
    elif status == 200:
        tally.count("answered nevertheless")
    elif status == 503 and "detail" in answer:
        tally.count("refused with a sentence")
    else:
        tally.fault("wrong answer", f"after a death: {status} {answer[:200]}")
    status, answer = page.ask("/api/predict", [("GaAs.vasp", (ROOT / "docs/examples/GaAs.vasp").read_bytes())])
    if status != 200 or '"label":"trivial"' not in answer:
        tally.fault("wrong answer", f"the next request: {status} {answer[:200]}")


def _uploads(tally: Tally, page: Page, text: bytes, number: int) -> None:
    """Good and broken files, ten in a request; memory and files by the way."""
    first = 0.0
    for count in range(10, number + 1, 10):
        status, _ = page.ask("/api/predict", [(f"{i}.vasp", text if i % 5 == 0 else text[: 9 * i]) for i in range(10)])
        tally.count("uploads", 10)
        if status != 200:
            tally.fault("wrong answer", f"upload {count}: status {status}")
        if count not in (100, number // 2, number):
            continue
        memory = page.memory()
        files = [path for path in page.watched.temporary.rglob("*") if path.is_file()]
        sizes = f"{memory['server']:.0f} MiB in the server, {memory['others']:.0f} MiB in its processes"
        print(f"  after {count} uploads: {sizes}, {len(files)} files", flush=True)
        if files:
            tally.fault("left behind", f"{files[:3]}")
        first = first or memory["server"]
        if memory["server"] > first + 50:
            tally.fault("left behind", f"{memory['server'] - first:.0f} MiB more than after 100 uploads")


def _every_address(tally: Tally, place: Path) -> None:
    """--host 0.0.0.0: a warning, and nothing without the token."""
    page = Page(place, "--host", "0.0.0.0")
    if "warning" not in page.said or not page.token:
        tally.fault("wrong answer", f"no warning or no token: {page.said!r}")
    cookie = {"Cookie": f"topofuse={page.token}"}
    refused = [page.ask(path)[0] for path in ("/", "/api/health", "/api/examples", "/static/index.html", "/?token=x")]
    refused.append(page.ask("/api/predict", [("x.vasp", b"")])[0])
    allowed = [page.ask("/api/health", **cookie)[0]]
    tally.count("requests without the token", len(refused))
    if any(status not in (401, 403) for status in refused) or allowed != [200]:
        tally.fault("wrong answer", f"statuses without the token {refused}, with it {allowed}")
    page.end()
    judge_rest(tally, "--host 0.0.0.0", page.watched)
