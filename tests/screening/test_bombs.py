"""A compressed source that expands out of proportion ends in a row that says so, long before the memory or the day."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile

import pytest

from support.screening_sources import record
from support.stand_ins import poscar
from topofuse.crystals import CrystalError
from topofuse.screening import sources
from topofuse.screening.sources import open_source

FREE, MUCH = 2**17, 2**21  # bytes


@pytest.fixture(autouse=True)
def little(monkeypatch):
    monkeypatch.setattr(sources, "_FREE_BYTES", FREE)
    monkeypatch.setattr(sources, "_MAX_IDLE", 1000)


def last_reason(path) -> str:
    *_, last = open_source(str(path)).entries()
    with pytest.raises(CrystalError) as caught:
        last.crystal()
    return str(caught.value)


def tar(*members: tuple[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return stream.getvalue()


@pytest.mark.parametrize(("suffix", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)])
@pytest.mark.parametrize("name", ["a.vasp", "README"])
def test_a_member_that_is_packed_out_of_proportion(tmp_path, suffix, pack, name):
    path = tmp_path / f"a.tar.{suffix}"
    path.write_bytes(pack(tar(("first.vasp", poscar("Mg", "O").encode()), (name, bytes(MUCH)), ("last", b""))))
    first, *_ = open_source(str(path)).entries()
    assert first.crystal()
    assert "more than 250 times its size" in last_reason(path)


@pytest.mark.parametrize("piece", [b"\0", b" ", b"[1" + b" " * 999 + b"]\n"])
def test_lines_without_end(tmp_path, piece):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(piece * (MUCH // len(piece))))
    assert "more than 250 times its size" in last_reason(path)


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz"])
def test_blank_lines_without_end(tmp_path, suffix):
    line = json.dumps(record("Mg", "O")).encode() + b"\n"
    path = tmp_path / f"a.{suffix}"
    for blank, whole in ((999, True), (1001, False)):
        data = line + b"\n" * blank + line
        path.write_bytes(gzip.compress(data) if suffix.endswith("gz") else data)
        *_, last = entries = list(open_source(str(path)).entries())
        assert len(entries) == 2
        if whole:
            assert last.crystal()
        else:
            assert "lines without text" in last_reason(path)


def test_members_of_no_interest_without_end(tmp_path):
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(tarfile.TarInfo("README").tobuf() * 1001))
    assert "1,000 members that are no structures" in last_reason(path)


def test_members_of_a_zip_that_share_their_bytes(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.vasp", bytes(MUCH))
        archive.filelist += [archive.filelist[0]] * 9  # ten names in the directory, one member
    assert len(list(open_source(str(path)).entries())) == 1
    assert "more than 250 times its size" in last_reason(path)


def test_what_is_packed_well_is_read(tmp_path):
    """A thousand structures that differ in a number and in their names."""
    path = tmp_path / "a.tar.xz"
    members = [(f"{i}.vasp", poscar("Mg", "O", a=4 + (i * 7919 % 1000) / 1e3).encode()) for i in range(1000)]
    path.write_bytes(lzma.compress(tar(*members)))
    assert len(tar(*members)) > 100 * path.stat().st_size
    entries = list(open_source(str(path)).entries())
    assert len(entries) == 1000
    assert entries[-1].crystal()
