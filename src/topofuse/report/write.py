"""Writes report.html, report.md and report.json into a run's folder, from the results that lie there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from topofuse.report import generalisation, mistakes, provenance, quality
from topofuse.report.document import Document, Section
from topofuse.report.html import to_html
from topofuse.report.markdown import to_markdown
from topofuse.report.source import Run, read_ablation, read_generalisation, read_run
from topofuse.report.twin import to_json
from topofuse.system.files import write_json, write_whole


def write_report(run_dir: Path, run: Run | None = None) -> Path:
    """Write report.html, report.md and report.json beside results.json and predictions.parquet; path of report.html.

    run: what these files hold, where that is at hand; read from them if None

    The sections of the ablation and of generalisation are there when ablation.json and generalisation.json are, here
    or in ablate-NAME and generalise-NAME beside a folder NAME; the structures of mistakes when structures.json is.
    Same input, same bytes. Raises ReportError where the folder lacks something.
    """
    run = read_run(Path(run_dir)) if run is None else run
    sections = [
        quality.verdict(run),
        quality.strategies(run),
        provenance.members(run),
        *quality.quality(run),
        provenance.ablation(run.ablation) if run.ablation else None,
        *(_generalisation(run.generalisation) if run.generalisation else ()),
        mistakes.section(run) if run.parts else None,
        provenance.protocol(run),
        provenance.citations(run),
    ]
    document = Document(str(run.results["title"]), provenance.subtitle(run.results), _known(*sections))
    return _write(Path(run_dir), document)


def write_ablation_report(run_dir: Path, content: Mapping[str, Any] | None = None) -> Path:
    """Write report.html, report.md and report.json from ablation.json alone; path of report.html.

    content: of that file, where it is at hand
    """
    content = read_ablation(Path(run_dir)) if content is None else content
    document = Document(
        str(content.get("title") or "What each part of the strategy brings"),
        str(content.get("subtitle") or "Ablation: parts left out one at a time"),
        _known(provenance.ablation(content), provenance.origin(content)),
        ("ablation.json",),
    )
    return _write(Path(run_dir), document)


def write_generalisation_report(run_dir: Path, content: Mapping[str, Any] | None = None) -> Path:
    """Write report.html, report.md and report.json from generalisation.json alone; path of report.html.

    content: of that file, where it is at hand
    """
    content = read_generalisation(Path(run_dir)) if content is None else content
    document = Document(
        str(content["title"]),
        str(content["subtitle"]),
        _known(*_generalisation(content), provenance.origin(content)),
        ("generalisation.json",),
    )
    return _write(Path(run_dir), document)


def _known(*sections: Section | None) -> tuple[Section, ...]:
    """Those of the sections for which there are data."""
    return tuple(section for section in sections if section is not None)


def _generalisation(content: Mapping[str, Any]) -> tuple[Section, ...]:
    return generalisation.splits(content), generalisation.learning_curve(content)


def _write(run_dir: Path, document: Document) -> Path:
    page = run_dir / "report.html"
    write_whole(page, to_html(document).encode())
    write_whole(run_dir / "report.md", to_markdown(document).encode())
    write_json(run_dir / "report.json", to_json(document))
    return page
