"""A run's folder: where it is, whose run it holds, its log, its timings.

config.json      what the folder holds: command, resolved settings, hashes of data and features
log.jsonl, timings.json      see `topofuse.runs.progress`
choice.json      which strategy is reported, written before a test row is predicted
networks/, trees/, trees-fast/      checkpoints of the jobs
bundle/, bundle-fast/      the models
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from topofuse.config import Config, ConfigError, load_config
from topofuse.materials import Dataset, load
from topofuse.modalities.registry import feature_hash
from topofuse.runs.progress import RunLog, Timings
from topofuse.system.files import read_json, write_json


@dataclass(frozen=True, eq=False)
class RunFolder:
    """The folder `path` with the log and the timings that it holds."""

    path: Path
    log: RunLog
    timings: Timings


@dataclass(frozen=True, eq=False)
class Opened:
    """What a run begins with: settings, data, and the folder that is its own."""

    config: Config
    data: Dataset
    folder: RunFolder


def default_folder(command: str, preset: str) -> Path:
    """Where `command` ('run', 'ablate', 'generalise') writes if nothing is said: runs/PRESET or runs/COMMAND-PRESET.

    A report looks for an ablation or a generalisation there, beside the run.
    """
    name = Path(preset).stem
    return Path("runs") / (name if command == "run" else f"{command}-{name}")


def open_run(
    command: str,
    preset: str,
    data: str | Path | None = None,
    out: str | Path | None = None,
    *,
    resume: bool = False,
    seed: int | None = None,
    progress: bool = True,
) -> Opened:
    """Load settings and data, and take the folder `out` (`default_folder` if None); `progress` shows bars.

    Raises ConfigError where the folder holds a run already and `resume` is False, or holds another run.
    """
    config = load_config(preset, seed=seed)
    torch.set_num_threads(config.threads)
    dataset = load(data)
    path = Path(out) if out is not None else default_folder(command, preset)
    identity = {
        "kind": command,
        "config": config.model_dump(mode="json"),
        "data": dataset.data_hash,
        "features": feature_hash(config.modalities),
    }
    file = path / "config.json"
    if not file.exists():
        write_json(file, identity)
    elif not resume:
        raise ConfigError(f"{path} already holds a run; continue it with --resume, or choose another --out")
    elif read_json(file) != identity:
        raise ConfigError(f"{path} holds a run of other settings, data or features; choose another --out")
    return Opened(config, dataset, RunFolder(path, RunLog(path, progress), Timings(path)))
