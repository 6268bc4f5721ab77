"""First-principles calculations behind the page: one at a time, which ends when it is done, cancelled or forgotten."""

from __future__ import annotations

import importlib.util
import time

import httpx
import numpy as np
import pytest

from support.recorded_states import recorded
from support.stand_ins import pretended
from support.web_server import serving
from topofuse.confirm.path import PathBands
from topofuse.confirm.settings import ACCURACIES
from topofuse.confirm.store import Result
from topofuse.confirm.verdict import levels_of
from topofuse.crystals import Crystal, analyse
from topofuse.web import compute
from topofuse.web.examples import example_text


@pytest.fixture(scope="module")
def address():
    with serving(compute=pretended) as found:
        yield found


def begin(address: str, name: str) -> httpx.Response:
    return httpx.post(f"{address}/api/compute", files={"file": (name, b"content")}, timeout=30)


def ended(address: str, number: int) -> dict:
    for _ in range(300):
        state = httpx.get(f"{address}/api/compute/{number}").json()
        if state["state"] != "running":
            return state
        time.sleep(0.05)
    raise AssertionError("it does not end")


def test_a_calculation_gives_its_result(address):
    first = begin(address, "SnTe.vasp")
    assert first.status_code == 202
    state = ended(address, first.json()["id"])
    assert (state["state"], state["found"]["class"]) == ("done", "tci")
    state = ended(address, begin(address, "odd.vasp").json()["id"])
    assert (state["state"], state["reason"]) == ("ended", "it does not converge")


def test_one_at_a_time_and_it_can_be_cancelled(address):
    number = begin(address, "slow.vasp").json()["id"]
    assert httpx.get(f"{address}/api/compute/{number}").json()["state"] == "running"
    second = begin(address, "SnTe.vasp")
    assert second.status_code == 409
    assert "one is made at a time" in second.json()["detail"]
    state = httpx.delete(f"{address}/api/compute/{number}").json()
    assert (state["state"], state["reason"]) == ("ended", "it was cancelled")
    assert httpx.get(f"{address}/api/compute/{number + 1}").status_code == 404
    for _ in range(100):  # its process has to end first
        if begin(address, "SnTe.vasp").status_code == 202:
            return
        time.sleep(0.05)
    raise AssertionError("nothing can be calculated any more")


@pytest.mark.slow
def test_a_calculation_that_nobody_asks_after_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(compute, "FORGOTTEN", 0.5)
    path, left = tmp_path / "slow.vasp", []
    calculations = compute.Calculations(pretended)
    number = calculations.begin(path, lambda: left.append(path))
    for _ in range(100):
        time.sleep(0.1)
        if left:
            break
    state = calculations.state(number)
    assert left == [path]
    assert "nobody asked after it" in state["reason"]


def test_the_page_is_told_before_what_it_takes_or_why_it_cannot_be(monkeypatch, textbook):
    salt = analyse(textbook["NaCl-rock_salt"].crystal)
    iron = analyse(Crystal.validated(np.eye(3) * 2.87, [26, 26], [[0, 0, 0], [0.5, 0.5, 0.5]]))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install" in compute.offer(salt)["none"]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert 1 < compute.offer(salt)["seconds"] < 120
    assert "probably magnetic" in compute.offer(iron)["none"]


@pytest.mark.slow
def test_the_offer_comes_with_the_material(address):
    files = {"file": ("SnTe.vasp", example_text("SnTe").encode())}
    offered = httpx.post(f"{address}/api/material", files=files, timeout=60).json()["compute"]
    assert set(offered) == {"seconds" if importlib.util.find_spec("gpaw") else "none"}


def test_what_is_shown_are_class_gap_and_bands_around_the_gap(textbook):
    table, stars, electrons = recorded("SnTe-rock_salt")
    levels = tuple(levels_of(table, stars, electrons))
    path = PathBands(np.array([0.0, 1.0]), np.array([0, 0]), (("GAMMA", "X"),), np.array([[3.0, 4.0], [3.5, 5.0]]), 1)
    crystal = analyse(textbook["SnTe-rock_salt"].crystal)
    shown = compute.shown(crystal, Result("", 225, electrons, levels, 3.25, 9, "GPAW 0", path))
    assert (shown["class"], shown["indicator"]) == ("tci", "(4) of Z8")
    assert shown["bands"]["energy"] == [[-0.75, -0.25], [0.25, 1.25]]
    assert shown["bands"]["gap"] == 1.0
    assert f"plane waves to {ACCURACIES['quick'].cutoff:g} eV" in shown["settings"]
    assert compute.shown(crystal, Result("no convergence", 225, 0, (), 3.25, 9, "GPAW 0")) == {"none": "no convergence"}
