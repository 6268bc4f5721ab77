"""Where a result comes from: versions, hashes, machine."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import torch

from topofuse import __version__
from topofuse.config import Config
from topofuse.materials.dataset import Dataset
from topofuse.modalities.registry import feature_hash

_PACKAGES = ("numpy", "torch", "lightgbm", "spglib", "scikit-learn", "safetensors")


def versions() -> dict[str, str]:
    """Versions of this package and of the libraries that numbers depend on."""
    return {"topofuse": __version__, "python": platform.python_version(), **{p: version(p) for p in _PACKAGES}}


def config_hash(config: Config) -> str:
    """Hash of the resolved configuration."""
    return hashlib.sha256(json.dumps(config.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()[:16]


def provenance(config: Config, data: Dataset) -> dict[str, Any]:
    """Versions, hashes, seed, machine and time, for every artifact."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "preset": config.preset,
        "seed": config.seed,
        "versions": versions(),
        "hashes": {"data": data.data_hash, "features": feature_hash(config.modalities), "config": config_hash(config)},
        "machine": {"platform": platform.platform(), "cores": os.cpu_count(), "gpu": device},
    }
