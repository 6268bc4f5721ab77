"""Surroundings that fail: no room, rights, memory, open files, home; another process; a clock that jumps."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from base import Tally, Watched, judge, judge_rows, make_structures, table, workplace

BEFORE = "the table that was there\n"
COMMANDS = {
    "predict": ("predict", "in", "--model", "fast"),
    "predict -o": ("predict", "in", "--model", "fast", "-o", "out/t.csv"),
    "screen": ("screen", "in", "--model", "fast", "-o", "out/s", "--shard-size", "4"),
    "explain": ("explain", "in/0000.vasp", "--model", "fast"),
}


@dataclass(frozen=True)
class Surroundings:
    """before: shell commands; variables: of the environment; works: whether the command must succeed all the same."""

    before: str = ""
    variables: tuple[tuple[str, str | None], ...] = ()
    works: bool | None = None


CLOCK = """
import random, time
real, rng = time.time, random.Random(0)
time.time = lambda: real() + rng.choice([-1e9, -3600.0, 0.0, 3600.0, 1e9])
"""


def _cases(place: Path) -> dict[str, Surroundings]:
    (place / "clock").mkdir()
    (place / "clock" / "sitecustomize.py").write_text(CLOCK)
    path = os.pathsep.join([str(place / "clock"), str(Path(__file__).resolve().parents[2] / "src")])
    return {
        "no HOME": Surroundings(variables=(("HOME", None),), works=True),
        "a HOME that is not there": Surroundings(variables=(("HOME", "/nowhere/at/all"),), works=True),
        "no environment but PATH": Surroundings(
            variables=tuple((name, None) for name in os.environ if name not in ("PATH", "PYTHONPATH")), works=True
        ),
        "a TMPDIR that is not there": Surroundings(variables=(("TMPDIR", "/nowhere/at/all"),), works=True),
        "stdin, stdout and stderr are closed": Surroundings("exec <&- >&- 2>&-"),
        "stdout is full": Surroundings("exec >/dev/full"),
        "stdout and stderr are full": Surroundings("exec >/dev/full 2>/dev/full"),
        "24 open files": Surroundings("ulimit -n 24"),
        "32 open files": Surroundings("ulimit -n 32"),
        "48 open files": Surroundings("ulimit -n 48", works=True),
        "300 MB of address space": Surroundings("ulimit -v 300000"),
        "700 MB of address space": Surroundings("ulimit -v 700000"),
        "1.2 GB of address space": Surroundings("ulimit -v 1200000"),
        "files of at most 1 KiB": Surroundings("ulimit -f 1"),
        "files of at most 8 KiB": Surroundings("ulimit -f 8"),
        "a stack of 256 KiB": Surroundings("ulimit -s 256"),
        "two seconds of processor time": Surroundings("ulimit -t 2"),
        "a clock that jumps": Surroundings(variables=(("PYTHONPATH", path),), works=True),
    }


def attack(only: str | None) -> int:
    """Every command in every surroundings; only: those whose name contains it."""
    tally = Tally("surroundings")
    with workplace() as place:
        names = [f"in/{path.name}" for path in make_structures(place / "in", 12)]
        wanted = _expected(place)
        for what, case in _cases(place).items():
            for command, words in COMMANDS.items():
                if only is None or only in what:
                    _one(tally, place, (what, case), (command, words), wanted)
        for what, kind in (
            ("a full disk", "full"),
            ("a full temporary folder", "temporary"),
            ("a read-only disk", "read-only"),
        ):
            if only is None or only in what:
                _file_system(tally, place, what, kind)
        if only is None or only in "two commands on one output":
            _two(tally, place, names)
    return tally.report("traceback", "hang", "wrong end", "wrong answer", "table touched", "left behind")


def _expected(place: Path) -> str:
    """The table as it must be."""
    with _out(place) as out:
        ended = Watched(*COMMANDS["predict -o"], place=place).end()
        assert ended.code == 0, ended.err
        return (out / "t.csv").read_text()


@contextlib.contextmanager
def _out(place: Path) -> Iterator[Path]:
    """A fresh folder for the output, with a table in it."""
    out = place / "out"
    out.mkdir()
    (out / "t.csv").write_text(BEFORE)
    try:
        yield out
    finally:
        shutil.rmtree(out)


def _one(
    tally: Tally,
    place: Path,
    surroundings: tuple[str, Surroundings],
    command: tuple[str, tuple[str, ...]],
    wanted: str,
) -> None:
    (title, case), (name, words) = surroundings, command
    what = f"{name}, {title}"
    with _out(place) as out:
        more = () if name == "explain" else ("--workers", "1")
        watched = Watched(*words, *more, place=place, before=case.before, **dict(case.variables))
        ended = watched.end()
        silent = "full" in title or "closed" in title
        killed = (137, 152) if "processor time" in title else ()
        codes = (0,) if case.works else (0, 1, 120, 2, *killed) if silent else (0, 2, *killed)
        if not (silent and ended.code == 2 and not ended.err) and judge(tally, what, ended, codes):
            tally.count("worked" if ended.code == 0 else "refused with a sentence")
        _judge_table(tally, what, out / "t.csv", wanted, ended.code == 0 and name == "predict -o")
        if watched.processes_left():
            tally.fault("left behind", f"{what}: processes")
        if (files := watched.files_left()) and ended.code not in killed:
            tally.fault("left behind", f"{what}: {files}")


def _judge_table(tally: Tally, what: str, path: Path, wanted: str, done: bool) -> None:
    """The table as it must be, or, where the command did not say that it worked, what was there before."""
    found = path.read_text()
    if found != wanted and (done or found != BEFORE):
        tally.fault("wrong answer" if done else "table touched", what)


def _file_system(tally: Tally, place: Path, what: str, kind: str) -> None:
    """A file system of 64 KiB for the output or the temporary files, full to the last page; one that is read-only."""
    for name, words in COMMANDS.items():
        folder = place / ("temporary" if kind == "temporary" else "out")
        folder.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], check=True)
        try:
            if kind == "temporary":
                (place / "out").mkdir()
            else:
                (folder / "t.csv").write_text(BEFORE)
            if kind == "read-only":
                subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
            else:
                with contextlib.suppress(OSError):
                    (folder / "filling").write_bytes(bytes(60 << 10))
            watched = Watched(*words, place=place)
            ended = watched.end()
            if judge(tally, f"{name}, {what}", ended):
                tally.count("worked" if ended.code == 0 else "refused with a sentence")
            if kind != "temporary" and (folder / "t.csv").read_text() != BEFORE:
                tally.fault("table touched", f"{name}, {what}")
            if watched.processes_left():
                tally.fault("left behind", f"{name}, {what}: processes")
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=True)
            shutil.rmtree(place / "out", ignore_errors=True)


def _two(tally: Tally, place: Path, names: list[str]) -> None:
    """Two commands on one output: one table, whole, and a sentence for the other, whichever that is."""
    for name in ("predict -o", "screen"):
        with _out(place) as out:
            both = []
            for i in range(2):
                (place / str(i)).mkdir(exist_ok=True)
                (place / str(i) / "in").unlink(missing_ok=True)
                (place / str(i) / "in").symlink_to(place / "in")
                (place / str(i) / "out").unlink(missing_ok=True)
                (place / str(i) / "out").symlink_to(out)
                both.append(Watched(*COMMANDS[name], place=place / str(i)))
                time.sleep(0.2)
            ends = [watched.end() for watched in both]
            what = f"two of {name}"
            for ended in ends:
                judge(tally, what, ended)
            codes = sorted(str(ended.code) for ended in ends)
            if codes not in (["0", "2"], ["0", "0"]):  # one after the other is possible where one is slow to start
                tally.fault("wrong end", f"{what}: exit codes {codes}")
            rows = table(out / "t.csv" if name == "predict -o" else out / "s" / "predictions.parquet")
            judge_rows(tally, what, [str(row["input"]) for row in rows], names)
            tally.count("pairs")
