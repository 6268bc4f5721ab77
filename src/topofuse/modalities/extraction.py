"""From crystals to a feature store: in parallel, with a cache on disk, resumable.

Crystals are taken in chunks; a chunk's features are one file, named by the hash of the crystals and of
everything that features are computed with. An interrupted extraction continues with the first chunk that
has no file; several processes may share a cache, since a file appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from topofuse.crystals import Crystal, CrystalError, CrystalFacts, SymmetricCrystal, analyse, thermal_view
from topofuse.modalities.base import Modality, Part
from topofuse.modalities.registry import MODALITY_NAMES, code_hash, modality
from topofuse.modalities.store import CacheError, FeatureStore, Sample
from topofuse.system.files import read_json, write_json
from topofuse.system.processes import worker_pool

CHUNK = 256


def default_cache() -> Path:
    """Folder of the feature cache: $TOPOFUSE_CACHE, or topofuse in the user's cache folder."""
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
    thrifty: bool = False,
) -> Sample:
    """All modalities of one crystal.

    tables_only: no other arrays than the tables; thrifty: undefined where a modality would take long (`Costly`)
    """
    parts = {name: _part(modality(name), crystal, thrifty) for name in names}
    if tables_only:
        parts = {name: {"table": part["table"]} for name, part in parts.items()}
    return Sample(CrystalFacts.of(crystal), parts)


def _part(made: Modality, crystal: SymmetricCrystal, thrifty: bool) -> Part:
    if thrifty and made.costly is not None and made.costly.crystal(crystal):
        return {"table": np.full((1, len(made.table_names)), np.nan, dtype=np.float32)}
    return made.extract(crystal)


def extract_views(
    crystal: SymmetricCrystal,
    n_views: int,
    seed: int,
    names: Sequence[str] = MODALITY_NAMES,
    tables_only: bool = False,
    thrifty: bool = False,
) -> list[Sample]:
    """The modalities of views 0 to n_views - 1 of one crystal (`crystals.views`)."""
    views = (thermal_view(crystal, view, seed) for view in range(n_views))
    return [extract_sample(view, names, tables_only, thrifty) for view in views]


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
    chunks = [crystals[start : start + CHUNK] for start in range(0, len(crystals), CHUNK)]
    jobs = [(list(chunk), n_views, seed, cache_dir, names) for chunk in chunks]
    workers = (os.cpu_count() or 1) if workers is None else workers
    views: list[list[FeatureStore]] = [[] for _ in range(n_views)]
    kept: list[int] = []
    rejected: list[tuple[int, str]] = []
    bar = tqdm(total=len(crystals), desc="features", unit="crystal", disable=not progress)
    for start, (stores, failures) in zip(range(0, len(crystals), CHUNK), _run(jobs, workers), strict=True):
        failed = dict(failures)
        size = min(CHUNK, len(crystals) - start)
        kept += [start + i for i in range(size) if i not in failed]
        rejected += [(start + i, reason) for i, reason in failures]
        for view, store in zip(views, stores, strict=False):  # no stores where the whole chunk was rejected
            view.append(store)
        bar.update(size)
    bar.close()
    if not kept:
        raise ValueError(f"none of the {len(crystals)} crystals can be used; the first says: {rejected[0][1]}")
    return Extraction([FeatureStore.concatenate(view) for view in views], kept, rejected)


Job = tuple[list[Crystal], int, int, Path | None, tuple[str, ...]]
ChunkResult = tuple[list[FeatureStore], list[tuple[int, str]]]


def _run(jobs: list[Job], workers: int) -> Iterator[ChunkResult]:
    if workers <= 1 or len(jobs) <= 1:
        yield from map(_chunk, jobs)
        return
    with worker_pool(min(workers, len(jobs))) as pool:
        yield from pool.map(_chunk, jobs)


def _chunk(job: Job) -> ChunkResult:
    crystals, n_views, seed, cache_dir, names = job
    kept = None if cache_dir is None else _CachedChunk(job, cache_dir)
    if kept and (found := kept.load()):
        return found
    samples: list[list[Sample]] = []
    failures: list[tuple[int, str]] = []
    for index, crystal in enumerate(crystals):
        try:
            samples.append(extract_views(analyse(crystal), n_views, seed, names))
        except CrystalError as error:
            failures.append((index, str(error)))
    stores = [FeatureStore.from_samples([s[view] for s in samples]) for view in range(n_views)] if samples else []
    if kept:
        kept.save((stores, failures))
    return stores, failures


class _CachedChunk:
    """A chunk's files: one per view, and last of all a list of the rejected, whose presence says that all is there."""

    def __init__(self, job: Job, cache_dir: Path) -> None:
        crystals, n_views, seed, _, names = job
        digest = hashlib.sha256(f"{code_hash()}:{seed}:{n_views}:{','.join(names)}".encode())
        for crystal in crystals:
            digest.update(crystal.content_hash().encode())
        stem = digest.hexdigest()[:32]
        folder = cache_dir / stem[:2]
        self.rejected = folder / f"{stem}.json"
        self.views = [folder / f"{stem}-{view}.safetensors" for view in range(n_views)]

    def save(self, result: ChunkResult) -> None:
        stores, failures = result
        for store, path in zip(stores, self.views, strict=False):  # no stores where all were rejected
            store.save(path)
        write_json(self.rejected, {"stores": len(stores), "rejected": failures})

    def load(self) -> ChunkResult | None:
        """What `save` wrote; None if it is not all there, or damaged: then it is made again."""
        try:
            listed = read_json(self.rejected)
            stores = [FeatureStore.load(path) for path in self.views[: listed["stores"]]]
            return stores, [(int(index), str(reason)) for index, reason in listed["rejected"]]
        except (FileNotFoundError, CacheError, ValueError, KeyError, TypeError):
            return None
