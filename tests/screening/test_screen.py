"""A screening: any source gives the rows of its files, work that is there stays, and the best come first."""

from __future__ import annotations

import gzip
import io
import json
import signal
import subprocess
import sys
import tarfile
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from support.screening_sources import (
    PAIRS,
    archive_of,
    as_optimade,
    as_pymatgen,
    environment,
    files,
    folder_of_files,
    listed,
    record,
    rows_of,
    without_names,
)
from support.stand_ins import ByFirstAtom, misbehave, poscar
from topofuse.cli import main
from topofuse.crystals import CrystalError
from topofuse.screening.entries import in_chunks
from topofuse.screening.predict import PredictOptions, predict_paths
from topofuse.screening.ranking import Filters
from topofuse.screening.sources import SourceError, open_source
from topofuse.screening.table import OutputError


@pytest.fixture
def folder(tmp_path) -> Path:
    return folder_of_files(tmp_path)


class TestSources:
    def test_a_folder_gives_the_rows_of_predict(self, folder, tmp_path):
        assert rows_of(folder, tmp_path / "out") == predict_paths([folder], ByFirstAtom())
        assert {path.name for path in (tmp_path / "out").iterdir()} == {
            *("shards", "predictions.parquet", "ranking.csv", "ranking.html", "ranking.md")
        }

    @pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.TGZ", "a.tar.bz2", "a.txz"])
    def test_an_archive_gives_those_of_its_files(self, folder, tmp_path, name):
        rows = rows_of(archive_of(tmp_path / name), tmp_path / "out")
        assert [row["input"] for row in rows] == [*files(), "sub/8_MgO.vasp"]
        assert without_names(rows[:-1]) == without_names(predict_paths([folder], ByFirstAtom()))

    @pytest.mark.parametrize("form", ["columns", "pymatgen", "OPTIMADE", "gz"])
    def test_lines_of_json_in_every_form(self, folder, tmp_path, form):
        lines = {
            "columns": [{"material_id": f"m{i}", **record(*pair)} for i, pair in enumerate(PAIRS)],
            "pymatgen": [{"id": f"m{i}", "structure": as_pymatgen(*pair)} for i, pair in enumerate(PAIRS)],
            "OPTIMADE": [as_optimade(f"m{i}", *pair) for i, pair in enumerate(PAIRS)],
        }.get(form) or [{"name": f"m{i}", **as_pymatgen(*pair)} for i, pair in enumerate(PAIRS)]
        text = "\n".join(json.dumps(line) for line in lines) + "\n\n"
        path = tmp_path / ("x.jsonl.gz" if form == "gz" else "x.jsonl")
        path.write_bytes(gzip.compress(text.encode()) if form == "gz" else text.encode())
        rows = rows_of(path, tmp_path / "out")
        assert [row["input"] for row in rows] == [f"m{i}" for i in range(len(PAIRS))]
        assert without_names(rows) == without_names(predict_paths([folder], ByFirstAtom())[:-1])

    def test_a_parquet_of_topomats_schema(self, folder, tmp_path):
        records = [record(*pair) for pair in PAIRS]
        table = pa.table(
            {
                "material_id": [f"mp-{i}" for i in range(len(PAIRS))],
                "lattice": [np.ravel(r["lattice"]) for r in records],
                "numbers": pa.array([r["numbers"] for r in records], pa.list_(pa.uint8())),
                "frac_coords": pa.array([np.ravel(r["frac_coords"]) for r in records], pa.list_(pa.float32())),
            }
        )
        pq.write_table(table, tmp_path / "x.parquet")
        rows = rows_of(tmp_path / "x.parquet", tmp_path / "out")
        assert [row["input"] for row in rows] == table["material_id"].to_pylist()
        assert without_names(rows) == without_names(predict_paths([folder], ByFirstAtom())[:-1])

    def test_what_is_no_source_is_one_sentence(self, tmp_path):
        (tmp_path / "x.parquet").write_bytes(b"PAR1 not really")
        pq.write_table(pa.table({"a": [1]}), tmp_path / "y.parquet")
        (tmp_path / "x.cif").write_text("data_x")
        for name, words in (
            ("absent", "there is no"),
            ("x.parquet", "not a readable parquet file"),
            ("y.parquet", "has no column lattice, numbers, frac_coords; found are a"),
            ("x.cif", "is no source; it can be a folder"),
        ):
            with pytest.raises(SourceError, match=words):
                open_source(str(tmp_path / name))

    def test_a_bad_line_is_a_row_with_its_number(self, tmp_path):
        lines = [b'{"a": ', b"[1]", b"\xff\xfe", b'{"lattice": 1, "numbers": ["x"], "frac_coords": []}']
        lines += [b'{"lattice": [1, 2], "numbers": [3], "frac_coords": [0, 0, 0]}', b"[" * 100_000]
        (tmp_path / "x.jsonl").write_bytes(b"\n".join([*lines, json.dumps(record("Mg", "O")).encode()]))
        rows = rows_of(tmp_path / "x.jsonl", tmp_path / "out")
        assert [row["input"] for row in rows] == [f"line {i}" for i in range(1, 8)]
        assert [row["status"] for row in rows] == ["error"] * 6 + ["ok"]
        assert all(len(row["reason"]) > 20 and "Error" not in row["reason"] for row in rows[:-1])

    @pytest.mark.parametrize("depth", [30, 100, 300, 600, 900, 5000])
    @pytest.mark.parametrize("brackets", ["[]", "{}"])
    def test_a_line_of_any_depth_costs_itself(self, tmp_path, depth, brackets):
        opening = "[" if brackets == "[]" else '{"a":'
        deep = '{"id": "deep", "properties": ' + opening * depth + "1" + brackets[1] * depth + "}"
        good = json.dumps({"id": "good", "note": "[" * 50 + '\\" {' * 50, **record("Mg", "O")})
        (tmp_path / "x.jsonl").write_text(f"{good}\n{deep}\n{good}\n")
        rows = rows_of(tmp_path / "x.jsonl", tmp_path / "out", options=PredictOptions(workers=1, chunk=2))
        assert [row["status"] for row in rows] == ["ok", "error", "ok"]
        assert ("brackets" in rows[1]["reason"]) == (depth > 30)

    def test_a_line_that_would_fill_the_memory_costs_itself(self, tmp_path):
        good = json.dumps(record("Mg", "O"))
        lines = ['{"sites": [' + "{}," * 600_000 + "{}]}", json.dumps({**record("Mg"), "numbers": [12] * 3000}), good]
        (tmp_path / "x.jsonl").write_text("\n".join(lines))
        rows = rows_of(tmp_path / "x.jsonl", tmp_path / "out")
        assert [row["status"] for row in rows] == ["error", "error", "ok"]
        assert "1,000,000 brackets" in rows[0]["reason"]
        assert "3000 atoms" in rows[1]["reason"]

    def test_a_small_parquet_of_huge_lists_is_refused_before_it_is_read(self, tmp_path):
        def write(*numbers: np.ndarray, kind=None) -> Path:
            lattice = [np.eye(3).ravel() * 4.2] * len(numbers)
            columns = {"lattice": lattice, "numbers": list(numbers), "frac_coords": [[0.0, 0.0, 0.0]] * len(numbers)}
            table = pa.table(columns) if kind is None else pa.table({**columns, "numbers": pa.array(numbers, kind)})
            pq.write_table(table, tmp_path / "x.parquet")
            return tmp_path / "x.parquet"

        assert write(np.ones(1_000_000, np.uint8)).stat().st_size < 100_000
        with pytest.raises(SourceError, match="smaller row groups"):
            open_source(str(tmp_path / "x.parquet"))
        good = np.array([84], np.uint8)
        entries = list(open_source(str(write(*[good] * 400, np.ones(2_000_000, np.uint8), good))).entries())
        assert [entry.name for entry in entries] == [f"row {i + 1}" for i in range(402)]
        with pytest.raises(CrystalError, match="more than 2000 atoms"):
            entries[400].crystal()
        assert len(entries[399].crystal()) == len(entries[401].crystal()) == 1
        for kind, value in (
            (pa.string(), "1"),
            (pa.list_(pa.string()), ["1"]),
            (pa.list_(pa.list_(pa.list_(pa.int8()))), [[[1]]]),
        ):
            with pytest.raises(SourceError, match="does not hold lists of numbers"):
                open_source(str(write(value, kind=kind)))

    @pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tar.bz2", "a.txz"])
    @pytest.mark.parametrize("part", [0.0, 0.02, 0.4, 0.6])
    def test_a_truncated_archive_ends_in_a_row_that_says_so(self, tmp_path, name, part):
        whole = archive_of(tmp_path / name).read_bytes()
        cut = int(part * len(whole))
        if name == "a.tar":  # not in the zeros that fill its blocks
            cut = max(int(part > 0), whole.rfind(b"Direct", 0, cut))
        (tmp_path / name).write_bytes(whole[:cut])
        rows = rows_of(tmp_path / name, tmp_path / "out")
        assert rows[-1]["status"] == "error"
        assert "truncated or damaged" in rows[-1]["reason"]
        assert [row["input"] for row in rows[:-1]] == [*files(), "sub/8_MgO.vasp"][: len(rows) - 1]

    def test_members_that_are_too_large_encrypted_or_altered_cost_themselves(self, tmp_path):
        archive_of(tmp_path / "a.zip")
        with zipfile.ZipFile(tmp_path / "a.zip", "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("bomb.cif", b"#" * (21 * 2**20))
        data = bytearray((tmp_path / "a.zip").read_bytes())
        data[data.index(b"Mg O") + 1] ^= 1
        entry = data.rindex(b"PK\x01\x02", 0, data.rindex(b"1_Ca_S.vasp"))
        data[entry + 8] |= 1
        (tmp_path / "a.zip").write_bytes(data)
        rows = {row["input"]: row for row in rows_of(tmp_path / "a.zip", tmp_path / "out")}
        assert "damaged in the archive" in rows["0_Mg_O.vasp"]["reason"]
        assert "encrypted" in rows["1_Ca_S.vasp"]["reason"]
        assert "larger than 20 MiB" in rows["bomb.cif"]["reason"]
        assert rows["sub/8_MgO.vasp"]["status"] == "ok"

    @pytest.mark.slow
    @pytest.mark.parametrize("name", ["x.jsonl", "x.tar", "x.parquet"])
    def test_a_source_is_read_as_a_stream(self, tmp_path, name):
        def peak(n: int) -> int:
            path = tmp_path / f"{n}-{name}"
            if name == "x.jsonl":
                path.write_text((json.dumps(record("Mg", "O")) + "\n") * n)
            elif name == "x.tar":
                with tarfile.open(path, "w") as archive:
                    for i in range(n):
                        archive.addfile(tarfile.TarInfo(f"{i}.vasp"), io.BytesIO())
            else:
                flat = {key: [list(value)] * n for key, value in record("Mg", "O").items()}
                pq.write_table(pa.table(flat), path, row_group_size=500)
            source = open_source(str(path))
            tracemalloc.start()
            assert sum(len(chunk) for chunk in in_chunks(source.entries(), 100)) == n
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            return most

        peak(500)  # imports
        assert peak(4000) < 1.5 * peak(500)

    def test_long_entries_make_short_shards(self, monkeypatch):
        from topofuse.screening import entries

        monkeypatch.setattr(entries, "MAX_CHUNK_BYTES", 100)
        sizes = [10, 10, 90, 5, 200, 1, 1]
        source = [entries.ContentEntry(str(i), "x.cif", b"#" * size) for i, size in enumerate(sizes)]
        assert [[e.size for e in chunk] for chunk in in_chunks(iter(source), 3)] == [[10, 10, 90], [5, 200], [1, 1]]


class TestGoingOn:
    def test_what_is_there_is_not_predicted_again_and_other_filters_rank_anew(self, folder, tmp_path):
        first = rows_of(folder, tmp_path / "out")
        assert len(listed(tmp_path / "out")) == 6
        model, said = ByFirstAtom(), []
        filters = Filters(elements=("Mg",))
        assert rows_of(folder, tmp_path / "out", model, filters=filters, say=said.append) == first
        assert model.batches == []
        assert said == [f"continuing: 4 chunks of 2 structures are in {tmp_path / 'out/shards'}"]
        (row,) = listed(tmp_path / "out")
        assert row["formula"] == "MgO"

    def test_a_run_that_failed_goes_on(self, folder, tmp_path):
        with pytest.raises(RuntimeError):
            rows_of(folder, tmp_path / "out", ByFirstAtom(cannot=[(34, RuntimeError("killed"))]))
        assert not (tmp_path / "out/predictions.parquet").exists()
        model = ByFirstAtom()
        assert rows_of(folder, tmp_path / "out", model) == predict_paths([folder], ByFirstAtom())
        assert model.batches == [2, 1]

    def test_structures_are_made_symmetric_where_that_was_asked_for(self, folder, tmp_path):
        rows = rows_of(folder, tmp_path / "out", options=PredictOptions(chunk=2, symmetrise=0.1))
        assert all("symmetrised: " in row["warnings"] for row in rows if row["status"] == "ok")
        assert any(row["status"] == "ok" for row in rows)

    def test_a_folder_of_other_work_is_refused_and_left_alone(self, folder, tmp_path):
        rows_of(folder, tmp_path / "out")
        kept = sorted((tmp_path / "out/shards").iterdir())
        for other, words in (
            ({"model": ByFirstAtom(identity="another")}, "the model or its --symmetrise changed"),
            ({"options": PredictOptions(chunk=3)}, "the size or the layout of the shards changed"),
            ({"options": PredictOptions(chunk=2, symmetrise=0.1)}, "the model or its --symmetrise changed"),
        ):
            with pytest.raises(OutputError, match=f"holds 4 shards of other work \\({words} since\\): delete it, or"):
                rows_of(folder, tmp_path / "out", **other)
        (folder / "new.vasp").write_text(poscar("Mg", "O"))
        with pytest.raises(OutputError, match="the list of inputs changed"):
            rows_of(folder, tmp_path / "out")
        assert sorted((tmp_path / "out/shards").iterdir()) == kept
        (tmp_path / "thesis").mkdir()
        (tmp_path / "thesis/chapter").touch()
        with pytest.raises(OutputError, match="holds other files and no screening"):
            rows_of(folder, tmp_path / "thesis")

    @pytest.mark.slow
    def test_killed_it_goes_on_where_it_was(self, tmp_path):
        text = "\n".join(json.dumps(record("Mg", "O", a=3.5 + i / 50)) for i in range(40))
        (tmp_path / "x.jsonl").write_text(text)
        out = tmp_path / "out"
        process = subprocess.Popen(script(tmp_path, "local", features="slowly"), env=environment())
        while len(list(out.glob("shards/*.jsonl"))) < 3 and process.poll() is None:
            time.sleep(0.002)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        done = {path: path.stat().st_mtime_ns for path in out.glob("shards/*.jsonl")}
        assert 3 <= len(done) < 10
        rows = rows_of(tmp_path / "x.jsonl", out, ByFirstAtom(), options=PredictOptions(chunk=4))
        assert [row["input"] for row in rows] == [f"line {i + 1}" for i in range(40)]
        assert done == {path: path.stat().st_mtime_ns for path in done}


SCRIPT = """
import sys
from support import stand_ins
from topofuse.screening.predict import PredictOptions
from topofuse.screening.screen import screen
if __name__ == "__main__":
    engine, folder, features = sys.argv[1:]
    features = getattr(stand_ins, features)
    model = stand_ins.ByFirstAtom(features=features)
    if engine == "ray":
        model = stand_ins.DiesOnce(folder + "/marker", features)
    workers = 1 if engine == "ray" else 0
    options = PredictOptions(workers=workers, chunk=4, time_limit=1)
    screen(folder + "/x.jsonl", model, folder + "/out", options, engine=engine)
"""


def script(folder: Path, engine: str, features: str) -> list[str]:
    (folder / "script.py").write_text(SCRIPT)
    return [sys.executable, "-W", "error", str(folder / "script.py"), engine, str(folder), features]


@pytest.mark.slow
def test_on_ray_a_killed_worker_costs_its_shard_and_the_rows_are_those_of_one_machine(tmp_path):
    pytest.importorskip("ray")
    pairs = [("Ca", "S"), ("Mg", "Te"), ("He",), ("Mg", "O"), ("Xe",), ("Na",), ("Zn", "S")]
    (tmp_path / "x.jsonl").write_text("\n".join(json.dumps(record(*pair)) for pair in pairs) + "\n{")
    run = subprocess.run(script(tmp_path, "ray", "misbehave"), env=environment(), capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, ""), run.stderr
    assert "Traceback" not in run.stderr
    killed = int((tmp_path / "marker").read_text())
    assert not Path(f"/proc/{killed}").exists()
    rows = pq.read_table(tmp_path / "out/predictions.parquet").to_pylist()
    here = rows_of(
        tmp_path / "x.jsonl",
        tmp_path / "local",
        ByFirstAtom(features=misbehave),
        options=PredictOptions(1, time_limit=1, chunk=4),
    )
    assert rows == here
    assert [row["status"] for row in rows] == ["ok", "ok", "error", "ok", "error", "metal", "ok", "error"]
    assert rows[2]["reason"] == "took longer than the time limit of 1 s"


class TestCommand:
    @pytest.fixture
    def invoke(self, monkeypatch):
        from topofuse.ensemble import bundle

        monkeypatch.setattr(bundle, "open_bundle", lambda model: ByFirstAtom(identity=model))
        return lambda *words: CliRunner().invoke(main, ["screen", *map(str, words)])

    def test_a_source_becomes_a_folder(self, invoke, folder, tmp_path):
        words = ("--workers", 1, "--elements", "Mg, O", "--max-atoms", 4, "--class", "hsl_semimetal", "--class", "ti")
        result = invoke(folder, "-o", tmp_path / "out", *words)
        assert result.exit_code == 0, result.output
        assert result.stdout == f"{tmp_path / 'out/ranking.html'}\n"
        assert "8 structures (6 ok, 1 metal, 1 error); 1 pass the filters" in result.stderr

    def test_what_cannot_be_is_one_line(self, invoke, folder, tmp_path):
        for words, message in (
            ((folder, "--address", "auto"), "--address is for --engine ray"),
            ((folder, "--without", "Xx"), "'Xx' is no element"),
            ((tmp_path / "absent",), "there is no"),
        ):
            result = invoke(*words, "-o", tmp_path / "out")
            assert result.exit_code == 2
            assert message in result.stderr

    def test_limits_are_those_of_predict(self):
        for name in ("time_limit", "memory_limit"):
            (option,) = (p for p in main.commands["screen"].params if p.name == name)
            (same,) = (p for p in main.commands["predict"].params if p.name == name)
            assert option.default == same.default == getattr(PredictOptions(), name)
