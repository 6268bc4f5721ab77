"""The modalities by name; a new one is a folder beside these and its name in `MODALITY_NAMES`.

The folder's package gives `MODALITY` (see `base.Modality`), `words.py` its `WORDS`, and `encoder.py` a class `Encoder`;
the encoder is imported only where a network is built, the words only where a person reads.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from topofuse.crystals.views import VIEWS_VERSION
from topofuse.modalities.base import Modality
from topofuse.modalities.source import code_digest, data_digest
from topofuse.modalities.words import Words

if TYPE_CHECKING:  # torch is imported only where a network is built
    from torch import nn

    from topofuse.modalities.encoders import EncoderSpec

MODALITY_NAMES: tuple[str, ...] = ("crystal", "kspace", "scalar", "physics", "bands", "indicators")


def modality(name: str) -> Modality:
    """The modality called `name`; KeyError names what there is."""
    if name not in MODALITY_NAMES:
        raise KeyError(f"no modality '{name}'; there are {', '.join(MODALITY_NAMES)}")
    return _imported(name)


@cache
def _imported(name: str) -> Modality:
    imported: Modality = import_module(f"topofuse.modalities.{name}").MODALITY
    return imported


def build_encoder(name: str, spec: EncoderSpec) -> nn.Module:
    """The encoder of the modality called `name`; it has `fit(part)` and maps a part to (b, spec.width)."""
    encoder: nn.Module = import_module(f"topofuse.modalities.{name}.encoder").Encoder(spec)
    return encoder


def words(name: str) -> Words:
    """Title, colour and descriptions of the columns of the modality called `name`."""
    modality(name)  # KeyError names what there is
    described: Words = import_module(f"topofuse.modalities.{name}.words").WORDS
    return described


def table_columns(names: tuple[str, ...] = MODALITY_NAMES) -> list[str]:
    """Column names of the concatenated tables, as `modality:column`."""
    return [f"{name}:{column}" for name in names for column in modality(name).table_names]


@cache
def feature_hash(names: tuple[str, ...] = MODALITY_NAMES) -> str:
    """Hex digest of what the features mean: of each modality its version and its columns.

    A bundle works only with the definition that it was trained on; other modalities than its own do not matter. A test
    pins data files and the features of reference crystals, so that a changed meaning cannot keep an old version number.
    """
    digest = hashlib.sha256(f"views:{VIEWS_VERSION};".encode())
    for name in names:
        m = modality(name)
        digest.update(f"{m.name}:{m.version}:{','.join(m.table_names)};".encode())
    return digest.hexdigest()[:16]


@cache
def code_hash(names: tuple[str, ...] = MODALITY_NAMES) -> str:
    """Hex digest of what the features are computed with, code included (see `source`); keys the cache on disk."""
    digest = hashlib.sha256()
    for name in names:
        start = modality(name).extract.__module__
        digest.update(name.encode() + code_digest(start) + data_digest(start))
    return digest.hexdigest()[:16]
