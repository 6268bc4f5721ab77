"""Small files that hold gigabytes, through `predict` and `screen`: a row with a reason, soon, in little memory."""

from __future__ import annotations

import bz2
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from base import Tally, Watched, judge, table, workplace

SECONDS = 120.0  # of processor time that a bomb may cost
LITTLE_MEMORY = "ulimit -v 4000000"  # KiB of address space, of which libraries take most


def repeated(piece: bytes, megabytes: int) -> bytes:
    """A gzip member that holds `piece` (1 MiB) so many times; deflate's blocks can be copied after a full flush."""
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    end = zlib.compressobj(9, wbits=-15).flush()
    return b"\x1f\x8b\x08\0\0\0\0\0\x02\xff" + block * megabytes + end + bytes(8)  # a wrong checksum, never reached


def _head(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf()


def _zip(path: Path, members: int, megabytes: int) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(members):
            archive.writestr(f"{i}.vasp", bytes(megabytes << 20))


def _lying_zip(path: Path) -> None:
    """A directory that declares eight bytes where there are 64 MiB."""
    _zip(path, 1, 64)
    size, small = (64 << 20).to_bytes(4, "little"), (8).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(size, small))


def bombs(folder: Path) -> Iterator[tuple[str, Path]]:
    """What each is, and its file; ten gigabytes in each but for zip and xz, which take long to make."""
    zeros, lines, mib = bytes(2**20), b"\n" * 2**20, 10_000
    record = b'{"a":' + b" " * (2**20 - 7) + b"1}"

    def put(name: str, content: bytes) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    yield "zeros in .vasp.gz", put("a.vasp.gz", repeated(zeros, mib))
    yield "blank lines in .cif.gz", put("a.cif.gz", repeated(lines, mib))
    yield "a hundred thousand gzip members", put("b.cif.gz", zlib.compress(b"\n", wbits=31) * 100_000)
    yield "zeros in .tar.gz", put("zeros.tar.gz", repeated(zeros, mib))
    yield (
        "a huge member in .tar.gz",
        put("huge.tar.gz", zlib.compress(_head("a.vasp", mib << 20), wbits=31) + repeated(zeros, mib)),
    )
    yield (
        "a huge member of no interest in .tar.gz",
        put("other.tar.gz", zlib.compress(_head("README", mib << 20), wbits=31) + repeated(zeros, mib)),
    )
    heads = (_head("README", 0) * 2048)[: 2**20]
    yield "20 million members in .tar.gz", put("many.tar.gz", repeated(heads, mib))
    yield "one endless line in .jsonl.gz", put("line.jsonl.gz", repeated(zeros, mib))
    yield "ten thousand million blank lines in .jsonl.gz", put("blank.jsonl.gz", repeated(lines, mib))
    yield "ten thousand long lines in .jsonl.gz", put("records.jsonl.gz", repeated(record[:-1] + b"\n", mib))
    yield "zeros in .tar.bz2", put("zeros.tar.bz2", bz2.compress(zeros * 100) * 100)
    yield (
        "a huge member in .tar.xz",
        put("huge.tar.xz", lzma.compress(_head("a.vasp", 2**36)) + lzma.compress(zeros * 250) * 40),
    )
    sparse = io.BytesIO()
    with tarfile.open(fileobj=sparse, mode="w") as archive:
        member = tarfile.TarInfo("a.vasp")
        member.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.map": "0,0"}
        member.pax_headers |= {"GNU.sparse.size": str(2**40), "GNU.sparse.name": "a.vasp"}
        archive.addfile(member)
    yield "a sparse member of a terabyte in .tar", put("sparse.tar", sparse.getvalue())
    _zip(folder / "members.zip", 200, 19)
    yield "200 members of 19 MiB in .zip", folder / "members.zip"
    _zip(folder / "huge.zip", 1, 2000)
    yield "a member of 2 GB in .zip", folder / "huge.zip"
    _lying_zip(folder / "lying.zip")
    yield "a .zip that declares too little", folder / "lying.zip"


def attack() -> int:
    """Every bomb through `predict` where it reads such a file, and through `screen`."""
    tally = Tally("bombs")
    with workplace() as place:
        for what, path in bombs(place):
            print(f"  {what}: {path.stat().st_size / 2**20:.1f} MiB", flush=True)
            if path.name.endswith((".vasp.gz", ".cif.gz")):
                _one(tally, what, place, ("predict", path.name, "--model", "fast", "-o", "out.jsonl"), "out.jsonl")
                folder = place / "folder"
                folder.mkdir(exist_ok=True)
                path = path.rename(folder / path.name)
                _one(tally, what, place, ("screen", "folder", "--model", "fast", "-o", "found"))
            else:
                _one(tally, what, place, ("screen", path.name, "--model", "fast", "-o", "found"))
            path.unlink()
    return tally.report("traceback", "hang", "wrong end", "wrong answer", "left behind")


def _one(tally: Tally, what: str, place: Path, words: tuple[str, ...], made: str = "found/predictions.parquet") -> None:
    import shutil

    watched = Watched(*words, "--workers", "1", place=place, before=LITTLE_MEMORY)
    ended = watched.end(SECONDS)
    tally.count("bombs")
    if judge(tally, f"{what} ({words[0]})", ended, (0,)):
        rows = table(place / made)
        tally.count("rows with a reason", sum(row["status"] == "error" for row in rows))
        last = rows[-1]["reason"] if rows else "no row"
        print(f"    {words[0]}: {ended.seconds:.0f} s of processor time, {len(rows)} rows: {last}", flush=True)
        if any(row["status"] == "ok" for row in rows):
            tally.fault("wrong answer", what)
    if watched.processes_left() or watched.files_left():
        tally.fault("left behind", what)
    shutil.rmtree(place / "found", ignore_errors=True)
