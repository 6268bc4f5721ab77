"""Predictions in the layout of a JARVIS-Leaderboard contribution, and the benchmark that they answer.

    DIR/contributions/topofuse/AI-SinglePropertyClass-PROPERTY-DATASET-test-acc.csv.zip   id,prediction
    DIR/contributions/topofuse/metadata.json, run.sh
    DIR/benchmarks/AI/SinglePropertyClass/DATASET_PROPERTY.json.zip                       train, val, test: id → class

After the guide (`docs/guide/guide.md`) and the scoring (`jarvis_leaderboard/rebuild.py`) of
github.com/usnistgov/jarvis_leaderboard; the paper is K. Choudhary et al., arXiv:2306.11688.
"""

from __future__ import annotations

import io
import json
import platform
import re
import shlex
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from topofuse import __version__
from topofuse.export.source import ExportError, Predicted
from topofuse.labels import LEVELS, coarsen, decide
from topofuse.system.files import write_whole

MODEL = "topofuse"
PROPERTIES = {"two": "topological_nontrivial", "three": "topological_type", "five": "topological_class"}
_EPOCH = (1980, 1, 1, 0, 0, 0)  # of the members of a zip: the same predictions give the same bytes


def write_jarvis(predicted: Predicted, folder: Path, level: str = "two") -> int:
    """Write the files above below `folder`; returns the number of predictions.

    level: 'two', 'three' or 'five'; classes are the codes 0, 1, … of `topofuse.labels.LEVELS[level]`

    The leaderboard scores accuracy on predetermined test rows: those are the run's. Its rows to train and validate on
    are the run's pool, all as 'train'. Raises `ExportError`.
    """
    if folder.exists() and not folder.is_dir():
        raise ExportError(f"{folder} is a file: a JARVIS contribution is a folder")
    pool, test = predicted.split == "pool", predicted.rows("test")
    dataset, name = _dataset(predicted), PROPERTIES[level]
    codes = coarsen(decide(test.p5), level)
    table = "id,prediction\n" + "".join(f"{i},{code}\n" for i, code in zip(test.material_ids, codes, strict=True))
    truth = {
        "train": _by_id(predicted.material_ids[pool], coarsen(predicted.labels[pool], level)),
        "val": {},
        "test": _by_id(test.material_ids, coarsen(test.labels, level)),
    }
    contribution = folder / "contributions" / MODEL
    _write_zip(contribution / f"AI-SinglePropertyClass-{name}-{dataset}-test-acc.csv.zip", table)
    benchmark = folder / "benchmarks/AI/SinglePropertyClass" / f"{dataset}_{name}.json.zip"
    _write_zip(benchmark, json.dumps(truth))
    metadata = json.dumps(_metadata(predicted, level), indent=1) + "\n"
    write_whole(contribution / "metadata.json", metadata.encode())
    write_whole(contribution / "run.sh", _script(predicted, level).encode())
    return len(test.labels)


def _dataset(predicted: Predicted) -> str:
    """Name of the data set; the file name's parts are joined by hyphens, so it has none of its own."""
    return re.sub(r"\W+", "_", predicted.results.get("dataset", {}).get("name", "dataset"))


def _by_id(names: np.ndarray, codes: np.ndarray) -> dict[str, int]:
    return {str(name): int(code) for name, code in zip(names, codes, strict=True)}


def _write_zip(path: Path, text: str) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(path.name.removesuffix(".zip"), _EPOCH), text, zipfile.ZIP_DEFLATED)
    write_whole(path, content.getvalue())


def _metadata(predicted: Predicted, level: str) -> dict[str, Any]:
    """The keys that the leaderboard reads; team, address and project are the submitter's to fill in."""
    results = predicted.results
    versions, machine = results.get("versions", {}), results.get("machine", {})
    return {
        "model_name": MODEL,
        "project_url": "",
        "date_submitted": datetime.now(UTC).strftime("%m-%d-%Y"),
        "author_email": "",
        "database_version": results.get("hashes", {}).get("data", ""),
        "team_name": "",
        "time_taken_seconds": results.get("timings", {}).get("total_s", ""),
        "language": "python",
        "os": platform.system().lower(),
        "software_used": ",".join(f"{name}=={v}" for name, v in versions.items()) or f"topofuse=={__version__}",
        "hardware_used": f"{machine['cores']} cores, GPU: {machine['gpu']}" if machine else "",
        "strategy": predicted.strategy,
        "classes": list(LEVELS[level]),
    }


def _script(predicted: Predicted, level: str) -> str:
    run = ["topofuse", "run", "--out", "run"]
    run += [
        word for key in ("preset", "seed") if key in predicted.results for word in (f"--{key}", predicted.results[key])
    ]
    export = ["topofuse", "export", "run", "--format", "jarvis", "--strategy", predicted.strategy, "--level", level]
    data = predicted.results.get("dataset", {}).get("name")
    given = "" if data == "textbook" else ' --data "$1"'
    about = "" if data == "textbook" else "# $1: the data set, a .parquet or .csv file\n"
    lines = (shlex.join(map(str, run)) + given, shlex.join([*export, "-o", "contribution"]))
    return f"#!/bin/sh\n{about}set -e\npip install topofuse=={__version__}\n" + "\n".join(lines) + "\n"
