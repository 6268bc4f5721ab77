"""Features of many crystals: ragged arrays in memory, batches of tensors, an on-disk form.

A `FeatureStore` keeps, for each modality, every array of all crystals concatenated along its first axis,
and for each group of arrays the row offsets of the crystals. Beside them it keeps the crystals' facts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from topofuse.crystals.facts import CrystalFacts
from topofuse.errors import TopofuseError
from topofuse.modalities.base import Part
from topofuse.modalities.registry import modality
from topofuse.system.files import write_whole

if TYPE_CHECKING:  # a second of start-up; features and boosted trees do without
    from torch import Tensor

_NOTHING = 1e-6
Batch = dict[str, dict[str, "Tensor"]]  # modality name → arrays; `<group>.graph` maps rows to crystals


@dataclass(frozen=True, eq=False)
class Sample(Mapping[str, Part]):
    """One crystal: the arrays of its modalities by name, and beside them its facts.

    facts: of this crystal alone; parts: modality name → its arrays
    """

    facts: CrystalFacts
    parts: Mapping[str, Part]

    def __getitem__(self, name: str) -> Part:
        return self.parts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.parts)

    def __len__(self) -> int:
        return len(self.parts)


class CacheError(TopofuseError, RuntimeError):
    """A cache file is damaged or was written by something else."""


def settled(table: NDArray[np.generic]) -> NDArray[np.float32]:
    """The table with 17 binary digits of each number, and 0 for what is below 1e-6.

    Further digits depend on the processor and on how the crystal was written down; where many crystals share a value,
    such as 1/3, a tree may split them there.
    """
    bits = np.ascontiguousarray(table, dtype=np.float32).view(np.int32)
    rounded = ((bits + (1 << 6)) & ~((1 << 7) - 1)).view(np.float32)
    return np.where(np.abs(rounded) < _NOTHING, np.float32(0), rounded)


def _group(array: str) -> str:
    return array.split(".", 1)[0]


def _ranges(starts: NDArray[np.signedinteger], counts: NDArray[np.signedinteger]) -> NDArray[np.int64]:
    """Concatenation of arange(start, start + count), vectorised."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    ranges: NDArray[np.int64] = np.arange(total, dtype=np.int64) + np.repeat(starts - (ends - counts), counts)
    return ranges


@dataclass(frozen=True, eq=False)
class FeatureStore:
    """Features of n crystals.

    arrays: modality → array name → rows of all crystals
    offsets: modality → group → (n + 1,) int64 row offsets
    facts: of the n crystals
    """

    arrays: dict[str, dict[str, NDArray[np.generic]]]
    offsets: dict[str, dict[str, NDArray[np.int64]]]
    facts: CrystalFacts

    @classmethod
    def from_samples(cls, samples: Sequence[Sample]) -> FeatureStore:
        """Concatenate samples, all with the same modalities and arrays."""
        if not samples:
            raise ValueError("a feature store needs at least one sample")
        arrays: dict[str, dict[str, NDArray[np.generic]]] = {}
        offsets: dict[str, dict[str, NDArray[np.int64]]] = {}
        for name, part in samples[0].items():
            arrays[name] = {key: np.concatenate([s[name][key] for s in samples]) for key in part}
            arrays[name]["table"] = settled(arrays[name]["table"])
            offsets[name] = {
                _group(key): np.concatenate([[0], np.cumsum([len(s[name][key]) for s in samples])]) for key in part
            }
        return cls(arrays, offsets, CrystalFacts.concatenate([s.facts for s in samples]))

    @classmethod
    def concatenate(cls, stores: Sequence[FeatureStore]) -> FeatureStore:
        """One store of all the crystals of `stores`, in order."""
        first = stores[0]
        arrays = {
            name: {key: np.concatenate([s.arrays[name][key] for s in stores]) for key in part}
            for name, part in first.arrays.items()
        }
        offsets = {
            name: {
                group: np.concatenate(
                    [[0], np.cumsum(np.concatenate([np.diff(s.offsets[name][group]) for s in stores]))]
                )
                for group in groups
            }
            for name, groups in first.offsets.items()
        }
        return cls(arrays, offsets, CrystalFacts.concatenate([s.facts for s in stores]))

    @classmethod
    def side_by_side(cls, stores: Sequence[FeatureStore]) -> FeatureStore:
        """One store of the modalities of all `stores`, which hold the same crystals."""
        if len({len(store) for store in stores}) != 1:
            raise ValueError(f"stores of {[len(store) for store in stores]} crystals do not hold the same ones")
        arrays = {name: part for store in stores for name, part in store.arrays.items()}
        offsets = {name: groups for store in stores for name, groups in store.offsets.items()}
        return cls(arrays, offsets, stores[0].facts)

    def select(self, rows: NDArray[np.integer]) -> FeatureStore:
        """The store of the crystals at `rows`, in that order."""
        arrays: dict[str, dict[str, NDArray[np.generic]]] = {}
        offsets: dict[str, dict[str, NDArray[np.int64]]] = {}
        for name, groups in self.offsets.items():
            counts = {group: offset[rows + 1] - offset[rows] for group, offset in groups.items()}
            places = {group: _ranges(offset[rows], counts[group]) for group, offset in groups.items()}
            arrays[name] = {key: array[places[_group(key)]] for key, array in self.arrays[name].items()}
            offsets[name] = {group: np.concatenate([[0], np.cumsum(count)]) for group, count in counts.items()}
        return FeatureStore(arrays, offsets, self.facts.select(rows))

    def __len__(self) -> int:
        return len(self.facts)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the modalities held."""
        return tuple(self.arrays)

    def table(self, names: Sequence[str] | None = None) -> NDArray[np.float32]:
        """(n, f) the tables of the named modalities side by side."""
        return np.concatenate([self.arrays[name]["table"] for name in names or self.names], axis=1)

    def without_costly(self) -> FeatureStore:
        """The store with undefined rows of modalities for crystals for which they are `Costly`."""
        arrays = dict(self.arrays)
        for name, part in self.arrays.items():
            costly = modality(name).costly
            if costly is not None:
                arrays[name] = {**part, "table": np.where(costly.rows(part["table"])[:, None], np.nan, part["table"])}
        return FeatureStore(arrays, self.offsets, self.facts)

    def batch(self, indices: NDArray[np.integer], tables_only: bool = False) -> Batch:
        """Tensors of the crystals at `indices`, graphs merged into one disconnected graph per modality."""
        import torch

        indices = np.asarray(indices, dtype=np.int64)
        if tables_only:
            return {name: {"table": torch.from_numpy(part["table"][indices])} for name, part in self.arrays.items()}
        return {name: self._modality_batch(name, indices) for name in self.names}

    def _modality_batch(self, name: str, indices: NDArray[np.integer]) -> dict[str, Tensor]:
        import torch

        out: dict[str, Tensor] = {}
        index_arrays = modality(name).index_arrays
        rows, counts = {}, {}
        for group, offset in self.offsets[name].items():
            counts[group] = offset[indices + 1] - offset[indices]
            rows[group] = _ranges(offset[indices], counts[group])
            if group != "table":
                out[f"{group}.graph"] = torch.from_numpy(np.repeat(np.arange(len(indices)), counts[group]))
        for key, flat in self.arrays[name].items():
            taken = flat[rows[_group(key)]]
            if key in index_arrays:
                target = counts[index_arrays[key]]
                shift = np.cumsum(target) - target
                taken = taken.astype(np.int64) + np.repeat(shift, counts[_group(key)])
            elif np.issubdtype(taken.dtype, np.integer):
                taken = taken.astype(np.int64)
            out[key] = torch.from_numpy(np.ascontiguousarray(taken))
        return out

    def save(self, path: Path) -> None:
        """Write one file, whole or not at all."""
        tensors: dict[str, NDArray[np.generic]] = {}
        for name, part in self.arrays.items():
            tensors |= {f"a/{name}/{key}": np.ascontiguousarray(array) for key, array in part.items()}
            tensors |= {f"o/{name}/{group}": offset for group, offset in self.offsets[name].items()}
        tensors |= {f"f/{key}": np.ascontiguousarray(getattr(self.facts, key)) for key in _FACTS}
        write_whole(path, save(tensors, metadata={"digest": _digest(tensors), "names": ",".join(self.names)}))

    @classmethod
    def load(cls, path: Path) -> FeatureStore:
        """Read a file written by `save`; `CacheError` if a byte of it changed."""
        try:
            with safe_open(path, framework="numpy") as file:
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
                metadata = file.metadata() or {}
        except SafetensorError as error:
            raise CacheError(f"{path} is damaged ({error}); delete it, it will be made again") from error
        names = metadata.get("names", "").split(",")  # in their order, which the file's keys do not keep
        held = {key.split("/", 2)[1] for key in tensors if not key.startswith("f/")}
        if metadata.get("digest") != _digest(tensors) or sorted(names) != sorted(held):
            raise CacheError(f"{path} does not match its checksum; delete it, it will be made again")
        arrays: dict[str, dict[str, NDArray[np.generic]]] = {name: {} for name in names}
        offsets: dict[str, dict[str, NDArray[np.int64]]] = {name: {} for name in names}
        facts = CrystalFacts(*(tensors.pop(f"f/{key}") for key in _FACTS))
        for key, value in tensors.items():
            kind, name, rest = key.split("/", 2)
            (arrays if kind == "a" else offsets)[name][rest] = value
        return cls(arrays, offsets, facts)


_FACTS = tuple(field.name for field in fields(CrystalFacts))


def _digest(tensors: dict[str, NDArray[np.generic]]) -> str:
    digest = hashlib.sha256()
    for key in sorted(tensors):
        digest.update(key.encode())
        digest.update(np.ascontiguousarray(tensors[key]).tobytes())
    return digest.hexdigest()
