"""SIGKILL at random moments, again and again, until the command comes to its end; then the result is compared.

Each command is killed alone or with all of its processes, and started again, on a result that was there before.
"""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from base import ROOT, Ended, Tally, Watched, judge, judge_rows, make_structures, seeded, table, workplace

# the command line with shards of four structures: `predict` has 256, which take longer than a kill waits
SMALL_SHARDS = (
    "from functools import partial; from topofuse.screening import predict; "
    "predict.PredictOptions = partial(predict.PredictOptions, chunk=4); from topofuse.cli import main; main()"
)
BEFORE = "the table that was there\n"


@dataclass(frozen=True)
class Victim:
    """A command that is killed.

    words: of `topofuse`, or of Python; result: what it makes; found: what of the result must be the same each time
    names: the rows that there must be; python: another interpreter
    """

    words: tuple[str, ...]
    result: str
    found: Callable[[Path], Any]
    names: list[str]
    python: str | None = None

    def start(self, place: Path) -> Watched:
        """Begin, or go on."""
        more = {} if self.python is None else {"python": self.python}
        return Watched(*self.words, place=place, TOPOFUSE_CACHE=str(place / "cache"), **more)


def attack(command: str, kills: int, seed: int, python: str | None) -> int:
    """Kill `command` so many times."""
    tally, rng = Tally(f"kills of {command}"), seeded(seed)
    with workplace() as place:
        victim = VICTIMS[command](place, python)
        begun = time.monotonic()
        undisturbed = victim.start(place).end()
        seconds = time.monotonic() - begun
        if not judge(tally, "undisturbed", undisturbed, (0,)):
            print(undisturbed.err)
            return tally.report()
        wanted, listing = victim.found(place / victim.result), _listing(place)
        shutil.rmtree(place / "cache", ignore_errors=True)
        while tally.counts["kills"] < kills:
            seconds = min(seconds, _until_done(tally, victim, place, rng, seconds, kills))
            if victim.found(place / victim.result) != wanted:
                tally.fault("wrong answer", f"the result of round {tally.counts['rounds']} is another one")
            if more := [name for name in _listing(place) if name not in listing]:
                tally.fault("left behind", str(more[:5]))
    return tally.report("row lost or doubled", "wrong answer", "table touched", "left behind", "traceback", "hang")


def _until_done(tally: Tally, victim: Victim, place: Path, rng: random.Random, seconds: float, kills: int) -> float:
    """A round: kills until the command has ended by itself, or there were enough; seconds that its last call took."""
    result = place / victim.result
    if result.is_dir():
        shutil.rmtree(result)
    else:
        result.write_text(BEFORE)
    shutil.rmtree(place / "store", ignore_errors=True)
    while True:
        watched = victim.start(place)
        if tally.counts["kills"] >= kills:
            break
        with contextlib.suppress(subprocess.TimeoutExpired):
            watched.process.wait(rng.uniform(0.2, 1.1 * seconds))
        if watched.process.poll() is not None:
            break
        watched.kill(signal.SIGKILL, group=rng.random() < 0.5)
        watched.process.communicate()
        tally.count("kills")
        if tally.counts["kills"] % 10 == 0:
            print(f"  {tally.counts['kills']} kills, {tally.counts['rounds']} rounds", flush=True)
        if watched.processes_left():
            tally.fault("left behind", "processes")
        if result.is_file() and result.read_bytes() != BEFORE.encode():
            # the kill may have come between the table's appearance and the end of the process
            if [row["input"] for row in table(result)] == victim.names:
                tally.count("killed after the table was there")
                result.write_text(BEFORE)
            else:
                tally.fault("table touched", "the output is neither the old table nor a whole one")
    tally.count("rounds")
    ended = watched.end()
    taken = time.monotonic() - watched.begun
    _compare(tally, victim, place, ended)
    return taken


def _compare(tally: Tally, victim: Victim, place: Path, ended: Ended) -> None:
    if not judge(tally, "the last call", ended, (0,)):
        return
    path = place / victim.result
    path = path / "predictions.parquet" if victim.names and path.is_dir() else path
    if victim.names:
        judge_rows(tally, f"round {tally.counts['rounds']}", [str(row["input"]) for row in table(path)], victim.names)


def _listing(place: Path) -> list[str]:
    """Names of all files but the inputs, temporary ones and the store's, whose names are random or of no matter."""
    skipped = ("in", "temporary", "store", "cache")
    return sorted(
        str(path.relative_to(place)) for path in place.rglob("*") if path.relative_to(place).parts[0] not in skipped
    )


def _predict(place: Path, _: str | None) -> Victim:
    paths = make_structures(place / "in", 24)
    words = ("-c", SMALL_SHARDS, "predict", "in", "--model", "fast", "-o", "out.csv")
    return Victim(words, "out.csv", Path.read_text, [f"in/{path.name}" for path in paths])


def _screen(place: Path, _: str | None) -> Victim:
    paths = make_structures(place / "in", 24)
    words = ("screen", "in", "--model", "fast", "-o", "found", "--shard-size", "4")

    def found(folder: Path) -> Any:
        texts = [(folder / name).read_text() for name in ("ranking.csv", "ranking.md", "ranking.html")]
        return table(folder / "predictions.parquet"), texts

    return Victim(words, "found", found, [f"in/{path.name}" for path in paths])


def _run(place: Path, _: str | None) -> Victim:
    from topofuse.labels import FIVE

    lines = ["path,label,split,fold"]
    parts: dict[str, int] = {}
    for i, path in enumerate(path for path in make_structures(place / "in", 70) if len(path.read_text()) > 30):
        part = parts.setdefault(path.read_text().splitlines()[5], len(parts) % 5)  # a formula is in one part only
        lines.append(f"in/{path.name},{FIVE[i // 2 % 5]},{'test,' if part == 4 else f'pool,{part % 2}'}")
    (place / "data.csv").write_text("\n".join(lines) + "\n")
    preset = str(ROOT / "tools/attack/tiny.toml")
    words = ("run", "--preset", preset, "--data", "data.csv", "--out", "run", "--resume")
    return Victim(words, "run", _figures, [])


def _figures(folder: Path) -> Any:
    """Of the results, all that does not depend on the clock, to nine digits: another process adds in another order."""
    results = json.loads((folder / "results.json").read_text())
    for key in ("created", "timings", "machine"):
        del results[key]
    for entry in [*results["jobs"], *results["history"]]:
        del entry["seconds"]
    return _rounded(results)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value


def _confirm(place: Path, python: str | None) -> Victim:
    from support.stand_ins import poscar

    (place / "in").mkdir()
    names = []
    for name, a in (("LiF", 2.5), ("Na", 3.5), ("BeO", 2.3)):
        symbols = [symbol for symbol in (name[:2], name[2:]) if symbol]
        (place / "in" / f"{name}.vasp").write_text(poscar(*symbols, a=a))
        names.append(f"in/{name}.vasp")
    words = ("confirm", "in", "--model", "fast", "-o", "out.jsonl", "--store", "store")

    def found(path: Path) -> Any:
        return [{key: value for key, value in row.items() if key != "dft_seconds"} for row in table(path)]

    return Victim(words, "out.jsonl", found, sorted(names), python)


VICTIMS = {"predict": _predict, "screen": _screen, "run": _run, "confirm": _confirm}
