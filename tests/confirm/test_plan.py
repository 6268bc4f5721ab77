"""Which crystals are calculated: what speaks against it is said, and a budget goes where it may change most answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from topofuse.confirm.cost import in_words, seconds_for, size_of
from topofuse.confirm.plan import Selection, announce, plan
from topofuse.confirm.settings import ACCURACIES
from topofuse.confirm.store import Result, Store, key_of
from topofuse.crystals import Crystal, analyse
from topofuse.labels import FIVE
from topofuse.screening.examine import blank_row

QUICK = ACCURACIES["quick"]
IRON = Crystal.validated(np.eye(3) * 2.87, [26, 26], [[0, 0, 0], [0.5, 0.5, 0.5]])


@dataclass(frozen=True)
class Known:
    """A structure in memory."""

    name: str
    structure: Crystal
    size: int = 0

    def crystal(self) -> Crystal:
        return self.structure


def answered(name: str, crystal: Crystal, label: str = "trivial", p: float = 0.9, set_90: str = "trivial"):
    rest = dict.fromkeys((f"p_{other}" for other in FIVE), (1 - p) / 4)
    row = blank_row(name) | {"status": "ok", "reason": "", "label": label, "set_90": set_90} | rest
    return Known(name, crystal), row | {f"p_{label}": p}


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "store")


def planned(structures, store, selection=None, has_data=lambda z: True):
    return plan(structures, QUICK, "engine 1", store, selection or Selection(), has_data)


def test_what_speaks_against_a_calculation_is_said_before(textbook, store):
    metal = blank_row("Al") | {"status": "metal", "reason": "odd number of electrons"}
    jobs = planned(
        [
            (Known("Al", textbook["NaCl-rock_salt"].crystal), metal),
            answered("iron", IRON),
            answered("salt", textbook["NaCl-rock_salt"].crystal),
            answered("large", textbook["SiO2-quartz"].crystal),
        ],
        store,
        Selection(max_atoms=5),
        has_data=lambda z: z != 17,
    )
    assert jobs[0].reason == "odd number of electrons"
    assert jobs[1].reason.startswith("probably magnetic")
    assert jobs[2].reason == "GPAW has no PAW data set of Cl"
    assert jobs[3].reason == "9 atoms in the primitive cell, and --max-atoms is 5"
    lines = list(announce(jobs, "engine 1", QUICK, 1))
    assert "0 to calculate" in lines[0]
    assert "4 left out" in lines[0]
    assert len(lines) == 5


@pytest.mark.parametrize(("set_90", "reason"), [("trivial", True), ("trivial|ti", False), ("", False)])
def test_sure_answers_can_be_left_out(silicon, store, set_90, reason):
    (job,) = planned([answered("Si", silicon, set_90=set_90)], store, Selection(unsure=True))
    assert bool(job.reason) is reason


def test_a_budget_goes_to_what_it_may_change_most_per_second(textbook, store):
    silicon, salt, quartz = (textbook[n].crystal for n in ("Si-diamond", "NaCl-rock_salt", "SiO2-quartz"))
    given = [answered("sure", salt, p=0.99), answered("open", silicon, p=0.4), answered("slow", quartz, p=0.3)]
    every = planned(given, store)
    seconds = {job.row["input"]: job.seconds for job in every}
    assert seconds["slow"] > 5 * seconds["open"]
    jobs = planned(given, store, Selection(budget=seconds["open"] * 1.1))
    assert [job.row["input"] for job in jobs if job.to_do] == ["open"]
    jobs = planned(given, store, Selection(budget=(seconds["open"] + seconds["sure"]) * 1.1))
    assert [job.row["input"] for job in jobs if job.to_do] == ["sure", "open"]
    assert all(job.reason == "the budget is used up by others" for job in jobs if not job.to_do)


def test_what_is_stored_is_not_calculated_again_and_costs_no_budget(silicon, store):
    crystal = analyse(silicon)
    store.put(key_of(crystal, QUICK, "engine 1"), Result("", 227, 8, (), 3.0, 9, "engine 1"))
    (job,) = planned([answered("Si", silicon)], store, Selection(budget=0.001))
    assert job.result is not None
    assert job.result.seconds == 3.0
    assert not job.to_do


def test_larger_cells_and_finer_settings_take_longer(textbook):
    silicon, quartz = (analyse(textbook[n].crystal) for n in ("Si-diamond", "SiO2-quartz"))
    assert seconds_for(size_of(quartz, QUICK)) > 5 * seconds_for(size_of(silicon, QUICK))
    assert seconds_for(size_of(silicon, ACCURACIES["tight"])) > 2 * seconds_for(size_of(silicon, QUICK))


@pytest.mark.parametrize(("seconds", "words"), [(40, "40 s"), (720, "12 min"), (12600, "3.5 h")])
def test_durations_in_words(seconds, words):
    assert in_words(seconds) == words


def test_shards_share_the_work_and_stored_ones_belong_to_all(textbook, store):
    names = ("NaCl-rock_salt", "SnTe-rock_salt", "HgTe-zinc_blende", "GaAs-zinc_blende", "Sb-arsenic_a7")
    structures = [answered(name, textbook[name].crystal) for name in names]
    done = planned(structures[:1], store)[0].key
    store.put(done, Result("", 225, 8, (), 1.0, 1, "engine 1"))
    parts = [planned(structures, store, Selection(shard=(i, 3))) for i in (1, 2, 3)]
    to_do = [job.key for jobs in parts for job in jobs if job.to_do]
    assert sorted(to_do) == sorted(job.key for job in planned(structures, store) if job.to_do)
    assert all(jobs[0].result is not None for jobs in parts)
    assert any("in another of the 3 shards" in job.reason for job in parts[0])


def test_bands_along_the_path_are_calculated_where_only_the_class_is_stored(textbook, store):
    structures = [answered("salt", textbook["NaCl-rock_salt"].crystal)]
    without = planned(structures, store)[0]
    store.put(without.key, Result("", 225, 8, (), 1.0, 1, "engine 1"))
    assert not planned(structures, store)[0].to_do
    (job,) = planned(structures, store, Selection(path=True))
    assert job.to_do
    assert job.seconds > 2 * without.seconds
