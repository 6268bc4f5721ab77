"""Data sets: what is loaded, what is refused, and that no formula is on both sides of a split."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.topomat import TOPOMAT, needs_topomat
from topofuse.labels import FIVE
from topofuse.materials import Dataset, DatasetError, check_splits, grouped_holdout, load, make_splits
from topofuse.materials import check as checks
from topofuse.materials.sources import load_csv, load_parquet, load_textbook

METALS = (3, 11, 19, 37, 55, 12, 20, 38, 56, 30)
ANIONS = (9, 17, 35, 53)


def columns(n: int = 40) -> dict[str, list]:
    """Columns of n CsCl-like rows: n different formulas, classes in turn, the last two unknown."""
    pairs = [(a, b) for b in ANIONS for a in METALS][:n]
    labels = [FIVE[i % 5] for i in range(n - 2)] + ["unknown", "unknown"]
    return {
        "material_id": [f"mp-{i}" for i in range(n)],
        "class_soc": labels,
        "class_nosoc": ["gm_semimetal", *labels[1:]],
        "lattice": [[4.0, 0, 0, 0, 4.0, 0, 0, 0, 4.0]] * n,
        "numbers": [list(pair) for pair in pairs],
        "frac_coords": [[0.0, 0, 0, 0.5, 0.5, 0.5]] * n,
        "split": ["pool"] * (n - 6) + ["test"] * 4 + ["unlabelled"] * 2,
        "fold": [i % 5 for i in range(n - 6)] + [-1] * 6,
    }


@pytest.fixture
def parquet(tmp_path):
    def _write(**changes):
        content = {**columns(), **changes}
        pq.write_table(pa.table({k: v for k, v in content.items() if v is not None}), tmp_path / "mine.parquet")
        return tmp_path / "mine.parquet"

    return _write


def changed(name: str, row: int, value: object) -> dict[str, list]:
    column = list(columns()[name])
    column[row] = value
    return {name: column}


def refusal(path) -> str:
    with pytest.raises(DatasetError) as caught:
        load(path)
    return str(caught.value)


class TestParquet:
    def test_a_good_table_becomes_a_data_set(self, parquet):
        data = load(parquet())
        assert len(data) == 40
        assert data.name == "mine"
        assert data.formulas[0] == "LiF"
        assert data.labels[:5].tolist() == [0, 1, 2, 3, 4]
        assert data.rows("test").tolist() == [34, 35, 36, 37]
        assert data.fold[7] == 2
        assert data.rejected == []

    def test_a_column_that_is_not_used_changes_nothing(self, parquet):
        assert load(parquet(class_nosoc=None)).data_hash == load(parquet()).data_hash

    def test_unknown_never_becomes_trivial(self, parquet):
        for nothing in ("unknown", None):
            data = load(parquet(**changed("class_soc", 39, nothing)))
            assert data.labels[39] == -1
            assert data.split[39] == "unlabelled"
        made = load(parquet(split=None, fold=None))
        assert (made.labels[made.split != "unlabelled"] >= 0).all()
        assert made.labels[-2:].tolist() == [-1, -1]

    def test_invalid_crystals_are_rejected_with_a_reason_and_the_rest_is_kept(self, parquet):
        data = load(parquet(**changed("frac_coords", 3, [0.0, 0, 0, 0, 0, 0.001])))
        assert len(data) == 39
        assert data.rejected[0][0] == "mp-3"
        assert "apart" in data.rejected[0][1]
        assert "mp-3" not in data.material_ids
        assert any("mp-3" in problem for problem in checks.problems(data))

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"lattice": None}, "no column lattice"),
            ({"class_soc": None, "numbers": None}, "no column class_soc, numbers"),
            ({"split": None}, "a column fold but no split"),
            ({"fold": None}, "a column split but no fold"),
            ({"class_soc": [1] * 40}, "column class_soc holds int64 instead of text"),
            ({"numbers": ["Li F"] * 40}, "column numbers holds string instead of lists"),
            ({"numbers": [[3.5, 9.0]] * 40}, "column numbers holds lists of double"),
            ({"lattice": [4.0] * 40}, "column lattice holds double"),
            ({"fold": [0.5] * 40}, "column fold holds double"),
            (changed("lattice", 5, [4.0] * 8), "row 5 (mp-5): lattice holds 8 numbers instead of 9"),
            (
                changed("frac_coords", 5, [0.0] * 3),
                "row 5 (mp-5): frac_coords holds 3 numbers for 2 atoms, instead of 6",
            ),
            (changed("numbers", 5, None), "row 5: numbers is empty"),
            (changed("material_id", 5, None), "row 5: material_id is empty"),
            (changed("material_id", 5, "mp-4"), "rows 4 and 5 have the same id 'mp-4'"),
            (changed("class_soc", 5, "boring"), "row 5 (mp-5): class_soc is 'boring'; allowed are trivial"),
            (changed("class_soc", 5, "unknown"), "a row without a class belongs to the split 'unlabelled'"),
            (changed("class_soc", 39, "ti"), "a row with a class belongs to 'pool' or 'test'"),
            (changed("split", 5, "train"), "the split is one of pool, test, unlabelled"),
            (changed("fold", 5, -1), "pool rows have a fold of 0 to 4"),
            (changed("fold", 5, 9), "row 5: fold is 9"),
            (changed("fold", 39, 1), "rows outside the pool have fold -1"),
            (changed("numbers", 34, [3, 9]), "formula LiF stands in pool fold 0 and test (mp-0, mp-34)"),
            (changed("numbers", 1, [3, 9]), "formula LiF stands in pool fold 0 and pool fold 1"),
            ({"numbers": [[0, 9]] * 40}, "no usable row (40 rejected; the first is mp-0"),
        ],
    )
    def test_every_refusal_says_where_and_what(self, parquet, changes, words):
        path = parquet(**changes)
        assert words in refusal(path)
        assert words in checks.check(path)[0]

    def test_files_that_are_no_table(self, tmp_path):
        (tmp_path / "x.parquet").write_bytes(b"PAR1 not really")
        assert "not a readable parquet file" in refusal(tmp_path / "x.parquet")
        pq.write_table(pa.table(columns()).slice(0, 0), tmp_path / "x.parquet")
        assert "no rows" in refusal(tmp_path / "x.parquet")
        (tmp_path / "x.xlsx").write_bytes(b"")
        assert ".parquet or a .csv" in refusal(tmp_path / "x.xlsx")
        with pytest.raises(FileNotFoundError, match="no data set at"):
            load(tmp_path / "absent.csv")

    def test_the_hash_follows_the_content(self, parquet):
        first = load(parquet()).data_hash
        assert load(parquet()).data_hash == first
        assert load(parquet(**changed("class_soc", 0, "ti"))).data_hash != first
        assert load(parquet(**changed("lattice", 0, [4.1, 0, 0, 0, 4, 0, 0, 0, 4]))).data_hash != first
        assert load(parquet(**changed("fold", 0, 1))).data_hash != first

    def test_taken_rows_keep_their_values(self, parquet):
        data = load(parquet())
        part = data.select([7, 2])
        assert part.material_ids == ["mp-7", "mp-2"]
        assert part.labels.tolist() == [2, 2]
        assert part.crystals[0] is data.crystals[7]


def cif(metal: str, anion: str) -> str:
    cell = "".join(f"_cell_length_{x} 4.0\n" for x in "abc")
    cell += "".join(f"_cell_angle_{x} 90\n" for x in ("alpha", "beta", "gamma"))
    head = "loop_\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
    return f"data_x\n{cell}{head}{metal} 0 0 0\n{anion} 0.5 0.5 0.5\n"


@pytest.fixture
def own_csv(tmp_path):
    """A CSV of 16 salts beside their CIF files."""

    def _write(header: str = "path,label", edit=lambda lines: lines):
        (tmp_path / "cifs").mkdir(exist_ok=True)
        lines = []
        for i, metal in enumerate(("Li", "Na", "K", "Rb")):
            for j, anion in enumerate(("F", "Cl", "Br", "I")):
                (tmp_path / "cifs" / f"{metal}{anion}.cif").write_text(cif(metal, anion))
                lines.append(f"cifs/{metal}{anion}.cif,{FIVE[(i + j) % 2]}")
        (tmp_path / "mine.csv").write_text("\n".join([header, *edit(lines)]) + "\n")
        return tmp_path / "mine.csv"

    return _write


class TestCsv:
    def test_files_are_found_beside_the_table_and_splits_are_made(self, own_csv):
        data = load(own_csv())
        assert len(data) == 16
        assert data.material_ids[1] == "cifs/LiCl.cif"
        assert data.formulas[1] == "LiCl"
        assert set(data.split.tolist()) == {"pool", "test"}
        assert set(data.fold[data.split == "pool"].tolist()) == set(range(5))
        check_splits(data)

    def test_an_empty_label_is_unknown(self, own_csv):
        data = load(own_csv(edit=lambda rows: [rows[0].split(",")[0] + ",", *rows[1:]]))
        assert data.labels[0] == -1
        assert data.split[0] == "unlabelled"

    def test_given_splits_are_kept(self, own_csv):
        def edit(rows):
            return [f"{row},{'test,' if i > 12 else f'pool,{i % 5}'},n{i}" for i, row in enumerate(rows)]

        data = load(own_csv("path,label,split,fold,id", edit))
        assert data.material_ids[:2] == ["n0", "n1"]
        assert data.rows("test").tolist() == [13, 14, 15]
        assert data.fold[:6].tolist() == [0, 1, 2, 3, 4, 0]

    def test_unusable_files_are_rejected_with_a_reason(self, own_csv):
        path = own_csv(edit=lambda rows: [*rows, "cifs/absent.cif,ti"])
        assert load(path).rejected == [("cifs/absent.cif", "no such file")]

    @pytest.mark.parametrize(
        ("header", "edit", "words"),
        [
            ("file,label", lambda rows: rows, "has no column path"),
            ("path,label", lambda rows: [], "holds no rows"),
            ("path,label", lambda rows: [rows[0] + "x"], "label is 'trivialx'; allowed are"),
            ("path,label", lambda rows: [rows[0] + ",7"], "line 2: 2 values expected"),
            ("path,label", lambda rows: [rows[0].split(",")[0]], "line 2: 2 values expected"),
            ("path,label", lambda rows: [",ti"], "line 2: the path is empty"),
            ("path,label", lambda rows: rows + rows[:1], "have the same id"),
            ("path,label,split,fold", lambda rows: [row + ",pool,x" for row in rows], "fold is 'x'"),
            ("path,label", lambda rows: rows[:4], "4 different formulas with a known class: at least 10"),
            ("path,label", lambda rows: ["absent.cif,ti"], "no usable row (1 rejected; the first is absent.cif"),
        ],
    )
    def test_every_refusal_says_where_and_what(self, own_csv, header, edit, words):
        assert words in refusal(own_csv(header, edit))

    def test_another_encoding_is_refused(self, tmp_path):
        (tmp_path / "x.csv").write_bytes("path,label\nMüller.cif,ti\n".encode("latin-1"))
        with pytest.raises(DatasetError, match="UTF-8"):
            load_csv(tmp_path / "x.csv")


class TestSplits:
    def names_and_labels(self, seed: int = 0):
        rng = np.random.default_rng(seed)
        return [f"F{i}" for i in rng.integers(0, 900, 2000)], rng.choice(5, 2000, p=[0.6, 0.2, 0.1, 0.06, 0.04])

    def test_no_formula_is_on_both_sides_of_any_boundary(self):
        names, labels = self.names_and_labels()
        labels[:30] = -1
        split, fold = make_splits(names, labels, 5)
        sides: dict[str, set] = {}
        for name, side in zip(names, zip(split.tolist(), fold.tolist(), strict=True), strict=True):
            if side[0] != "unlabelled":
                sides.setdefault(name, set()).add(side)
        assert all(len(where) == 1 for where in sides.values())
        assert (split[:30] == "unlabelled").all()
        assert set(fold[split == "pool"].tolist()) == set(range(5))
        assert np.mean(split[30:] == "test") == pytest.approx(0.15, abs=0.03)

    def test_classes_have_equal_shares(self):
        names, labels = self.names_and_labels()
        split, _ = make_splits(names, labels, 5)
        for code in range(5):
            assert np.mean(labels[split == "test"] == code) == pytest.approx(np.mean(labels == code), abs=0.05)

    def test_a_seed_decides_the_split(self):
        names, labels = self.names_and_labels()
        one, same, other = (make_splits(names, labels, 5, seed) for seed in (1, 1, 2))
        assert (one[0] == same[0]).all()
        assert (one[1] == same[1]).all()
        assert (one[0] != other[0]).any()

    def test_a_grouped_holdout_has_its_share_and_whole_formulas(self):
        names, labels = self.names_and_labels()
        mask = grouped_holdout(names, labels, 0.1, seed=3)
        assert mask.mean() == pytest.approx(0.1, abs=0.02)
        held = {name for name, out in zip(names, mask, strict=True) if out}
        assert all((name in held) == out for name, out in zip(names, mask, strict=True))
        with pytest.raises(ValueError, match=r"share 0\.9"):
            grouped_holdout(names, labels, 0.9)

    def test_a_class_rarer_than_the_folds_is_no_obstacle(self):
        names = [f"F{i}" for i in range(12)]
        split, _ = make_splits(names, np.array([0] * 9 + [1, 2, 3]), 5)
        assert (split == "test").any()
        assert grouped_holdout(names[:3], np.array([0, 1, 2]), 0.2).sum() == 1

    def test_a_leak_is_found(self, parquet):
        data = load(parquet())
        leaking = replace(data, formulas=["LiF"] * len(data))
        with pytest.raises(DatasetError, match="LiF stands in"):
            check_splits(leaking)

    def test_columns_of_different_length_are_refused(self, parquet):
        data = load(parquet())
        with pytest.raises(DatasetError, match="40 material ids but 39 labels"):
            replace(data, labels=data.labels[1:])


class TestDescription:
    def test_counts_add_up(self, parquet):
        data = load(parquet())
        facts = checks.describe(data)
        assert sum(facts["classes"].values()) == facts["rows"] == 40
        assert facts["classes"]["unknown"] == 2
        assert sum(facts["folds"].values()) == 34
        assert facts["elements"]["F"] == 10
        assert facts["atoms"] == {"least": 2, "median": 2.0, "most": 2}
        text = checks.describe_text(data)
        assert "40 crystals, 40 formulas" in text
        assert data.data_hash in text

    def test_contradictions_and_gaps_are_problems(self, parquet):
        path = parquet(
            **changed("numbers", 5, [3, 9]),
            class_soc=["trivial"] * 5 + ["ti"] * 33 + ["unknown"] * 2,
        )
        found = " | ".join(checks.check(path))
        assert "mp-0, mp-5: the same crystal with the classes ti, trivial" in found
        assert "the test holds no row of class trivial, hsp_semimetal, hsl_semimetal, tci" in found


@pytest.mark.slow
def test_the_textbook_is_a_data_set_with_every_class():
    data = load_textbook()
    assert isinstance(data, Dataset)
    assert set(data.labels[data.split == "pool"].tolist()) == set(range(5))
    assert (data.labels >= 0).all()
    assert load().data_hash == data.data_hash


@pytest.mark.slow
@needs_topomat
def test_topomat_is_what_its_description_says():
    data = load_parquet(TOPOMAT)
    assert (len(data), data.rejected) == (25072, [])
    assert [len(data.rows(split)) for split in ("pool", "test", "unlabelled")] == [19789, 2500, 2783]
    assert ((data.labels == -1) == (data.split == "unlabelled")).all()
    column = pq.read_table(TOPOMAT, columns=["reduced_formula"]).column(0).to_pylist()
    assert data.formulas == column
