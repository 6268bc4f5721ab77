"""A run beside a second database: the shared materials are found, and a wrong table is refused."""

import pandas as pd
import pytest
from tests.support.report_fixture import make_run

from topofuse.report.second import second_database
from topofuse.report.source import ReportError, read_run

FOUR_OF = {"trivial": "trivial", "hsp_semimetal": "semimetal", "hsl_semimetal": "semimetal", "ti": "ti", "tci": "tci"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return read_run(make_run(tmp_path_factory.mktemp("run"), with_ablation=False))


def table(run, path, share=3):
    """Every third material with the class that the label says."""
    some = run.predictions.iloc[::share]
    frame = pd.DataFrame({"material_id": some["material_id"], "class_second": some["label"].map(FOUR_OF)})
    frame.to_parquet(path)
    return frame


def test_only_shared_materials_count_and_a_copy_of_the_labels_agrees_wholly(run, tmp_path):
    frame = table(run, tmp_path / "second.parquet")
    found = second_database(run, tmp_path / "second.parquet")
    assert set(found) == {"out-of-fold", "test"}
    assert sum(n for n, _ in found.values()) == len(frame)
    for _, figures in found.values():
        assert figures["four"]["second_labels"]["value"] == 1.0
        assert figures["two"]["model_agreed"] == figures["two"]["model_labels"]
        assert figures["two"]["difference"]["value"] < 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.rename(columns={"class_second": "class"}), "no column class_second"),
        (lambda f: f.assign(class_second="metal"), "not metal"),
        (lambda f: f.assign(material_id=f["material_id"] + "x"), "shares no material"),
    ],
)
def test_a_table_that_cannot_be_compared_is_refused(run, tmp_path, change, words):
    path = tmp_path / "second.parquet"
    change(table(run, path)).to_parquet(path)
    with pytest.raises(ReportError, match=words):
        second_database(run, path)
