"""An OPTIMADE server is screened page by page, and nothing is asked for twice."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from support.screening_sources import PAIRS, as_optimade, folder_of_files, rows_of, without_names
from support.stand_ins import ByFirstAtom
from topofuse.crystals import CrystalError
from topofuse.crystals.read_json import parse_record
from topofuse.screening import optimade, providers
from topofuse.screening.predict import predict_paths
from topofuse.screening.sources import SourceError


@pytest.fixture
def folder(tmp_path) -> Path:
    return folder_of_files(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"structure_features": ["disorder"]}, "disordered"),
        ({"structure_features": ["implicit_atoms"]}, "positions are not given"),
        ({"dimension_types": [1, 1, 0]}, "not periodic"),
        ({"lattice_vectors": None}, "not of OPTIMADE's form|no cell"),
        ({"lattice_vectors": [[1, 0, 0], [2, 0, 0], [0, 0, 1]]}, "not of OPTIMADE's form"),
        ({"species_at_sites": ["Mg"]}, "has not 3 coordinates"),
        ({"species": [{"name": "Mg", "chemical_symbols": ["X"], "concentration": [1]}]}, "unknown element 'X'"),
        ({"species": [{"name": "Mg", "chemical_symbols": ["Mg", "Fe"], "concentration": [0.5, 0.5]}]}, "Mg and Fe"),
        ({"species": [{"name": "Mg", "chemical_symbols": ["Mg"], "concentration": [0.5]}]}, "disordered"),
        ({"species": 7}, "not of OPTIMADE's form"),
    ],
)
def test_an_optimade_entry_that_is_no_crystal_is_refused(change, words):
    with pytest.raises(CrystalError, match=words):
        parse_record(as_optimade("x", "Mg", "O") | {"attributes": as_optimade("x", "Mg", "O")["attributes"] | change})


class Provider(BaseHTTPRequestHandler):
    """An OPTIMADE server of seven structures, two on a page; what it was asked is in `server.asked`."""

    def do_GET(self):
        self.server.asked.append(self.path)
        query = parse_qs(urlsplit(self.path).query)
        start = int(query.get("page_offset", ["0"])[-1])
        behaviour = self.server.behaviour
        if behaviour == "busy" and start == 4:
            self.send_error(503)
            return
        entries = [as_optimade(f"p{i}", *pair) for i, pair in enumerate(PAIRS)]
        port = self.server.server_port
        onward = f"{self.path}&page_offset={start + 2}" if start + 2 < len(entries) else None
        if behaviour == "loop" and onward is None:
            onward = self.path
        if behaviour == "same":  # the page that was asked for is not understood
            start, onward = 0, f"{self.path}&page_offset={start + 2}"
        onward = {
            "file": "file:///etc/passwd",
            "no address": "http://[::1",
            "letters": "/\u4e16\u754c",
        }.get(behaviour, onward)
        base = {
            "elsewhere": "http://elsewhere.invalid",
            "file": "",
            "port": f"http://127.0.0.1:{port + 1}",
            "scheme": f"https://127.0.0.1:{port}",
            "no address": "",
        }.get(behaviour, f"http://127.0.0.1:{port}")
        if behaviour.startswith("redirect ") and start:
            self.send_response(302)
            self.send_header("Location", behaviour.split()[1].replace("PORT", str(self.server.server_port)))
            self.end_headers()
            return
        if behaviour in ("endless", "endless and empty"):
            page = int(query.get("page", ["0"])[-1]) + 1
            onward = f"{urlsplit(self.path).path}?page={page}"
            entries = [] if "empty" in behaviour else [as_optimade(f"p{page}", "Mg", "O")]
            start = 0
        links = {"next": {"href": base + onward} if start else base + onward} if onward else {"next": None}
        body = {"data": entries[start : start + 2], "links": links, "meta": {}}
        content = b"<html>" if behaviour == "html" else json.dumps(body).encode()
        if behaviour.startswith("number "):
            content = content.replace(b"4.2", behaviour.split()[1].encode(), 1)
        if behaviour == "deep":
            content = content.replace(b'"meta": {}', b'"meta": ' + b"[" * 3000 + b"]" * 3000)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


def test_every_public_server_has_an_encrypted_address_to_which_the_path_can_be_added():
    for name, address in providers.PROVIDERS.items():
        assert name == name.lower()
        parts = urlsplit(optimade.first_link(address))
        assert parts.scheme == "https"
        assert parts.path.endswith("/v1/structures")


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(optimade, "_pause", lambda _: None)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Provider) as serving:
        serving.asked, serving.behaviour = [], ""
        serving.address = f"http://127.0.0.1:{serving.server_port}/optimade"
        thread = threading.Thread(target=serving.serve_forever, args=(0.01,))
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


class TestOptimade:
    def test_all_pages_are_screened_and_none_is_asked_for_twice(self, server, folder, tmp_path):
        rows = rows_of(f'{server.address}?filter=elements HAS "O"', tmp_path / "out")
        assert [row["input"] for row in rows] == [f"p{i}" for i in range(len(PAIRS))]
        assert without_names(rows) == without_names(predict_paths([folder], ByFirstAtom())[:-1])
        assert len(server.asked) == 4
        asked = urlsplit(server.asked[0])
        assert asked.path == "/optimade/v1/structures"
        assert parse_qs(asked.query)["filter"] == ['elements HAS "O"']
        assert "species_at_sites" in parse_qs(asked.query)["response_fields"][0]
        server.behaviour = "html"
        assert rows_of(f'{server.address}?filter=elements HAS "O"', tmp_path / "out") == rows
        assert len(server.asked) == 4

    def test_the_name_of_a_public_server_stands_for_its_address(self, server, tmp_path, monkeypatch):
        monkeypatch.setattr(providers, "PROVIDERS", {"here": server.address})
        rows = rows_of("optimade:Here?filter=nelements=2", tmp_path / "out")
        assert len(rows) == len(PAIRS)
        assert parse_qs(urlsplit(server.asked[0]).query)["filter"] == ["nelements=2"]
        with pytest.raises(SourceError, match=r"no OPTIMADE server 'there' here; there are here, or give an address"):
            rows_of("optimade:there?filter=nelements=2", tmp_path / "none")
        assert len(server.asked) == 4

    def test_a_busy_server_is_asked_again_and_pages_that_came_stay(self, server, tmp_path):
        server.behaviour = "busy"
        with pytest.raises(SourceError, match=r"503 .*the same command goes on with the pages that are there"):
            rows_of(server.address, tmp_path / "out")
        assert len(server.asked) == 2 + 4
        server.behaviour = ""
        assert len(rows_of(server.address, tmp_path / "out")) == len(PAIRS)
        assert len(server.asked) == 2 + 4 + 2

    @pytest.mark.parametrize(
        ("behaviour", "words"),
        [
            ("html", "did not answer with a list of OPTIMADE structures"),
            ("loop", "without end"),
            ("same", "without end"),
            ("elsewhere", "another server"),
            ("file", "another server"),
            ("port", "another server"),
            ("scheme", "another server"),
            ("no address", "no address"),
            ("letters", "no address"),
            ("deep", "did not answer with a list of OPTIMADE structures"),
            ("redirect http://elsewhere.invalid/", "another server"),
            ("redirect http://localhost:PORT/", "another server"),
            ("redirect http://127.0.0.1:1/", "another server"),
            ("redirect https://127.0.0.1:PORT/", "another server"),
            ("redirect file:///etc/passwd", "is not allowed"),
            ("endless", "goes on without end"),
            ("endless and empty", "empty pages and goes on without end"),
        ],
    )
    def test_a_strange_server_is_one_sentence(self, server, tmp_path, behaviour, words, monkeypatch):
        monkeypatch.setattr(optimade, "_MAX_PAGES", 30)
        server.behaviour = behaviour
        with pytest.raises(SourceError, match=words):
            rows_of(server.address, tmp_path / "out")

    @pytest.mark.parametrize("number", ["NaN", "nan", "1e999", "-Infinity"])
    def test_numbers_that_are_none_cost_their_entry(self, server, tmp_path, number):
        server.behaviour = f"number {number}"
        if number == "nan":  # which is not even JSON
            with pytest.raises(SourceError, match="did not answer"):
                rows_of(server.address, tmp_path / "out")
            return
        rows = rows_of(server.address, tmp_path / "out")
        assert [row["input"] for row in rows] == [f"p{i}" for i in range(len(PAIRS))]
        assert [row["status"] == "error" for row in rows] == [i % 2 == 0 for i in range(len(PAIRS))]
        assert "NaN or infinite" in rows[0]["reason"]

    def test_a_redirect_on_the_same_server_is_followed(self, server, tmp_path):
        server.behaviour = "redirect /optimade/v1/structures"  # to the first page, which has no offset
        with pytest.raises(SourceError, match="without end"):
            rows_of(server.address, tmp_path / "out")
        assert len(server.asked) > 2

    @pytest.mark.parametrize(
        ("limit", "value", "words"),
        [
            ("_MAX_BYTES", 100, "goes on without end"),
            ("_MAX_PAGE_BYTES", 100, "more than 0 MiB"),
            ("_MAX_SECONDS", -1, "the same command goes on"),
            ("_PAGE_SECONDS", -1, "for one page"),
        ],
    )
    def test_bytes_and_time_have_limits(self, server, tmp_path, monkeypatch, limit, value, words):
        monkeypatch.setattr(optimade, limit, value)
        with pytest.raises(SourceError, match=words):
            rows_of(server.address, tmp_path / "out")

    def test_a_server_that_is_not_there_is_one_sentence(self, server, tmp_path):
        with pytest.raises(SourceError, match="cannot be read"):
            rows_of("http://127.0.0.1:9/optimade", tmp_path / "out")

    def test_the_address_of_the_list_is_found(self):
        for given in ("http://x.org", "http://x.org/v1", "http://x.org/v1/structures/", "http://x.org/"):
            assert optimade.first_link(given).startswith("http://x.org/v1/structures?page_limit=100&response_fields=")
        assert "page_limit=20&" in optimade.first_link("https://x.org/a/v1.2?page_limit=20")
