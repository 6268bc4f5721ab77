"""The modalities by name; a new one is a folder beside these and its name in `MODALITY_NAMES`.

The folder's package gives `MODALITY` (see `base.Modality`) in `graph.py` or `features.py`, and an encoder
class `Encoder` in `encoder.py`; the encoder is imported only where a network is built.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import import_module, resources
from typing import TYPE_CHECKING

from topofuse.crystals.views import VIEWS_VERSION
from topofuse.modalities.base import Modality

if TYPE_CHECKING:  # torch is imported only where a network is built
    from torch import nn

    from topofuse.modalities.encoders import EncoderSpec

MODALITY_NAMES: tuple[str, ...] = ("crystal", "kspace", "scalar", "physics", "bands")
EXPERIMENTAL: tuple[str, ...] = ("indicators",)  # can be asked for by name, part of no preset


def modality(name: str) -> Modality:
    """The modality called `name`; KeyError names what there is."""
    if name not in (*MODALITY_NAMES, *EXPERIMENTAL):
        raise KeyError(f"no modality '{name}'; there are {', '.join(MODALITY_NAMES)}")
    found: Modality = import_module(f"topofuse.modalities.{name}").MODALITY
    return found


def build_encoder(name: str, spec: EncoderSpec) -> nn.Module:
    """The encoder of the modality called `name`; it has `fit(part)` and maps a part to (b, spec.width)."""
    encoder: nn.Module = import_module(f"topofuse.modalities.{name}.encoder").Encoder(spec)
    return encoder


def table_columns(names: tuple[str, ...] = MODALITY_NAMES) -> list[str]:
    """Column names of the concatenated tables, as `modality:column`."""
    return [f"{name}:{column}" for name in names for column in modality(name).table_names]


@cache
def feature_hash(names: tuple[str, ...] = MODALITY_NAMES) -> str:
    """Hex digest of the feature definition: modalities, their versions, columns and data tables, thermal views.

    A bundle works only with the definition that it was trained on. A test pins the features of reference
    crystals, so that a changed meaning cannot keep an old version number.
    """
    digest = hashlib.sha256(f"views:{VIEWS_VERSION};".encode())
    for name in names:
        m = modality(name)
        digest.update(f"{m.name}:{m.version}:{','.join(m.table_names)};".encode())
    digest.update(_files_digest((".csv", ".json", ".npz")))
    return digest.hexdigest()[:16]


@cache
def code_hash() -> str:
    """Hex digest of everything that features are computed with, source included; keys the on-disk cache."""
    return _files_digest((".py", ".csv", ".json", ".npz")).hex()[:16]


def _files_digest(suffixes: tuple[str, ...]) -> bytes:
    digest = hashlib.sha256()
    for package in ("topofuse.modalities", "topofuse.crystals"):
        stack = [resources.files(package)]
        while stack:
            for entry in sorted(stack.pop().iterdir(), key=lambda e: e.name):
                if entry.is_dir() and not entry.name.startswith("__"):
                    stack.append(entry)
                elif entry.name.endswith(suffixes) and not entry.name.startswith("encoder"):
                    digest.update(entry.name.encode() + b"\0" + entry.read_bytes())
    return digest.digest()
