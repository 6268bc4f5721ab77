"""Which crystals to calculate, which are left out and why, and how long it takes; said before anything is begun."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from topofuse.confirm import cost
from topofuse.confirm.engine import has_data
from topofuse.confirm.settings import STAND_INS, Settings
from topofuse.confirm.store import Result, Store, key_of
from topofuse.crystals import CrystalError, SymmetricCrystal, analyse
from topofuse.crystals.formula import SYMBOLS
from topofuse.crystals.symmetrise import symmetrise
from topofuse.screening.entries import Entry
from topofuse.screening.table import Row
from topofuse.trust.domain import open_shell
from topofuse.trust.sets import SEPARATOR


@dataclass(frozen=True, eq=False)
class Job:
    """One structure: its row with the model's answer, and what is to be done.

    reason: why it is left out; empty where it is not
    crystal, key, seconds: None, empty and 0 where it is left out before these are known
    seconds: of processor time, estimated; result: a calculation that is stored
    """

    row: Row
    reason: str
    crystal: SymmetricCrystal | None = None
    key: str = ""
    seconds: float = 0.0
    result: Result | None = None

    @property
    def to_do(self) -> bool:
        """Whether a calculation has to be made."""
        return not self.reason and self.result is None


@dataclass(frozen=True)
class Selection:
    """Which structures are calculated.

    max_atoms: of the primitive cell; unsure: only those whose set_90 has not exactly one class
    budget: seconds of processor time for all together; None for no limit
    path: whether bands along the path are wanted too
    symmetrise: Å; each structure is made symmetric within this tolerance first, as the model saw it; None: as it is
    shard: (i, n), only the i-th of n parts, 1 ≤ i ≤ n, which several machines share; stored ones belong to all
    """

    max_atoms: int = 20
    unsure: bool = False
    budget: float | None = None
    path: bool = False
    symmetrise: float | None = None
    shard: tuple[int, int] = (1, 1)


def plan(
    structures: Iterable[tuple[Entry, Row]],
    settings: Settings,
    engine: str,
    store: Store,
    selection: Selection,
    has_data: Callable[[int], bool] = has_data,
) -> list[Job]:
    """A job for each structure and its row, in order; has_data: as for `obstacle`."""
    jobs = [_job(entry, row, settings, engine, store, selection, has_data) for entry, row in structures]
    return jobs if selection.budget is None else _within(jobs, selection.budget)


def _job(
    entry: Entry,
    row: Row,
    settings: Settings,
    engine: str,
    store: Store,
    selection: Selection,
    has_data: Callable[[int], bool],
) -> Job:
    if row["status"] != "ok":
        return Job(row, str(row["reason"]))
    if selection.unsure and is_sure(row):
        return Job(row, f"the model is sure: its 90 % set is {row['set_90']}")
    try:
        given = entry.crystal()
        crystal = analyse(given) if selection.symmetrise is None else symmetrise(given, selection.symmetrise)[0]
    except CrystalError as error:  # the file has changed since the model saw it
        return Job(row, str(error))
    key = key_of(crystal, settings, engine)
    result = store.get(key)
    if result is not None and (result.path is not None or result.reason or not selection.path):
        return Job(row, "", crystal, key, 0.0, result)
    part, parts = selection.shard
    reason = obstacle(crystal, selection.max_atoms, has_data)
    if not reason and int(key, 16) % parts != part - 1:
        reason = f"it is in another of the {parts} shards"
    return Job(row, reason, crystal, key, cost.seconds_for(cost.size_of(crystal, settings, path=selection.path)))


def is_sure(row: Row) -> bool:
    """Whether exactly one class remains possible at 90 %."""
    return bool(row["set_90"]) and SEPARATOR not in row["set_90"]


def obstacle(crystal: SymmetricCrystal, max_atoms: int, has_data: Callable[[int], bool]) -> str:
    """Why a crystal is not calculated, in words; empty where nothing speaks against it.

    has_data: whether the engine has a PAW data set of an atomic number
    """
    numbers = crystal.primitive.numbers
    if shell := open_shell(numbers):
        return f"probably magnetic ({shell}): the calculation is without magnetism and would not be about it"
    if lacking := [SYMBOLS[z] for z in sorted(set(numbers.tolist())) if not has_data(STAND_INS.get(z, z))]:
        return f"GPAW has no PAW data set of {', '.join(lacking)}"
    if len(numbers) > max_atoms:
        return f"{len(numbers)} atoms in the primitive cell, and --max-atoms is {max_atoms}"
    return ""


def _within(jobs: Sequence[Job], budget: float) -> list[Job]:
    """The jobs, with those left out that the budget has no room for.

    Those come first that are likeliest to change an answer per second: (1 - p of the model's class) / seconds.
    """
    rest, chosen = budget, set()
    waiting = [index for index, job in enumerate(jobs) if job.to_do]
    for index in sorted(waiting, key=lambda i: -(1.0 - jobs[i].row[f"p_{jobs[i].row['label']}"]) / jobs[i].seconds):
        if jobs[index].seconds <= rest:
            rest -= jobs[index].seconds
            chosen.add(index)
    return [
        replace(job, reason="the budget is used up by others") if job.to_do and index not in chosen else job
        for index, job in enumerate(jobs)
    ]


def announce(jobs: Sequence[Job], engine: str, settings: Settings, threads: int) -> Iterator[str]:
    """What will be done, in lines for a person."""
    to_do = [job for job in jobs if job.to_do]
    stored = sum(job.result is not None for job in jobs)
    seconds = sum(job.seconds for job in to_do)
    yield (
        f"{len(jobs)} structures: {len(to_do)} to calculate ({engine}, accuracy {settings.accuracy}, "
        f"{threads} thread{'s' * (threads > 1)}; about {cost.in_words(seconds)} of processor time), {stored} stored, "
        f"{len(jobs) - len(to_do) - stored} left out"
    )
    for job in jobs:
        if job.reason:
            yield f"  left out: {job.row['input']}: {job.reason}"
