"""Jobs: typed keys, rows that no fold and no test material leaks into, folders that are written and never read."""

from __future__ import annotations

import numpy as np
import pytest

from topofuse.runs.jobs import (
    fixed_epochs,
    full_job,
    full_trees_job,
    kfold_jobs,
    left_out,
    member_jobs,
    network_job,
    trees_jobs,
)
from topofuse.runs.prepare import Labelled


@pytest.fixture
def rows():
    labels = np.random.default_rng(0).integers(0, 5, 200)
    formulas = np.array([f"X{i // 2}" for i in range(200)])  # two rows of each formula, one class
    fold = (np.arange(200) // 2) % 5 - 1  # a fifth is test
    return Labelled(labels[np.arange(200) // 2], formulas, fold)


def test_no_job_sees_the_fold_that_it_predicts_nor_the_test_rows(tiny_config, rows):
    for job in [*kfold_jobs(tiny_config, rows), *member_jobs(tiny_config, rows)]:
        used = np.concatenate([job.task.train, job.task.validation])
        assert not (rows.fold[used] == left_out(job)).any()
        assert not (rows.fold[used] < 0).any()


def test_no_formula_is_on_both_sides_of_training_and_validation(tiny_config, rows):
    for job in [*kfold_jobs(tiny_config, rows), *member_jobs(tiny_config, rows)]:
        assert not set(rows.formulas[job.task.train]) & set(rows.formulas[job.task.validation])
        assert len(job.task.validation)


def test_members_differ_in_seed_and_validation_rows(tiny_config, rows):
    jobs = [*kfold_jobs(tiny_config, rows), *member_jobs(tiny_config, rows)]
    assert len({job.task.seed for job in jobs}) == len(jobs) == 8
    assert not np.array_equal(jobs[0].task.validation, jobs[4].task.validation)


def test_a_member_may_see_a_subset(tiny_config, rows):
    member = tiny_config.members[0]
    half_of = member.training.model_copy(update={"subset_share": 0.5})
    half = tiny_config.model_copy(update={"members": (member.model_copy(update={"training": half_of}),)})
    (some, *_), (all_, *_) = member_jobs(half, rows), member_jobs(tiny_config, rows)
    assert len(some.task.train) == pytest.approx(len(all_.task.train) / 2, rel=0.15)
    np.testing.assert_array_equal(some.task.validation, all_.task.validation)


def test_the_full_data_job_has_the_pool_and_epochs_fixed_beforehand(tiny_config, rows):
    epochs = fixed_epochs([3, 9, 5])
    job = full_job(tiny_config, rows, epochs)
    assert job.task.training.epochs == epochs == 6
    np.testing.assert_array_equal(job.task.train, rows.pool)
    assert len(job.task.validation) == 0


def test_trees_learn_and_stop_on_the_rows_of_the_kfold_network(tiny_config, rows):
    for job, like in zip(trees_jobs("trees", tiny_config, rows), kfold_jobs(tiny_config, rows), strict=True):
        assert (job.fold, job.seed) == (like.fold, like.task.seed)
        np.testing.assert_array_equal(job.train, like.task.train)
        np.testing.assert_array_equal(job.validation, like.task.validation)


def test_trees_on_the_pool_have_the_mean_rounds_of_the_folds(tiny_config, rows):
    job = full_trees_job("trees", tiny_config, rows, [(10, 4), (13, 7)])
    assert job.rounds == (12, 6)  # 11.5 and 5.5, to even
    np.testing.assert_array_equal(job.train, rows.pool)
    assert len(job.validation) == 0


def test_folders_are_written_from_family_index_and_fold(tiny_config, rows):
    kfold, member = kfold_jobs(tiny_config, rows)[3], member_jobs(tiny_config, rows)[1]
    full, again = full_job(tiny_config, rows, 4), full_job(tiny_config, rows, 4, member=0)
    settings = (tiny_config.network, tiny_config.training)
    inner = network_job("inner", 2, rows, rows.outside(2), settings, ("scalar",), 0, index=1)
    assert [job.name for job in (kfold, member, full, again, inner)] == [
        "kfold/3",
        "member0/1",
        "full",
        "full-member0",
        "inner1/2",
    ]
    assert [job.model for job in (kfold, member, full, again)] == ["kfold", "member0", "full", "full-member0"]
    assert [(job.family, job.index, job.fold) for job in (member, again)] == [("member", 0, 1), ("full", 0, None)]
    assert trees_jobs("trees", tiny_config, rows)[0].name == "trees/0"
    assert full_trees_job("trees", tiny_config, rows, [(1, 1)]).name == "trees/full"


def test_what_has_seen_the_whole_pool_leaves_no_fold_out(tiny_config, rows):
    with pytest.raises(ValueError, match="full has seen the whole pool"):
        left_out(full_job(tiny_config, rows, 4))
