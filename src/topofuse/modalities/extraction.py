"""From crystals to a feature store: in parallel, with a cache on disk, resumable.

Crystals are taken in chunks. Each modality of a chunk has files of its own, named by the hash of the crystals and of
the code that this modality is computed with: a new or changed modality leaves the files of the others as they are. An
interrupted extraction continues with the first chunk that has no files; several processes may share a cache, since a
file appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from topofuse.crystals import Crystal, CrystalError, CrystalFacts, SymmetricCrystal, analyse, thermal_view
from topofuse.modalities.base import Modality, Part
from topofuse.modalities.registry import MODALITY_NAMES, code_hash, modality
from topofuse.modalities.store import CacheError, FeatureStore, Sample
from topofuse.system.files import read_json, write_json
from topofuse.system.processes import worker_pool

CHUNK = 256
_LAYOUT = 3  # of the cache; raised when what its files hold changes without a change of a modality's code


def default_cache() -> Path:
    """Folder of the feature cache: $TOPOFUSE_CACHE, or topofuse in the user's cache folder.

    Not platformdirs': two lines, and the same folder on Linux and macOS.
    """
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("TOPOFUSE_CACHE") or Path(base) / "topofuse") / "features"


@dataclass(frozen=True, eq=False)
class Extraction:
    """Features of the usable crystals.

    views: one store per view, view 0 being the crystals themselves; all hold the same crystals
    kept: indices into the input of the crystals that the stores hold, in order
    rejected: (index, reason) of the others
    """

    views: list[FeatureStore]
    kept: list[int]
    rejected: list[tuple[int, str]]


def extract_sample(
    crystal: SymmetricCrystal,
    names: Sequence[str] = MODALITY_NAMES,
    tables_only: bool = False,
    skip_costly: bool = False,
) -> Sample:
    """All modalities of one crystal.

    tables_only: no other arrays than the tables; skip_costly: undefined where a modality would take long (`Costly`)
    """
    parts = {name: _part(modality(name), crystal, skip_costly) for name in names}
    if tables_only:
        parts = {name: {"table": part["table"]} for name, part in parts.items()}
    return Sample(CrystalFacts.from_crystal(crystal), parts)


def _part(made: Modality, crystal: SymmetricCrystal, skip_costly: bool) -> Part:
    if skip_costly and made.costly is not None and made.costly.crystal(crystal):
        return {"table": np.full((1, len(made.table_names)), np.nan, dtype=np.float32)}
    return made.extract(crystal)


def extract_views(
    crystal: SymmetricCrystal,
    n_views: int,
    seed: int,
    names: Sequence[str] = MODALITY_NAMES,
    tables_only: bool = False,
    skip_costly: bool = False,
) -> list[Sample]:
    """The modalities of views 0 to n_views - 1 of one crystal (`crystals.views`)."""
    views = [thermal_view(crystal, view, seed) for view in range(n_views)]
    return _samples_of(views, names, tables_only, skip_costly)


def _samples_of(
    views: Sequence[SymmetricCrystal], names: Sequence[str], tables_only: bool = False, skip_costly: bool = False
) -> list[Sample]:
    """One sample per view; all have the band sketch of the first, which would take most of the time of each."""
    first = extract_sample(views[0], names, tables_only, skip_costly)
    moving = [name for name in names if not modality(name).from_sketch]
    others = [extract_sample(view, moving, tables_only, skip_costly) for view in views[1:]]
    return [first, *(Sample(other.facts, {**first, **other}) for other in others)]


def extract_all(
    crystals: Sequence[Crystal],
    *,
    n_views: int = 1,
    seed: int = 0,
    cache_dir: Path | None = None,
    workers: int | None = None,
    names: tuple[str, ...] = MODALITY_NAMES,
    progress: bool = False,
) -> Extraction:
    """Features of `crystals`, in order; what cannot be used is rejected with its reason.

    n_views: views per crystal, the first being the crystal itself
    cache_dir: where chunks are kept; None keeps nothing
    workers: processes; None is one per core, 0 is this process
    Raises ValueError if no crystal at all can be used.
    """
    from tqdm import tqdm

    starts = range(0, len(crystals), CHUNK)
    chunks = [_Chunk(list(crystals[at : at + CHUNK]), n_views, seed, cache_dir, names) for at in starts]
    workers = (os.cpu_count() or 1) if workers is None else workers
    views: list[list[FeatureStore]] = [[] for _ in range(n_views)]
    kept: list[int] = []
    rejected: list[tuple[int, str]] = []
    bar = tqdm(total=len(crystals), desc="features", unit="crystal", disable=not progress)
    for start, (stores, failed) in zip(starts, _run(chunks, workers), strict=True):
        size = min(CHUNK, len(crystals) - start)
        kept += [start + i for i in range(size) if i not in failed]
        rejected += [(start + i, failed[i]) for i in sorted(failed)]
        for view, store in zip(views, stores, strict=False):  # no stores where the whole chunk was rejected
            view.append(store)
        bar.update(size)
    bar.close()
    if not kept:
        raise ValueError(f"none of the {len(crystals)} crystals can be used; the first says: {rejected[0][1]}")
    return Extraction([FeatureStore.concatenate(view) for view in views], kept, rejected)


@dataclass(frozen=True)
class _Chunk:
    """Crystals whose features are extracted together, and where they are kept."""

    crystals: list[Crystal]
    n_views: int
    seed: int
    cache_dir: Path | None
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _ChunkPart:
    """One modality of a chunk.

    views: one store per view, of the crystals that the modality can be computed for; none if there is no such crystal
    rejected: index in the chunk → reason, of the others
    """

    views: list[FeatureStore]
    rejected: dict[int, str]


ChunkResult = tuple[list[FeatureStore], dict[int, str]]


def _run(chunks: list[_Chunk], workers: int) -> Iterator[ChunkResult]:
    if workers <= 1 or len(chunks) <= 1:
        yield from map(_extract_chunk, chunks)
        return
    with worker_pool(min(workers, len(chunks))) as pool:
        yield from pool.map(_extract_chunk, chunks)


def _extract_chunk(chunk: _Chunk) -> ChunkResult:
    """The stores of the crystals that all modalities can be computed for, one per view, and the others' reasons."""
    parts: dict[str, _ChunkPart] = {}
    files = {} if chunk.cache_dir is None else {name: _CacheFiles.for_chunk(name, chunk) for name in chunk.names}
    for name, file in files.items():
        if (part := file.load()) is not None:
            parts[name] = part
    missing = [name for name in chunk.names if name not in parts]
    parts |= _computed(chunk, missing) if missing else {}
    for name in missing:
        if name in files:
            files[name].save(parts[name])
    return _joined(chunk, parts)


def _computed(chunk: _Chunk, names: list[str]) -> dict[str, _ChunkPart]:
    """The named modalities of a chunk: crystal by crystal, since modalities may share what they compute of one."""
    samples: dict[str, list[list[Sample]]] = {name: [] for name in names}
    rejected: dict[str, dict[int, str]] = {name: {} for name in names}
    for index, crystal in enumerate(chunk.crystals):
        try:
            symmetric = analyse(crystal)
            views = [thermal_view(symmetric, view, chunk.seed) for view in range(chunk.n_views)]
        except CrystalError as error:
            for reasons in rejected.values():
                reasons[index] = str(error)
            continue
        for name in names:
            try:
                samples[name].append(_samples_of(views, (name,)))
            except CrystalError as error:
                rejected[name][index] = str(error)
    return {
        name: _ChunkPart([FeatureStore.from_samples(view) for view in zip(*own, strict=True)], rejected[name])
        for name, own in samples.items()
    }


def _joined(chunk: _Chunk, parts: dict[str, _ChunkPart]) -> ChunkResult:
    rejected: dict[int, str] = {}
    for name in chunk.names:
        rejected = parts[name].rejected | rejected  # the first modality's reason counts
    kept = [index for index in range(len(chunk.crystals)) if index not in rejected]
    if not kept:
        return [], rejected
    rows = {}
    for name in chunk.names:
        held = [index for index in range(len(chunk.crystals)) if index not in parts[name].rejected]
        rows[name] = np.searchsorted(held, kept)
    stores = [
        FeatureStore.side_by_side([parts[name].views[view].select(rows[name]) for name in chunk.names])
        for view in range(chunk.n_views)
    ]
    return stores, rejected


@dataclass(frozen=True)
class _CacheFiles:
    """The files of one modality of a chunk.

    views: a store each; rejected: written last of all, so that its presence says that all is there
    """

    views: list[Path]
    rejected: Path

    @classmethod
    def for_chunk(cls, name: str, chunk: _Chunk) -> _CacheFiles:
        """Named by all that decides what they hold: the crystals, the views, the code of this modality."""
        assert chunk.cache_dir is not None
        digest = hashlib.sha256(f"{_LAYOUT}:{name}:{code_hash((name,))}:{chunk.seed}:{chunk.n_views}".encode())
        for crystal in chunk.crystals:
            digest.update(crystal.content_hash().encode())
        stem = digest.hexdigest()[:32]
        folder = chunk.cache_dir / stem[:2]
        views = [folder / f"{stem}-{view}.safetensors" for view in range(chunk.n_views)]
        return cls(views, folder / f"{stem}.json")

    def save(self, part: _ChunkPart) -> None:
        for store, path in zip(part.views, self.views, strict=False):  # no stores where all were rejected
            store.save(path)
        write_json(self.rejected, {"stores": len(part.views), "rejected": list(part.rejected.items())})

    def load(self) -> _ChunkPart | None:
        """What `save` wrote; None if it is not all there, or damaged: then it is made again."""
        try:
            listed = read_json(self.rejected)
            stores = [FeatureStore.load(path) for path in self.views[: listed["stores"]]]
            return _ChunkPart(stores, {int(index): str(reason) for index, reason in listed["rejected"]})
        except (FileNotFoundError, CacheError, ValueError, KeyError, TypeError):
            return None
