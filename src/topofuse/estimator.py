"""`TopoClassifier`: a scikit-learn classifier whose samples are crystal structures.

Boosted trees on the tables of the modalities (`ensemble.boosted`), trained on your own materials in seconds to
minutes; or, with `TopoClassifier.pretrained`, a model that the package carries.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, assert_all_finite, check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from topofuse.config import BoostedConfig, ConfigError, load_config
from topofuse.crystals import Crystal, CrystalError, analyse
from topofuse.crystals.formula import reduced_formula
from topofuse.ensemble.boosted import BoostedTrees, fit_boosted
from topofuse.ensemble.bundle import Bundle, open_bundle
from topofuse.errors import TopofuseError
from topofuse.featurizing import chosen_modalities, rows_of
from topofuse.labels import FIVE, decide
from topofuse.materials.splits import MIN_FORMULAS, grouped_holdout
from topofuse.screening.structures import StructureLike, as_crystal, is_one
from topofuse.trust.domain import odd_electrons

CHUNK = 256  # crystals whose features a pretrained model holds at a time
REMEMBERED = 20_000  # table rows, 3 kB each


class LabelError(TopofuseError, ValueError):
    """Labels that cannot be learned; the message says why."""


class TopoClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Boosted trees on features of crystal structures, as a scikit-learn classifier.

    Structures are paths, pymatgen `Structure`s, ase `Atoms` or topofuse `Crystal`s, also mixed. Labels are the names
    of `topofuse.labels.FIVE`, any of them, or two to five classes of your own (numbers or texts); trivial against the
    rest is one model, which of the rest another (of classes of your own, the first in sorted order is the one
    apart). Columns of `predict_proba` are in the order of `classes_`, which is sorted, as everywhere in scikit-learn.

    preset: whose settings the trees have: quick, cpu, extreme, or a TOML file
    modalities: what the features are; None is all those of the preset
    rounds: most boosting rounds; None is the preset's
    validation_share: of the materials, held out by whole reduced formulas, on which boosting stops early; with 0, or
        fewer than 10 formulas, all are trained on and no round is left out
    n_jobs: processes and threads; None is one, -1 one per core
    random_state: of everything random; an int gives the same trees every time

    After `fit`: `classes_`, `modalities_`, `trees_` (`BoostedTrees`), `rounds_` (of its two models). Table rows of the
    latest 20,000 crystals are remembered in memory, so that cross-validation computes each once.
    """

    def __init__(
        self,
        preset: str = "quick",
        modalities: Sequence[str] | None = None,
        rounds: int | None = None,
        validation_share: float = 0.1,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.preset = preset
        self.modalities = modalities
        self.rounds = rounds
        self.validation_share = validation_share
        self.n_jobs = n_jobs
        self.random_state = random_state

    @classmethod
    def pretrained(cls, model: str = "full") -> Self:
        """A fitted estimator: the bundle 'full' or 'fast' that the package carries, or the one in the folder `model`.

        It gives what `topofuse predict` gives. `fit` and `clone` leave the pretrained model behind, as they do with
        all that was fitted; `sklearn.frozen.FrozenEstimator` keeps it.
        """
        estimator = cls()
        estimator.bundle_ = open_bundle(model)
        estimator.classes_ = np.unique(FIVE)
        return estimator

    def fit(self, X: Iterable[StructureLike], y: ArrayLike) -> Self:
        """Train on structures X (n of them) and labels y (n,).

        Raises `CrystalError` naming the first structure that cannot be used, `LabelError`, `ConfigError`.
        """
        if y is None:
            raise LabelError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        crystals = _crystals(X)
        check_consistent_length(crystals, y)
        labels = column_or_1d(y, warn=True)
        assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
        names, config = self._settings()
        self.__dict__.pop("bundle_", None)
        self.modalities_ = names
        self.classes_, inverse = np.unique(labels, return_inverse=True)
        codes = self._codes()[inverse]
        table = _table(crystals, names, _processes(self.n_jobs))
        seed = self.random_state
        if not isinstance(seed, int | np.integer):
            seed = check_random_state(seed).randint(2**31 - 1)
        train, validation = _early_stopping_rows(crystals, codes, self.validation_share, int(seed))
        threads = _processes(self.n_jobs)
        self.trees_: BoostedTrees = fit_boosted(
            table, codes, train, validation, config, seed=int(seed), threads=threads
        )
        self.rounds_ = self.trees_.rounds()
        return self

    def predict_proba(self, X: Iterable[StructureLike]) -> NDArray[np.float64]:
        """Probabilities (n, k) of structures X, columns as in `classes_`.

        Raises `CrystalError` naming the first structure that cannot be used. To a pretrained model, one with an odd
        number of electrons in the primitive cell is such: a metal, outside the classes. `topofuse.predict` gives
        each of them a row with the reason instead.
        """
        check_is_fitted(self)
        p = self._probabilities(_crystals(X))[:, self._codes()]
        return np.asarray(p / p.sum(axis=1, keepdims=True), dtype=np.float64)

    def predict(self, X: Iterable[StructureLike]) -> NDArray[Any]:
        """Labels (n,) of structures X; the classes of topofuse are decided from the top down (`labels.decide`).

        So a material may be non-trivial though trivial is the likeliest of five. Errors as in `predict_proba`.
        """
        p = self.predict_proba(X)
        if not self._is_of_five():
            return np.asarray(self.classes_[p.argmax(axis=1)])
        p5 = np.zeros((len(p), len(FIVE)))
        p5[:, self._codes()] = p
        labels: NDArray[Any] = np.array(FIVE, dtype=self.classes_.dtype)[decide(p5)]
        return labels

    def __sklearn_is_fitted__(self) -> bool:
        return "bundle_" in vars(self) or "trees_" in vars(self)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        tags.input_tags.string = True
        return tags

    def _settings(self) -> tuple[tuple[str, ...], BoostedConfig]:
        config = load_config(self.preset)
        names = chosen_modalities(self.modalities, config.modalities)
        if not 0 <= self.validation_share <= 0.5:
            raise ConfigError(f"validation_share {self.validation_share} must lie between 0 and 0.5")
        if self.rounds is None:
            return names, config.boosted
        if self.rounds < 1:
            raise ConfigError(f"rounds {self.rounds} must be 1 or more")
        return names, config.boosted.model_copy(update={"rounds": self.rounds})

    def _is_of_five(self) -> bool:
        return {str(name) for name in self.classes_} <= set(FIVE)

    def _codes(self) -> NDArray[np.int64]:
        """For each of `classes_` its code 0 to 4 in the trees, where 0 is the class apart."""
        if self._is_of_five() and len(self.classes_) > 1:
            return np.array([FIVE.index(str(name)) for name in self.classes_])
        if len(self.classes_) < 2:
            raise LabelError(f"two classes at least are needed; the labels hold one class: {self.classes_[0]}")
        if len(self.classes_) > len(FIVE):
            raise LabelError(f"{len(self.classes_)} classes; at most {len(FIVE)} can be told apart")
        names = [str(name) for name in self.classes_]
        apart = names.index("trivial") if "trivial" in names else 0
        rest = [code for code in range(len(self.classes_)) if code != apart]
        return np.argsort([apart, *rest])

    def _probabilities(self, crystals: Sequence[Crystal]) -> NDArray[np.float64]:
        """(n, 5) by code."""
        bundle: Bundle | None = vars(self).get("bundle_")
        if bundle is None:
            return self.trees_.predict(_table(crystals, self.modalities_, _processes(self.n_jobs)))
        parts = []
        for start in range(0, len(crystals), CHUNK):
            chunk = crystals[start : start + CHUNK]
            parts.append(bundle.predict_features([_features(bundle, start + i, c) for i, c in enumerate(chunk)]))
        return np.concatenate(parts)


def _processes(n_jobs: int | None) -> int:
    """Processes for scikit-learn's n_jobs: None is one, -1 one per core, -2 one fewer."""
    if n_jobs is None:
        return 1
    if n_jobs == 0:
        raise ValueError("n_jobs is None, a positive number, or -1 for one per core")
    return n_jobs if n_jobs > 0 else max((os.cpu_count() or 1) + 1 + n_jobs, 1)


def _crystals(structures: Iterable[StructureLike]) -> list[Crystal]:
    if is_one(structures):
        raise CrystalError("give a list of structures, not one structure: [structure]")
    if hasattr(structures, "tocsr"):
        raise CrystalError("a sparse matrix holds no structures: give a list of them")
    crystals = []
    for index, structure in enumerate(structures):
        try:
            crystals.append(as_crystal(structure))
        except CrystalError as error:
            raise CrystalError(f"structures[{index}]: {error}") from error
    if not crystals:
        raise CrystalError("no structures were given; at least one is needed")
    return crystals


def _features(bundle: Bundle, index: int, crystal: Crystal) -> Any:
    try:
        symmetric = analyse(crystal)
        if reason := odd_electrons(symmetric.primitive.numbers):
            raise CrystalError(f"{reason}; topofuse.predict gives it a row of its own")
        return bundle.extractor()(symmetric)
    except CrystalError as error:
        raise CrystalError(f"structures[{index}] ({reduced_formula(crystal.numbers)}): {error}") from error


def _early_stopping_rows(
    crystals: Sequence[Crystal], codes: NDArray[np.int64], share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows to train on, and to stop early on: no formula among both, every class among the first."""
    everything, none = np.arange(len(codes)), np.arange(0)
    formulas = [reduced_formula(crystal.numbers) for crystal in crystals]
    if share == 0 or len(set(formulas)) < MIN_FORMULAS:
        return everything, none
    held_out = grouped_holdout(formulas, codes, share, seed)
    if set(codes[~held_out]) != set(codes):  # a class of one formula: better to learn it than to stop on it
        return everything, none
    return everything[~held_out], everything[held_out]


_remembered: OrderedDict[tuple[tuple[str, ...], str], NDArray[np.float32]] = OrderedDict()


def _table(crystals: Sequence[Crystal], names: tuple[str, ...], n_jobs: int) -> NDArray[np.float32]:
    """Tables of the modalities `names` side by side, (n, f); `CrystalError` names the first that has none."""
    keys = [(names, crystal.content_hash()) for crystal in crystals]
    known = {key: _remembered[key] for key in keys if key in _remembered}
    absent = {key: index for index, key in reversed(list(enumerate(keys))) if key not in known}
    missing = sorted(absent.values())
    for index, row in zip(missing, rows_of([crystals[i] for i in missing], names, n_jobs), strict=True):
        if isinstance(row, str):
            raise CrystalError(f"structures[{index}] ({reduced_formula(crystals[index].numbers)}): {row}")
        known[keys[index]] = row
    for key, row in known.items():
        _remembered[key] = row
        _remembered.move_to_end(key)
    while len(_remembered) > REMEMBERED:
        _remembered.popitem(last=False)
    return np.concatenate([known[key] for key in keys])
