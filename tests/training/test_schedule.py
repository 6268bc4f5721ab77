"""The learning rate warms up in a line and falls in cosine cycles, each lower than the last."""

from __future__ import annotations

import pytest
import torch

from topofuse.training.schedule import CyclicCosineWarmup

SETTINGS = {"min_lr": 1e-5, "max_lr": 1e-3, "warmup_epochs": 2, "cycle_epochs": 4}

# by hand from lr = min + (max·0.8^c - min)·½(1 + cos(π e/4)); cos(π/4) = 0.70710678
BY_HAND = {
    0: 1e-5,
    1: 1e-5 + 9.9e-4 / 2,
    2: 1e-3,
    3: 1e-5 + 9.9e-4 * 0.85355339,
    4: 1e-5 + 9.9e-4 * 0.5,
    5: 1e-5 + 9.9e-4 * 0.14644661,
    6: 8e-4,
    7: 1e-5 + 7.9e-4 * 0.85355339,
    8: 1e-5 + 7.9e-4 * 0.5,
    9: 1e-5 + 7.9e-4 * 0.14644661,
    10: 6.4e-4,
    14: 5.12e-4,
}


def optimizer(groups: int = 1) -> torch.optim.Optimizer:
    return torch.optim.SGD([{"params": [torch.nn.Parameter(torch.zeros(1))]} for _ in range(groups)], lr=1.0)


def rates(schedule: CyclicCosineWarmup, epochs: int) -> list[float]:
    seen = []
    for _ in range(epochs):
        seen.append(schedule.optimizer.param_groups[0]["lr"])
        schedule.optimizer.step()
        schedule.step()
    return seen


def test_the_rates_are_those_worked_out_by_hand():
    seen = rates(CyclicCosineWarmup(optimizer(), **SETTINGS), 15)
    for epoch, rate in BY_HAND.items():
        assert seen[epoch] == pytest.approx(rate, rel=1e-7), epoch


def test_the_schedule_is_one_of_torch_and_sets_every_parameter_group():
    sgd = optimizer(groups=3)
    schedule = CyclicCosineWarmup(sgd, **SETTINGS)
    assert isinstance(schedule, torch.optim.lr_scheduler.LRScheduler)
    sgd.step()
    schedule.step()
    assert [group["lr"] for group in sgd.param_groups] == [pytest.approx(BY_HAND[1])] * 3
    assert schedule.get_last_lr() == [pytest.approx(BY_HAND[1])] * 3


def test_without_warm_up_the_first_epoch_has_the_highest_rate():
    schedule = CyclicCosineWarmup(optimizer(), **{**SETTINGS, "warmup_epochs": 0})
    assert rates(schedule, 5) == [pytest.approx(r) for r in (BY_HAND[2], BY_HAND[3], BY_HAND[4], BY_HAND[5], 8e-4)]


@pytest.mark.parametrize("stop", [1, 2, 5, 7])
def test_a_schedule_that_starts_in_the_middle_goes_on_as_if_never_stopped(stop):
    whole = rates(CyclicCosineWarmup(optimizer(), **SETTINGS), 12)
    sgd = optimizer()
    sgd.param_groups[0]["initial_lr"] = SETTINGS["max_lr"]
    assert rates(CyclicCosineWarmup(sgd, **SETTINGS, last_epoch=stop - 1), 12 - stop) == whole[stop:]


def test_the_saved_state_brings_the_rates_back():
    first = CyclicCosineWarmup(optimizer(), **SETTINGS)
    whole = rates(first, 9)
    again = CyclicCosineWarmup(optimizer(), **SETTINGS)
    rates(again, 4)
    later = CyclicCosineWarmup(optimizer(), **SETTINGS)
    later.load_state_dict(again.state_dict())
    assert [later.rate(epoch) for epoch in range(4, 9)] == whole[4:]
    assert later.last_epoch == 4


@pytest.mark.parametrize(
    "wrong",
    [{"min_lr": 0.0}, {"min_lr": 2e-3}, {"warmup_epochs": -1}, {"cycle_epochs": 0}],
)
def test_rates_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match="needs"):
        CyclicCosineWarmup(optimizer(), **{**SETTINGS, **wrong})
