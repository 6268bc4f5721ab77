"""Which files of a folder are structures."""

from __future__ import annotations

from topofuse.crystals.read import find_structures


class TestFindingFiles:
    def test_folders_give_their_structures_in_sorted_order(self, tmp_path):
        for name in ("b/2.cif", "b/10.cif", "a.vasp", "c/POSCAR", "c/notes.txt", "b/deep/er/x.xyz", "z.cif.gz"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text("")
        found = [str(path.relative_to(tmp_path)) for path in find_structures([tmp_path])]
        assert found == ["a.vasp", "b/10.cif", "b/2.cif", "b/deep/er/x.xyz", "c/POSCAR", "z.cif.gz"]

    def test_named_paths_keep_their_order_and_are_always_passed_on(self, tmp_path):
        (tmp_path / "notes.txt").write_text("")
        named = [tmp_path / "absent.cif", tmp_path / "notes.txt", tmp_path / "absent.cif"]
        assert list(find_structures(named)) == named

    def test_a_folder_without_structures_is_passed_on_itself(self, tmp_path):
        assert list(find_structures([tmp_path])) == [tmp_path]

    def test_symlink_loops_end(self, tmp_path):
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "x.cif").write_text("")
        (tmp_path / "a" / "up").symlink_to(tmp_path)
        (tmp_path / "self").symlink_to(tmp_path / "self")
        (tmp_path / "again").symlink_to(tmp_path / "a")
        assert list(find_structures([tmp_path])) == [tmp_path / "a" / "x.cif"]
