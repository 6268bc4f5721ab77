"""What a modality's hashes know: its own code and what that imports, and nothing else."""

from __future__ import annotations

import sys

import pytest

import topofuse.modalities
from topofuse.modalities import source
from topofuse.modalities.registry import MODALITY_NAMES, modality
from topofuse.modalities.source import code_digest, data_digest, source_modules

FEATURES = '''"""A modality for a test."""

from topofuse.modalities.made_up import helper


def extract(crystal):
    """One row."""
    return helper.ROW  # a comment
'''


@pytest.fixture
def made_up(tmp_path, monkeypatch):
    """A folder of a modality that imports a helper beside it; `forget()` has it read anew."""
    folder = tmp_path / "made_up"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "features.py").write_text(FEATURES)
    (folder / "helper.py").write_text("ROW = 1\n")
    (folder / "encoder.py").write_text("Encoder = None\n")
    (folder / "numbers.csv").write_text("1,2\n")
    monkeypatch.setattr(topofuse.modalities, "__path__", [*topofuse.modalities.__path__, str(tmp_path)])
    yield folder
    sys.modules.pop("topofuse.modalities.made_up", None)
    forget()


def forget() -> None:
    for remembered in (source.source_modules, source._imports, source._module_digest):  # noqa: SLF001 (test of files)
        remembered.cache_clear()


def digests() -> tuple[bytes, bytes]:
    forget()
    start = "topofuse.modalities.made_up.features"
    return code_digest(start), data_digest(start)


def test_a_module_and_what_it_imports_counts(made_up):
    before = digests()
    (made_up / "helper.py").write_text("ROW = 2\n")
    assert digests()[0] != before[0]
    assert digests()[1] == before[1]


def test_comments_docstrings_and_layout_cost_nothing(made_up):
    before = digests()
    text = FEATURES.replace("a comment", "another").replace("One row.", "One row, again.").replace("\n\n\n", "\n\n\n\n")
    (made_up / "features.py").write_text(text)
    assert digests() == before


def test_encoders_and_other_files_beside_it_do_not_count_but_data_does(made_up):
    before = digests()
    (made_up / "encoder.py").write_text("Encoder = 1\n")
    (made_up / "words.py").write_text("TITLE = 'x'\n")
    assert digests() == before
    (made_up / "numbers.csv").write_text("1,3\n")
    assert digests()[1] != before[1]
    assert digests()[0] == before[0]


def test_a_relative_import_is_followed_too(made_up):
    (made_up / "features.py").write_text("from . import helper\nfrom .helper import ROW\n")
    digests()
    assert source_modules("topofuse.modalities.made_up.features") == (
        "topofuse.modalities.made_up.features",
        "topofuse.modalities.made_up.helper",
    )


@pytest.mark.parametrize("name", MODALITY_NAMES)
def test_features_depend_on_no_network_no_words_and_no_registry(name):
    """Else adding a modality, or changing an encoder, would compute the features of all materials again."""
    modules = source_modules(modality(name).extract.__module__)
    assert f"topofuse.modalities.{name}" in " ".join(modules)
    for module in modules:
        assert module.split(".")[1] in ("crystals", "symmetry", "tightbinding", "modalities", "errors", "labels"), (
            module
        )
        last = module.rsplit(".", 1)[1]
        assert last not in ("registry", "encoder", "encoders", "words", "store", "extraction"), module


def test_what_a_modality_shares_with_another_is_known():
    assert "topofuse.tightbinding.sketch" in source_modules(modality("indicators").extract.__module__)
    assert "topofuse.symmetry.zones" in source_modules(modality("kspace").extract.__module__)
    assert "topofuse.tightbinding.sketch" not in source_modules(modality("kspace").extract.__module__)
