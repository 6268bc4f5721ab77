"""Whatever a file holds, it is one row, in its place, and if it cannot be used a person learns why."""

from __future__ import annotations

import re
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.broken_inputs import CIF, GOOD, POSCAR, WHOLE_NAMES, make_corpus, understandable
from support.stand_ins import ByFirstAtom
from topofuse.crystals.read import find_structures
from topofuse.modalities.extraction import extract_views
from topofuse.modalities.registry import MODALITY_NAMES
from topofuse.screening.examine import Examine
from topofuse.screening.predict import PredictOptions, predict_paths

pytestmark = pytest.mark.slow


class FromFeatures(ByFirstAtom):
    """The same answer to all, from the features of a real model."""

    def predict_features(self, features):
        return [[0.6, 0.1, 0.1, 0.1, 0.1]] * len(features)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    expected = make_corpus(folder)
    yield folder, expected
    (folder / "odd" / "locked").chmod(0o700)


@pytest.fixture(scope="module")
def rows(corpus):
    features = partial(extract_views, n_views=1, seed=0, names=MODALITY_NAMES)
    return predict_paths(corpus[1], FromFeatures(features=features), PredictOptions(workers=2, time_limit=20, chunk=64))


def test_a_thousand_broken_inputs_are_as_many_rows_in_their_order(corpus, rows):
    _, expected = corpus
    assert sum(expectation != "ok" for expectation in expected.values()) >= 1000
    names = [str(path).encode("utf-8", "backslashreplace").decode() for path in expected]
    assert [row["input"] for row in rows] == names


def test_what_must_be_refused_is_and_good_files_between_are_not_harmed(corpus, rows):
    def fits(row, expectation):
        return expectation == "any" or (row["status"] == "error") == (expectation == "error")

    wrong = [
        (path.name, expectation, row["status"], row["reason"])
        for (path, expectation), row in zip(corpus[1].items(), rows, strict=True)
        if not fits(row, expectation)
    ]
    assert wrong == []


def test_every_reason_is_for_a_person(rows):
    assert [(row["input"], row["reason"]) for row in rows if not understandable(row)] == []
    assert len({row["reason"] for row in rows}) > 100


def test_a_search_of_the_folder_ends_and_finds_every_structure_file_there_is(corpus):
    folder, expected = corpus  # YAML is read where it is named
    there = {path for path in expected if path.parent == folder and ".yaml" not in path.name}
    assert there <= set(find_structures([folder]))


CHARACTERS = st.sampled_from("0123456789.-+eE ,;'\"_#\n\t\r\0XNCa[]{}()?\u00e9\u2028")
EDITS = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 12), st.text(CHARACTERS, max_size=12)), max_size=6)


@pytest.mark.parametrize("suffix", sorted(GOOD))
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=EDITS)
def test_edited_text_is_a_row(tmp_path, suffix, edits):
    text = GOOD[suffix]
    for at, length, inserted in edits:
        at %= len(text) + 1
        text = text[:at] + inserted + text[at + length :]
    path = tmp_path / (suffix if suffix in WHOLE_NAMES else f"x.{suffix}")
    path.write_bytes(text.encode())
    row, features = Examine(lambda crystal: crystal)(path)
    assert (features is None) == (row["status"] is not None)
    assert features is not None or understandable(row)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([CIF, POSCAR]), st.floats(), st.integers(0, 30))
def test_any_number_in_any_place_is_a_row(tmp_path, text, value, which):
    numbers = list(re.finditer(r"(?<![\w.])-?\d+\.\d+", text))
    match = numbers[which % len(numbers)]
    path = tmp_path / ("x.cif" if text is CIF else "x.vasp")
    path.write_text(text[: match.start()] + repr(value) + text[match.end() :])
    row, features = Examine(lambda crystal: crystal)(path)
    assert features is not None or understandable(row)
