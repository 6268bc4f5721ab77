"""`topofuse.featurize`: the tables of the modalities for any structures, with names and units."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from topofuse.config import ConfigError
from topofuse.crystals import CrystalError, analyse
from topofuse.modalities.extraction import extract_sample
from topofuse.modalities.registry import MODALITY_NAMES, table_columns, words
from topofuse.screening.structures import StructureLike, as_crystal, is_one
from topofuse.system.processes import worker_pool

if TYPE_CHECKING:
    import pandas as pd

CHUNK = 256  # structures from which on processes are worth their start


def featurize(
    structures: StructureLike | Iterable[StructureLike],
    modalities: Sequence[str] | None = None,
    *,
    workers: int = 1,
) -> pd.DataFrame:
    """What the models see of structures: one row each, columns `MODALITY:COLUMN`, float32, NaN where undefined.

    structures: files, and objects of pymatgen, ase or topofuse; one, or many, also mixed
    modalities: names, None for all (crystal, kspace, scalar, physics, bands, indicators); workers: processes

    `.attrs["units"]` and `.attrs["words"]` say for every column its unit ('' for a pure number) and what it is. The row
    of a structure that cannot be used is NaN throughout; `.attrs["reasons"]` has the reason under its row's number, and
    a `UserWarning` says so. In a scikit-learn pipeline: `FunctionTransformer(topofuse.featurize)`. Raises `ConfigError`
    for an unknown modality.
    """
    import pandas as pd

    names = chosen_modalities(modalities)
    given: list[Any] = [structures] if is_one(structures) else list(structures)  # type: ignore[arg-type]
    columns = table_columns(names)
    values = np.full((len(given), len(columns)), np.nan, dtype=np.float32)
    reasons: dict[int, str] = {}
    for index, row in enumerate(rows_of(given, names, workers)):
        if isinstance(row, str):
            reasons[index] = row
        else:
            values[index] = row[0]
    table = pd.DataFrame(values, columns=columns)
    pairs = {column: column.split(":", 1) for column in columns}
    table.attrs["units"] = {column: words(pair[0]).unit(pair[1]) for column, pair in pairs.items()}
    table.attrs["words"] = {column: words(name).column(bare) for column, (name, bare) in pairs.items()}
    table.attrs["reasons"] = reasons
    if reasons:
        first, reason = next(iter(reasons.items()))
        warnings.warn(
            f"{len(reasons)} of {len(given)} structures cannot be used, their rows are NaN; "
            f"structures[{first}]: {reason}; the others: .attrs['reasons']",
            UserWarning,
            stacklevel=2,
        )
    return table


def chosen_modalities(names: Sequence[str] | None, default: tuple[str, ...] = MODALITY_NAMES) -> tuple[str, ...]:
    """The names as a tuple; `ConfigError` for an unknown one and for none at all."""
    chosen = default if names is None else tuple(names)
    unknown = [name for name in chosen if name not in MODALITY_NAMES]
    if unknown or not chosen:
        what = f"no modality {unknown[0]!r}" if unknown else "no modality given"
        raise ConfigError(f"{what}; there are {', '.join(MODALITY_NAMES)}")
    return chosen


def rows_of(
    structures: Sequence[StructureLike], names: tuple[str, ...], workers: int
) -> list[NDArray[np.float32] | str]:
    """(1, f) tables of the modalities `names` of each structure, side by side; a text says why there are none."""
    row = partial(_row, names)
    if workers <= 1 or len(structures) < CHUNK:  # processes take longer to start than these take
        return [row(structure) for structure in structures]
    with worker_pool(workers) as pool:
        return list(pool.map(row, structures, chunksize=32))


def _row(names: tuple[str, ...], structure: StructureLike) -> NDArray[np.float32] | str:
    """(1, f) features of one structure, or the reason why there are none."""
    try:
        sample = extract_sample(analyse(as_crystal(structure)), names)
    except CrystalError as error:
        return str(error)
    return np.concatenate([sample[name]["table"] for name in names], axis=1).astype(np.float32)
