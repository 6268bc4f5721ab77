"""The time left is told from what epochs took, not from how long processes needed to start."""

from __future__ import annotations

import pytest

from topofuse.runs.progress import RunLog


def epoch(number: int, seconds: float) -> dict[str, float | int | None]:
    return {"epoch": number, "seconds": seconds, "val_accuracy": None}


def test_the_first_epoch_says_how_long_the_rest_takes(tmp_path):
    log = RunLog(tmp_path, show=False)
    log.begin({"a": 10, "b": 10, "c": 10}, at_once=2)
    assert log.seconds_left() == 0.0  # nothing is known
    log.epoch("a", epoch(0, 2.0))
    assert log.seconds_left() == pytest.approx(29 * 2.0 / 2)
    log.epoch("b", epoch(0, 4.0))
    assert log.seconds_left() == pytest.approx(28 * 3.0 / 2)


def test_jobs_that_stop_early_and_the_last_one_alone(tmp_path):
    log = RunLog(tmp_path, show=False)
    log.begin({"a": 10, "b": 10}, at_once=2)
    log.epoch("a", epoch(0, 2.0))
    log.job_done("a", 1.0)
    assert log.seconds_left() == pytest.approx(10 * 2.0)
    log.job_done("b", 1.0)
    assert log.seconds_left() == 0.0


def test_the_bar_says_it(tmp_path, capsys):
    log = RunLog(tmp_path, show=True)
    log.begin({"a": 61}, at_once=1)
    log.epoch("a", epoch(0, 2.0))
    log.end()
    assert "at most about 02:00 left, a epoch 0" in capsys.readouterr().err
