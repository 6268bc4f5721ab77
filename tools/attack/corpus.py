"""Good and bad structures through every kind of source and table, with 1, 2 and 4 workers; and 2,000 hostile files."""

from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
import zipfile
from pathlib import Path
from typing import Any

from base import Tally, Watched, judge, judge_rows, seeded, table, workplace

WORKERS = (1, 2, 4)
SOURCES = ("folder", "a.zip", "a.tar", "a.tar.gz", "a.tar.xz", "a.jsonl", "a.jsonl.gz", "a.parquet")
Rows = list[dict[str, Any]]


def attack(number: int, seed: int) -> int:
    """`number` structures, a third of them broken, each way; then all rows are compared."""
    tally, rng = Tally("corpus"), seeded(seed)
    with workplace() as place:
        files, records = _structures(number, rng)
        _write(place, files, records)
        first: Rows | None = None
        for workers in WORKERS:
            for suffix in ("csv", "jsonl", "parquet"):
                words = ("predict", "folder", "--model", "fast", "-o", f"t.{suffix}", "--workers", workers)
                rows = _rows(tally, place, words, place / f"t.{suffix}")
                first = first or (rows if suffix == "jsonl" else None)
                _compare(tally, f"predict to {suffix}, {workers} workers", rows, first, list(files))
        by_kind: dict[str, Rows] = {"files": first or []}
        for source in SOURCES:
            kind = "parquet" if source.endswith("parquet") else "jsonl" if "jsonl" in source else "files"
            for workers in WORKERS if source in ("folder", "a.jsonl", "a.parquet") else (2,):
                out = f"of-{source}-{workers}"
                words = ("screen", source, "--model", "fast", "-o", out, "--workers", workers, "--shard-size", 32)
                rows = _rows(tally, place, words, place / out / "predictions.parquet")
                names = list(files if kind == "files" else records)
                _compare(tally, f"screen of {source}, {workers} workers", rows, by_kind.setdefault(kind, rows), names)
    return tally.report("row lost or doubled", "wrong answer", "traceback", "hang")


def _rows(tally: Tally, place: Path, words: tuple[object, ...], path: Path) -> Rows:
    ended = Watched(*words, place=place).end(1200)
    return table(path) if judge(tally, " ".join(map(str, words)), ended, (0,)) else []


def _compare(tally: Tally, what: str, rows: Rows, first: Rows | None, names: list[str]) -> None:
    """Names in their order, each once; and the same rows as in the first table of the kind."""
    judge_rows(tally, what, [str(row["input"]).removeprefix("folder/") for row in rows], names)
    tally.count("rows", len(rows))
    if first is None:
        return
    for mine, other in zip(rows, first, strict=False):
        for column in other:
            if column != "input" and not _same(mine[column], other[column]):
                detail = f"{column} is {mine[column]!r}, not {other[column]!r}"
                tally.fault("wrong answer", f"{what}: {mine['input']}: {detail}")
                return


def _same(mine: Any, other: Any) -> bool:
    """Equal, a CSV's text being of six decimals."""
    if isinstance(mine, str) and not isinstance(other, str):
        return mine == ("" if other is None else f"{other:.6f}" if isinstance(other, float) else str(other))
    if isinstance(mine, float) and isinstance(other, float):
        return abs(mine - other) < 1e-6
    return bool(mine == other) or (mine == "" and other is None)


def _structures(number: int, rng: random.Random) -> tuple[dict[str, bytes], dict[str, dict[str, Any]]]:
    """Files by name, and records by name, in their order."""
    from support.broken_inputs import GOOD, WHOLE_NAMES
    from support.screening_sources import as_optimade, as_pymatgen, record
    from support.stand_ins import poscar

    texts = [(name, text) for name, text in GOOD.items() if name not in (*WHOLE_NAMES, "yaml")]
    files, records = {}, {}
    for i in range(number):
        metal, anion = rng.choice(["Mg", "Ca", "Sr", "Ba", "Na", "K"]), rng.choice(["O", "S", "Se", "Te"])
        a = round(rng.uniform(3.2, 5.0), 4)
        suffix, text = ("vasp", poscar(metal, anion, a=a)) if i % 3 else rng.choice(texts)
        one: dict[str, Any] = rng.choice([record, as_pymatgen])(metal, anion, a=a)
        one = as_optimade(f"s{i:04d}", metal, anion, a=a)["attributes"] if i % 5 == 4 else one
        if i % 3 == 1:
            cut = text[: rng.randrange(len(text) // 2)]
            text = rng.choice([cut, text.replace("0.5", "nan"), text[::-1], "\0" + text])
            one = {key: value for key, value in one.items() if rng.random() < 0.5}
        files[f"{i:04d}.{suffix}"] = text.encode()
        records[f"s{i:04d}"] = {"material_id": f"s{i:04d}", **one}
    return files, records


def _write(place: Path, files: dict[str, bytes], records: dict[str, dict[str, Any]]) -> None:
    """The sources; parquet has the records that are arrays, with null for what lacks."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    (place / "folder").mkdir()
    for name, data in files.items():
        (place / "folder" / name).write_bytes(data)
    with zipfile.ZipFile(place / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    for suffix, mode in (("tar", "w"), ("tar.gz", "w:gz"), ("tar.xz", "w:xz")):
        with tarfile.open(place / f"a.{suffix}", mode) as tar:  # type: ignore[call-overload]
            for name, data in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    lines = "".join(json.dumps(one) + "\n" for one in records.values()).encode()
    (place / "a.jsonl").write_bytes(lines)
    (place / "a.jsonl.gz").write_bytes(gzip.compress(lines))
    kinds = {"lattice": pa.list_(pa.list_(pa.float64())), "numbers": pa.list_(pa.int64())}
    kinds |= {"frac_coords": kinds["lattice"], "material_id": pa.string()}
    rows = [{name: one.get(name) if _plain(one) else None for name in kinds} for one in records.values()]
    for row, name in zip(rows, records, strict=True):
        row["material_id"] = name
    pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(list(kinds.items()))), place / "a.parquet")


def _plain(one: dict[str, Any]) -> bool:
    return isinstance(one.get("lattice", []), list)


def hostile() -> int:
    """The broken files of the tests, every one through `predict` as a person calls it."""
    from support.broken_inputs import make_corpus, understandable

    tally = Tally("hostile files")
    with workplace() as place:
        folder = place / "corpus"
        folder.mkdir()
        expected = {path: what for path, what in make_corpus(folder).items() if "\0" not in str(path)}
        (folder / "odd" / "locked").chmod(0o700)
        words = ("predict", *expected, "--model", "fast", "-o", "t.jsonl", "--workers", 2, "--time-limit", 30)
        ended = Watched(*words, place=place).end(1200)
        tally.count("files", len(expected))
        judge(tally, "predict", ended, (2,))  # some of the paths do not exist
        rows = table(place / "t.jsonl")
        names = [str(path).encode("utf-8", "backslashreplace").decode() for path in expected]
        judge_rows(tally, "predict", [str(row["input"]) for row in rows], names)
        for row, (path, what) in zip(rows, expected.items(), strict=False):
            tally.count(f"rows {row['status']}")
            if what != "any" and (row["status"] == "error") != (what == "error"):
                tally.fault("wrong answer", f"{path.name}: {row['status']} instead of {what}: {row['reason']}")
            if row["status"] == "error" and not understandable(row):
                tally.fault("wrong answer", f"{path.name}: {row['reason']}")
    return tally.report("row lost or doubled", "wrong answer", "traceback", "hang")
