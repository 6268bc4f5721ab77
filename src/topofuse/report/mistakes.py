"""The most confident mistakes: a table, and the structures of the materials, so that a reader can judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from topofuse.crystals.write_poscar import poscar
from topofuse.materials import Dataset
from topofuse.report.breakdown import Mistake, confident_mistakes
from topofuse.report.document import Block, Cell, Code, Folded, Section, Text, table
from topofuse.report.numbers import CLASS_TITLES, count, percent
from topofuse.report.source import EVALUATIONS, STRUCTURES, ReportError, Run, read_run
from topofuse.system.files import write_json

MATERIALS_PROJECT = "https://next-gen.materialsproject.org/materials/"


def most_confident(run: Run) -> list[Mistake]:
    """The mistakes that the report lists."""
    return confident_mistakes(run.parts)


def structures_of_mistakes(run: Run, data: Dataset) -> dict[str, str]:
    """The POSCAR of each material in the table of mistakes, by its id: what structures.json holds.

    Raises ReportError where `data` is not the data set of the run.
    """
    row = {material_id: i for i, material_id in enumerate(data.material_ids)}
    listed = most_confident(run)
    unknown = [m.material_id for m in listed if m.material_id not in row]
    if unknown:
        raise ReportError(f"{data.name} does not hold {', '.join(unknown[:3])}: it is not the data set of this run")
    return {m.material_id: poscar(data.crystals[row[m.material_id]], m.material_id) for m in listed}


def keep_structures(run_dir: Path, data: Dataset) -> None:
    """Write structures.json into the folder of a run that kept none; raises ReportError as above."""
    write_json(run_dir / STRUCTURES, structures_of_mistakes(read_run(run_dir), data))


def section(run: Run) -> Section:
    """The table of mistakes; with structures.json, each with its structure."""
    listed = most_confident(run)
    header = ["Material", "Formula", "Space group", "Atoms", "Label", "Predicted", "Confidence", "Rows"]
    kept = run.structures
    rows = []
    for i, m in enumerate(listed):
        link = MATERIALS_PROJECT + quote(m.material_id) if m.material_id.startswith(("mp-", "mvc-")) else ""
        named: list[str | Cell] = [Cell(m.material_id, link), m.formula, str(m.spacegroup), count(m.n_atoms)]
        cells = [CLASS_TITLES[m.label], CLASS_TITLES[m.decision], percent(m.confidence), EVALUATIONS[m.split][1]]
        structure = [Cell("POSCAR", f"#{_anchor(i)}") if m.material_id in kept else Cell("–")] if kept else []
        rows.append([*named, *cells, *structure])
    note = (
        "Materials that were predicted trivial instead of non-trivial or the reverse, most confident first. Labels "
        "come from calculations too, and two databases of them disagree in a few per cent of the materials. So some of "
        "these predictions may be right."
    )
    if kept:
        note += " POSCAR links to the structure below; a Materials Project identifier links to its page, online."
    caption = "Most confident mistakes; confidence is the probability of the predicted answer (trivial or not)"
    blocks: list[Block] = [Text(note), table(caption, [*header, *(["Structure"] if kept else [])], rows)]
    if kept:
        blocks.append(Folded("Structures of these materials", _structures(listed, kept)))
    return Section("mistakes", "Most confident mistakes", tuple(blocks))


def _structures(listed: Sequence[Mistake], kept: Mapping[str, str]) -> tuple[Code, ...]:
    return tuple(
        Code(f"{m.material_id}, {m.formula}, {m.n_atoms} atoms", kept[m.material_id].rstrip(), "text", _anchor(i))
        for i, m in enumerate(listed)
        if m.material_id in kept
    )


def _anchor(i: int) -> str:
    """Address of the structure of row `i`; an identifier from a user's table may hold anything."""
    return f"structure-{i}"
