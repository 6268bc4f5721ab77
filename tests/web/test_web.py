"""The interface behind the page: rows with reasons, scenes, and whom it refuses."""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
from importlib.resources import files
from itertools import product
from pathlib import Path

import httpx
import numpy as np
import pytest
from click.testing import CliRunner

import topofuse
from support.broken_inputs import make_corpus
from support.stand_ins import ByFirstAtom, greedy, misbehave, poscar
from support.web_server import serving
from topofuse.cli import main
from topofuse.crystals import Crystal, analyse
from topofuse.crystals.read import read_structure
from topofuse.ensemble.bundle import BundleError, open_bundle
from topofuse.explain import explain
from topofuse.labels import FIVE, LEVELS
from topofuse.modalities.registry import modality
from topofuse.modalities.store import Sample
from topofuse.screening.examine import blank_row
from topofuse.screening.predict import predict_paths
from topofuse.screening.table import COLUMNS, csv_text
from topofuse.symmetry.filling import zone_facts
from topofuse.symmetry.zones import written
from topofuse.system.files import null_undefined
from topofuse.tightbinding import sketch
from topofuse.web.app import MAX_FILES
from topofuse.web.examples import EXAMPLES, example_text
from topofuse.web.neighbours import neighbours
from topofuse.web.queue import MAX_BODY
from topofuse.web.reading import Read
from topofuse.web.scene import bonds, conventional_cell
from topofuse.web.serve import ServeError, listen, serve
from topofuse.web.service import safe_name
from topofuse.web.zone import brillouin_zone, wigner_seitz

pytestmark = pytest.mark.slow  # starts a server


@pytest.fixture(scope="module")
def address():
    with serving() as found:
        yield found


@pytest.fixture(scope="module")
def client(address):
    with httpx.Client(base_url=address, timeout=60) as made:
        yield made


def post(client, *named, path="/api/predict", field="files", **options):
    return client.post(path, files=[(field, (name, content)) for name, content in named], **options)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_command_that_the_documents_show_is_answered(address):
    root = Path(__file__).parents[2]
    shown = re.search(r"^curl .*$", (root / "docs/page.md").read_text(encoding="utf-8"), re.MULTILINE)[0]
    command = shlex.split(shown.replace("http://127.0.0.1:8765", address))
    answer = json.loads(subprocess.run(command, cwd=root, capture_output=True, check=True).stdout)
    assert [(row["input"], row["status"]) for row in answer["rows"]] == [("Bi2Se3.vasp", "ok"), ("Al.vasp", "metal")]


class TestPredict:
    def test_every_file_is_a_row_in_order_under_the_name_that_it_was_sent_with(self, client):
        named = [("CsCl.vasp", poscar("Cs", "Cl")), ("b.cif", "data_x"), ("Na.vasp", poscar("Na", a=3.4))]
        answer = post(client, *named, ("CsCl.vasp", poscar("Mg", "O", a=3.5))).json()
        assert answer["model"] == "stand-in"
        assert answer["columns"] == list(COLUMNS)
        rows = answer["rows"]
        assert [row["input"] for row in rows] == ["CsCl.vasp", "b.cif", "Na.vasp", "CsCl.vasp"]
        assert [row["status"] for row in rows] == ["ok", "error", "metal", "ok"]
        assert [row["formula"] for row in rows] == ["CsCl", None, "Na", "MgO"]
        assert [bool(row["reason"]) for row in rows] == [False, True, True, False]

    @pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
    def test_the_page_writes_the_csv_that_python_writes(self):
        names = ["=1", "+1", "-1", "@1", "\t1", "\r1", "\n1", "＝1", "a\x1b[2J\x07", "\u202egpj", "\x85\xa0\xad"]
        names += ['a,b"c', "硒🙂\u200d.cif", "\U000e0001x", "'=x", "a=b-c.cif"]
        rows = [blank_row(name) | {"status": "error", "reason": f"={name}", "novelty": 0.5} for name in names]
        table = files("topofuse.web") / "static" / "table.js"
        script = f"import {{ csvText }} from {json.dumps(str(table))}; import {{ readFileSync }} from 'node:fs';"
        script += (
            "const [columns, rows] = JSON.parse(readFileSync(0, 'utf8')); process.stdout.write(csvText(columns, rows));"
        )
        command = ["node", "--no-warnings", "--input-type=module", "-e", script]
        given = json.dumps([COLUMNS, rows])
        found = subprocess.run(command, input=given, capture_output=True, text=True, check=True, encoding="utf-8")
        assert found.stdout == csv_text(rows)

    def test_a_row_is_that_of_topofuse_predict(self, client, tmp_path):
        (tmp_path / "CaS.vasp").write_text(poscar("Ca", "S"))
        expected = predict_paths([tmp_path / "CaS.vasp"], ByFirstAtom())[0]
        row = post(client, ("CaS.vasp", poscar("Ca", "S"))).json()["rows"][0]
        assert {name: row[name] for name in COLUMNS} == expected | {"input": "CaS.vasp"}

    def test_the_three_levels_agree_with_one_another(self, client):
        row = post(client, ("CsCl.vasp", poscar("Cs", "Cl"))).json()["rows"][0]
        found = row["levels"]
        assert {level: tuple(found[level]["probabilities"]) for level in LEVELS} == LEVELS
        assert found["five"]["label"] == row["label"] == FIVE[2]
        assert (found["two"]["label"], found["three"]["label"]) == ("nontrivial", "semimetal")
        assert found["two"]["probabilities"]["nontrivial"] == pytest.approx(row["p_nontrivial"])
        assert found["three"]["probabilities"]["semimetal"] == pytest.approx(
            row["p_hsp_semimetal"] + row["p_hsl_semimetal"]
        )

    def test_a_broken_file_is_a_row_with_a_reason_and_no_traceback(self, client, tmp_path):
        expected = make_corpus(tmp_path)
        small = [path for path in expected if "odd" not in path.parts and path.stat().st_size < 100_000]
        some = small[:: len(small) // 50]  # no more than one request takes
        assert 40 < len(some) <= MAX_FILES
        rows = post(client, *[(path.name, path.read_bytes()) for path in some]).json()["rows"]
        for path, row in zip(some, rows, strict=True):
            assert row["input"] == path.name
            assert (row["status"] == "error") or expected[path] != "error"
            assert bool(row["reason"]) == (row["status"] != "ok")
            assert "Traceback" not in row["reason"]
        (tmp_path / "odd" / "locked").chmod(0o700)

    def test_a_structure_that_hangs_costs_its_own_row_and_holds_up_nobody(self):
        with serving(ByFirstAtom(features=misbehave), time_limit=1.0) as address, httpx.Client(base_url=address) as own:
            slow = []
            stuck = threading.Thread(target=lambda: slow.append(post(own, ("He.vasp", poscar("He")), timeout=30)))
            stuck.start()
            assert post(own, ("MgO.vasp", poscar("Mg", "O")), timeout=30).json()["rows"][0]["status"] == "ok"
            stuck.join()
            row = slow[0].json()["rows"][0]
            assert (row["status"], row["reason"]) == ("error", "took longer than the time limit of 1 s")

    def test_requests_wait_for_the_model_that_is_still_loading(self):
        gate = threading.Event()

        def load():
            gate.wait(30)
            return ByFirstAtom()

        with serving(load=load) as address, httpx.Client(base_url=address, timeout=30) as own:
            assert own.get("/").status_code == 200
            assert own.get("/api/health").json()["status"] == "loading"
            threading.Timer(0.2, gate.set).start()
            assert post(own, ("MgO.vasp", poscar("Mg", "O"))).json()["rows"][0]["status"] == "ok"
            assert own.get("/api/health").json()["status"] == "ready"

    def test_a_model_that_cannot_be_loaded_is_said_so_in_words(self):
        def load():
            raise BundleError("the bundle is damaged")

        with serving(load=load) as address, httpx.Client(base_url=address, timeout=30) as own:
            refused = post(own, ("MgO.vasp", poscar("Mg", "O")))
            assert own.get("/api/health").json()["status"] == "failed"
        assert refused.status_code == 503
        assert refused.json()["detail"] == "the model cannot be loaded: the bundle is damaged"

    def test_too_many_files_and_no_files_are_refused_in_words(self, client):
        refused = post(client, *[("x.cif", "")] * 65)
        assert (refused.status_code, refused.json()["detail"]) == (413, "at most 64 files in one request, these are 65")
        assert client.post("/api/predict", content=b"").status_code == 422


class TestMaterial:
    def material(self, client, name, content, **options):
        answer = post(client, (name, content), path="/api/material", field="file", **options)
        assert answer.status_code == 200
        return answer.json()

    def test_one_request_tells_all_of_bismuth_selenide(self, client):
        found = self.material(client, "Bi2Se3.vasp", example_text("Bi2Se3"))
        assert found["columns"] == list(COLUMNS)
        row = post(client, ("Bi2Se3.vasp", example_text("Bi2Se3"))).json()["rows"][0]
        assert found["row"] == row
        scene, bands = found["scene"], found["bands"]
        assert (scene["formula"], scene["spacegroup"], scene["spacegroup_symbol"]) == ("Bi2Se3", 166, "R-3m")
        assert {e["symbol"] for e in scene["elements"]} == {"Bi", "Se"}
        assert all(re.fullmatch("#[0-9a-f]{6}", e["colour"]) for e in scene["elements"])
        assert {name: len(cell["species"]) for name, cell in scene["cells"].items()} == {
            "conventional": 15,
            "primitive": 5,
        }
        assert {p["label"] for p in scene["zone"]["points"]} >= {"Γ", "T", "L", "F"}
        assert scene["zone"]["electrons"] == bands["electrons"] == 28
        assert found["why"] is None  # the stand-in is no bundle

    def test_its_bands_are_those_of_the_sketch(self, client, textbook):
        bands = self.material(client, "Na3Bi.vasp", example_text("Na3Bi"))["bands"]
        found = topofuse.sketch(textbook["Na3Bi-na3as"].crystal)
        assert bands["verdict"] == found.verdict
        assert [label for _, label in bands["ticks"]] == [label for _, label in found.ticks]
        for own, filled in ((bands["plain"], found.lines.filled), (bands["soc"], found.lines.filled_soc)):
            assert own["filled"] <= filled
            assert np.shape(own["weights"]) == (*np.shape(own["energy"]), 4)
        top = np.array(bands["soc"]["energy"])[bands["soc"]["filled"] - 1]
        np.testing.assert_allclose(top, found.lines.energy_soc[:, found.lines.filled_soc - 1], atol=2e-3)
        assert {(m["kind"], m["label"]) for m in bands["marks"] if m["soc"]} == {
            ("inversion", "Γ"),
            ("crossing", "Γ–A"),
        }
        assert [p["odd_pairs"] for p in bands["points"] if p["inverted"]] == [[4, 3]]

    def test_a_metal_is_drawn_without_bands_and_a_bad_file_is_a_row_with_the_reason(self, client):
        metal = self.material(client, "Na.vasp", poscar("Na", a=3.4))
        assert metal["row"]["status"] == "metal"
        assert metal["scene"]["formula"] == "Na"
        assert "odd number of electrons" in metal["bands"]["none"]
        bad = self.material(client, "x.cif", "nothing")
        assert bad["row"]["status"] == "error"
        assert len(bad["row"]["reason"]) > 8
        assert bad["scene"] is bad["bands"] is bad["why"] is None

    def test_a_file_is_read_once_and_everything_is_computed_once(self, tmp_path, monkeypatch):
        (tmp_path / "CaS.vasp").write_text(poscar("Ca", "S"))
        counts = dict.fromkeys(("read_structure", "analyse", "features", "sketch"), 0)

        def counted(name, function):
            def call(*arguments):
                counts[name] += 1
                return function(*arguments)

            return call

        monkeypatch.setattr("topofuse.screening.entries.read_structure", counted("read_structure", read_structure))
        monkeypatch.setattr("topofuse.screening.examine.analyse", counted("analyse", analyse))
        monkeypatch.setattr(sketch, "sketch_of", counted("sketch", sketch.sketch_of))
        names = ("bands", "indicators")
        extract = counted(
            "features", lambda crystal: [Sample({name: modality(name).extract(crystal) for name in names})]
        )
        found = Read(extract, explained=False)(tmp_path / "CaS.vasp")
        assert found.row["formula"] == "CaS"
        assert counts == dict.fromkeys(counts, 1)

    def test_a_crystal_that_hangs_or_takes_all_the_memory_is_a_row_with_the_reason(self, monkeypatch):
        hanging = ByFirstAtom(features=misbehave)
        with serving(hanging, time_limit=1.0) as address, httpx.Client(base_url=address, timeout=60) as own:
            found = self.material(own, "He.vasp", poscar("He"))
        assert (found["row"]["status"], found["row"]["reason"]) == ("error", "took longer than the time limit of 1 s")
        monkeypatch.setattr("topofuse.web.service.MEMORY_LIMIT", 0.25)
        with serving(ByFirstAtom(features=greedy)) as address, httpx.Client(base_url=address, timeout=60) as own:
            found = self.material(own, "MgO.vasp", poscar("Mg", "O"))
        assert found["row"]["reason"] == "needs more memory than the limit of 0.25 GiB"

    def test_the_reasons_are_what_topofuse_explain_says_of_the_file(self, tmp_path):
        (tmp_path / "CaS.vasp").write_text(poscar("Ca", "S"))
        bundle = open_bundle("fast")
        with serving(bundle) as address, httpx.Client(base_url=address, timeout=60) as own:
            found = self.material(own, "CaS.vasp", poscar("Ca", "S"))
        expected = null_undefined(explain(tmp_path / "CaS.vasp", bundle).to_dict()) | {"source": "CaS.vasp"}
        assert found["why"] == json.loads(json.dumps(expected))
        assert found["why"]["answer"]["p_nontrivial"] == pytest.approx(found["row"]["p_nontrivial"])
        nearest = [f"{n['id']} {n['formula']} {n['label']}" for n in found["neighbours"]]
        assert "; ".join(nearest) == found["row"]["nearest"]

    def test_neighbours_have_links_where_there_are_pages(self):
        assert neighbours(None) == []
        found = neighbours("mp-34202 Bi2Te3 ti; some id Sb2Te3 hsl_semimetal")
        assert [(n["id"], n["formula"], n["label"]) for n in found] == [
            ("mp-34202", "Bi2Te3", "ti"),
            ("some id", "Sb2Te3", "hsl_semimetal"),
        ]
        assert found[0]["link"].endswith("/mp-34202")
        assert found[1]["link"] is None


class TestScene:
    def test_a_conventional_cell_is_the_same_crystal(self, compounds):
        for crystal in compounds.values():
            symmetric = analyse(crystal)
            cell = conventional_cell(symmetric)
            cell = Crystal.validated(cell.lattice, cell.numbers, cell.frac_coords)  # no two atoms coincide
            assert analyse(cell).spacegroup == symmetric.spacegroup
            assert cell.volume / len(cell) == pytest.approx(symmetric.primitive.volume / len(symmetric.primitive))

    def test_every_ion_of_rock_salt_has_six_bonds_and_every_atom_of_silicon_four(self, nacl, silicon):
        for crystal, each in ((nacl, 6), (silicon, 4)):
            found = bonds(crystal)
            assert np.bincount(found[:, :2].ravel(), minlength=len(crystal)).tolist() == [each] * len(crystal)
            ends = crystal.frac_coords[found[:, 1]] + found[:, 2:] - crystal.frac_coords[found[:, 0]]
            assert np.ptp(np.linalg.norm(ends @ crystal.lattice, axis=1)) < 1e-6


class TestZone:
    def test_a_wigner_seitz_cell_has_the_volume_of_the_lattice_and_obeys_euler(self):
        random = np.random.default_rng(0)
        for lattice in [np.eye(3), *random.normal(size=(20, 3, 3))]:
            vertices, faces = wigner_seitz(lattice)
            apexes = [(vertices[f[0]], vertices[f[k]], vertices[f[k + 1]]) for f in faces for k in range(1, len(f) - 1)]
            volume = sum(np.dot(a, np.cross(b, c)) for a, b, c in apexes) / 6
            assert volume == pytest.approx(abs(np.linalg.det(lattice)))
            assert len(vertices) - sum(map(len, faces)) / 2 + len(faces) == 2

    def test_zones_of_known_shapes(self, nacl, zno):
        assert sorted(map(len, brillouin_zone(analyse(nacl))["faces"])) == [4] * 6 + [6] * 8  # truncated octahedron
        assert sorted(map(len, brillouin_zone(analyse(zno))["faces"])) == [4] * 6 + [6] * 2  # hexagonal prism

    def test_every_momentum_lies_in_the_zone(self, compounds):
        triclinic = Crystal.validated([[4, 0, 0], [1.1, 5, 0], [7, 1.3, 6]], [11, 17], [[0.1, 0, 0], [0.4, 0.5, 0.6]])
        for crystal in [*compounds.values(), triclinic]:
            found = brillouin_zone(analyse(crystal))
            steps = np.array(list(product(range(-3, 4), repeat=3))) @ np.array(found["reciprocal"])
            for point in found["points"]:
                k = np.array(point["position"])
                assert np.linalg.norm(k) <= np.linalg.norm(k - steps, axis=1).min() + 1e-6, point["label"]

    def test_its_points_are_the_momenta_of_explain(self, small_world):
        forced = 0
        for crystal in map(analyse, small_world.crystals):
            facts, points = zone_facts(crystal), brillouin_zone(crystal)["points"]
            if crystal.spacegroup > 2:  # triclinic momenta have no names of their own there
                unfilled = {point["label"] for point in points if not point["fits"]}
                assert {written(label) for label in facts.forced} <= unfilled
                assert bool(facts.forced) == bool(unfilled)
                forced += bool(unfilled)
            assert [p["dimensions"] for p in points[: len(facts.momenta)]] == [m.dimensions for m in facts.momenta]
        assert forced > 0

    def test_the_path_joins_points_and_names_are_written_as_people_do(self, bi2se3):
        found = brillouin_zone(analyse(bi2se3))
        names = [point["label"] for point in found["points"]]
        lines = ["Γ T", "T H₂", "H₀ L", "L Γ", "Γ S₀", "S₂ F", "F Γ"]
        assert [f"{names[a]} {names[b]}" for a, b in found["path"]] == lines
        assert [written(name) for name in ("GAMMA", "SIGMA_0", "H_2", "X")] == ["Γ", "Σ₀", "H₂", "X"]


def test_every_example_is_its_formula(client):
    offered = client.get("/api/examples").json()
    assert [e["formula"] for e in offered] == [e.formula for e in EXAMPLES]
    labels = {e["formula"]: e["label"] for e in offered}
    assert (labels["Bi2Se3"], labels["Si"], labels["TaAs"]) == ("ti", "trivial", None)
    named = [(e["file"], client.get(f"/api/examples/{e['formula']}").text) for e in offered]
    rows = post(client, *named).json()["rows"]
    assert [row["formula"] for row in rows] == [e.formula for e in EXAMPLES]
    assert client.get("/api/examples/../secret").status_code == 404


class TestSecurity:
    def test_only_this_machines_names_are_answered(self, client):
        for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "localhost@evil.example:1"):
            refused = client.get("/api/health", headers={"host": host})
            assert refused.status_code == 400, host
            assert "content-security-policy" in refused.headers
        assert client.get("/api/health", headers={"host": "localhost:1"}).status_code == 200

    def test_a_page_of_another_origin_cannot_send_files(self, client, address):
        for origin in ("http://evil.example", "null", "https://127.0.0.1", address.replace("127.0.0.1", "localhost")):
            refused = post(client, ("x.vasp", poscar("Mg", "O")), headers={"origin": origin})
            assert refused.status_code == 403, origin
        assert post(client, ("x.vasp", poscar("Mg", "O")), headers={"origin": address}).status_code == 200

    def test_what_is_too_large_is_refused_unread(self, address):
        for length in (MAX_BODY + 1, 10**19):
            with socket.create_connection((httpx.URL(address).host, httpx.URL(address).port)) as raw:
                raw.sendall(b"POST /api/predict HTTP/1.1\r\nHost: 127.0.0.1\r\n")
                raw.sendall(f"Content-Length: {length}\r\n\r\n".encode())  # and nothing of the body
                assert raw.recv(100).startswith(b"HTTP/1.1 413")

    def test_every_answer_forbids_the_page_to_ask_elsewhere(self, client):
        for path in ("/", "/static/page.js", "/api/health", "/absent", "/static/../app.py"):
            answer = client.get(path)
            policy = answer.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'")
            assert "unsafe" not in policy
            assert "http" not in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers.get("access-control-allow-origin") is None

    def test_the_pages_own_files_name_no_other_address(self):
        static = files("topofuse.web") / "static"
        names = [f.name for f in static.iterdir() if f.name.endswith((".html", ".css", ".js"))]
        assert {"index.html", "style.css", "page.js"} <= set(names)
        for name in names:
            assert re.findall(r"(?:https?:)?//[\w.-]+\.\w+/", (static / name).read_text()) == [], name

    @pytest.mark.parametrize(
        ("name", "kept"),
        [
            ("../../etc/passwd", "passwd"),
            ("C:\\crystals\\my crystal.CIF", "my_crystal.CIF"),
            ("..", "structure"),
            ("", "structure"),
            ("a" * 300 + ".cif.gz", "a" * 73 + ".cif.gz"),
            ("\x00\n.vasp", "__.vasp"),
            ("硒化铋.vasp", "___.vasp"),
        ],
    )
    def test_a_name_cannot_leave_its_folder(self, name, kept):
        assert safe_name(name) == kept

    def test_no_page_of_fastapis_own_is_served(self, client):
        assert [client.get(path).status_code for path in ("/docs", "/redoc")] == [404, 404]


def test_the_interface_is_described(client):
    described = client.get("/api/openapi.json").json()
    assert set(described["paths"]) >= {"/api/predict", "/api/material", "/api/examples", "/api/health"}
    body = described["paths"]["/api/predict"]["post"]["requestBody"]["content"]
    assert list(body) == ["multipart/form-data"]
    row = described["components"]["schemas"]["PredictedRow"]["properties"]
    assert {"input", "status", "reason", "levels"} <= set(row)


class TestCommand:
    def test_it_serves_on_this_machine_only_until_it_is_ended_and_leaves_nothing(self, tmp_path):
        command = [sys.executable, "-m", "topofuse.cli", "serve", "--port", "0", "--no-open", "--model", "fast"]
        environment = {**os.environ, "TMPDIR": str(tmp_path)}
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
            try:
                address = process.stderr.readline().split()[0]
                assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
                with httpx.Client(base_url=address, timeout=60) as own:
                    assert own.get("/").status_code == 200
                    row = post(own, ("NaCl.vasp", example_text("NaCl"))).json()["rows"][0]
                assert (row["status"], row["label"]) == ("ok", "trivial")
                assert math.isclose(sum(row[f"p_{name}"] for name in FIVE), 1, rel_tol=1e-6)
            finally:
                process.send_signal(signal.SIGTERM)
                rest = process.stderr.read()
            assert process.wait() == 128 + signal.SIGTERM
        assert rest == "ended by SIGTERM: the page is no longer served\n"
        assert list(tmp_path.iterdir()) == []

    def test_a_model_that_cannot_be_loaded_ends_it_with_one_line(self, tmp_path):
        ended = CliRunner().invoke(main, ["serve", "--port", "0", "--no-open", "--model", str(tmp_path)])
        assert ended.exit_code == 2
        assert ended.stderr.splitlines()[1:] == [
            f"error: {tmp_path} is no model bundle: it holds no bundle.json; `topofuse run` makes one"
        ]

    def test_a_port_that_is_taken_is_said_so(self):
        with listen(0) as taken, pytest.raises(ServeError, match="--port 0 for any free one"):
            serve("fast", taken.getsockname()[1], open_browser=False, say=print)
