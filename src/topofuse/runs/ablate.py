"""What each part of the strategy brings: leave it out, one at a time, and compare on rows nobody trained on.

For each evaluated fold, everything is trained on the other folds. The reference is one network with all
parts, predicting with test-time augmentation; a part's gain is the reference minus the same network without
it. K-fold, ensembling and the trees are gains of averaging over the single network (or the networks). A modality is
left out of the network, and of the trees, each against the same with all modalities.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topofuse.config import CommitteeConfig, Config, ConfigError, FusionConfig
from topofuse.ensemble.blending import OutOfFold, average
from topofuse.evaluation.bootstrap import bootstrap_intervals, paired_difference
from topofuse.modalities.store import FeatureStore
from topofuse.report import write_ablation_report
from topofuse.runs.folder import open_run
from topofuse.runs.jobs import NetworkJob, Settings, network_job, trees_job
from topofuse.runs.prepare import Prepared, prepare
from topofuse.runs.provenance import provenance
from topofuse.runs.train import Networks, for_trees, table_of, train_networks
from topofuse.system.files import null_undefined, write_json
from topofuse.training.inference import predict_views

Probabilities = NDArray[np.float64]


@dataclass(frozen=True)
class PartRow:
    """One row of the ablation: accuracy of `with_part` minus that of `without_part`."""

    name: str
    title: str
    expected_points: float | None
    with_part: str
    without_part: str
    note: str = ""


def part_rows(config: Config) -> list[PartRow]:
    """The rows of the ablation; the expected gains are the strategy note's."""
    rows = [
        PartRow(
            "capacity", "Capacity", 2.0, "reference", "capacity", "without: half the width, one layer of each kind"
        ),
        PartRow("cross_attention", "Cross-attention", 1.0, "reference", "cross_attention"),
        PartRow("cyclic", "Cyclic learning rate", 0.5, "reference", "cyclic", "without: constant maximum rate"),
        PartRow("mixup", "Mixup", 0.7, "reference", "mixup"),
        PartRow("tta", "Test-time augmentation", 0.5, "reference", "one_view", "without: the unperturbed view alone"),
        PartRow("label_smoothing", "Label smoothing", None, "reference", "label_smoothing"),
        PartRow("kfold", "K-fold", 0.8, "kfold", "reference", "networks of the inner folds averaged, over one network"),
        PartRow("ensemble", "Ensemble", 1.0, "ensemble", "reference", "diverse members averaged, over one network"),
        PartRow(
            "boosted", "Boosted trees in the blend", None, "super", "networks", "equal weights, over networks alone"
        ),
    ]
    if _committee(config) is not None:
        rows.append(
            PartRow("committee", "Committee network", None, "committee", "reference", "over the fusion network")
        )
    if len(config.modalities) > 1:
        rows += [
            PartRow(f"no_{name}", f"Modality: {name}", None, "reference", f"no_{name}") for name in config.modalities
        ]
        rows += [
            PartRow(f"trees_no_{name}", f"Modality in the trees: {name}", None, "trees", f"trees_no_{name}")
            for name in config.modalities
        ]
    return rows


def run(
    preset: str = "quick",
    data: str | Path | None = None,
    folds: int | None = None,
    only: Sequence[str] = (),
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
) -> Path:
    """Measure every part, or `only` those named, on the first `folds` folds (all if None); the path of `report.html`.

    Raises ConfigError (also for a part that does not exist), DatasetError.
    """
    opened = open_run("ablate", preset, data, out, resume=resume, progress=progress)
    parts = _chosen_parts(opened.config, only)
    needed = _with_ingredients({name for part in parts for name in (part.with_part, part.without_part)})
    prepared = prepare(opened)
    evaluated = prepared.rows.folds[:folds]
    networks = train_networks(prepared, [job for fold in evaluated for job in _jobs(prepared, fold, needed)])
    predictions = _out_of_fold(prepared, networks, evaluated, needed)
    content = _measured(prepared, predictions, evaluated, parts)
    write_json(opened.folder.path / "ablation.json", content)
    return write_ablation_report(opened.folder.path, content)


def _chosen_parts(config: Config, only: Sequence[str]) -> list[PartRow]:
    rows = part_rows(config)
    unknown = set(only) - {row.name for row in rows}
    if unknown:
        raise ConfigError(f"no part {sorted(unknown)[0]!r}; there are {', '.join(row.name for row in rows)}")
    return [row for row in rows if not only or row.name in only]


def _with_ingredients(needed: set[str]) -> set[str]:
    """The predictors that are compared, and those that they are averages of."""
    if needed & {"networks", "super"}:
        return needed | {"networks", "super", "kfold", "ensemble", "trees"}
    return needed


def _left_out(names: tuple[str, ...], prefix: str = "") -> dict[str, tuple[str, ...]]:
    """`PREFIXno_NAME` → the other modalities, for each of several modalities."""
    return {f"{prefix}no_{left}": tuple(n for n in names if n != left) for left in names if len(names) > 1}


def _committee(config: Config) -> Settings | None:
    """Settings of the first ensemble member that is a committee; None where there is none."""
    committees = ((m.network, m.training) for m in config.members if isinstance(m.network, CommitteeConfig))
    return next(committees, None)


def variants(config: Config) -> dict[str, tuple[Settings, tuple[str, ...]]]:
    """Settings and modalities of the reference, and of every network that lacks one part.

    Raises ConfigError where the preset's own network is a committee.
    """
    network, training, names = config.network, config.training, config.modalities
    if not isinstance(network, FusionConfig):
        raise ConfigError(
            "an ablation takes a fusion network apart, and this preset's network is a committee; "
            "give [network] the kind 'fusion' and make the committee a member"
        )
    heads = math.gcd(network.heads, network.width // 2)
    small = {"width": network.width // 2, "channels": max(network.channels // 2, 8), "heads": heads}
    shallow = {"graph_layers": 1, "table_layers": 1, "attention_layers": 1, "stages": 1}
    without: dict[str, Settings] = {
        "reference": (network, training),
        "capacity": (network.model_copy(update=small | shallow), training),
        "cross_attention": (network.model_copy(update={"cross_attention": False}), training),
        "cyclic": (network, training.model_copy(update={"schedule": "constant"})),
        "mixup": (network, training.model_copy(update={"mixup_alpha": 0.0})),
        "label_smoothing": (network, training.model_copy(update={"label_smoothing": 0.0})),
    }
    committee = _committee(config)
    if committee is not None:
        without["committee"] = committee
    out = {name: (settings, names) for name, settings in without.items()}
    return out | {name: ((network, training), rest) for name, rest in _left_out(names).items()}


def _jobs(prepared: Prepared, fold: int, needed: Set[str]) -> list[NetworkJob]:
    """The networks that are trained without `fold`, as far as needed; the same seed for reference and variants."""
    config, rows = prepared.config, prepared.rows
    seed = 100_000 * config.seed + 10 * fold
    outside, names = rows.outside(fold), config.modalities
    jobs = [
        network_job(name, fold, rows, outside, settings, modalities, seed)
        for name, (settings, modalities) in variants(config).items()
        if name in needed
    ]
    own = (config.network, config.training)
    for inner in rows.folds:
        if inner != fold and "kfold" in needed:
            available = np.intersect1d(outside, rows.outside(inner))
            jobs.append(network_job("inner", fold, rows, available, own, names, seed + inner, inner))
    for index, member in enumerate(config.members if "ensemble" in needed else ()):
        settings = (member.network, member.training)
        jobs.append(network_job("member", fold, rows, outside, settings, names, seed + 1000 * (index + 1), index))
    return jobs


def _out_of_fold(
    prepared: Prepared, networks: Networks, folds: Sequence[int], needed: Set[str]
) -> dict[str, Probabilities]:
    """Probabilities of every needed predictor on the rows of all `folds`, in ascending order."""
    out: dict[str, OutOfFold] = {}
    for fold in folds:
        for name, p in _predictions(prepared, networks, fold, needed).items():
            out.setdefault(name, OutOfFold(len(prepared.rows.labels))).fill(prepared.rows.inside(fold), p)
    return {name: values.complete(_evaluated(prepared, folds)) for name, values in out.items()}


def _evaluated(prepared: Prepared, folds: Sequence[int]) -> NDArray[np.int64]:
    return np.flatnonzero(np.isin(prepared.rows.fold, folds))


def _predictions(prepared: Prepared, networks: Networks, fold: int, needed: Set[str]) -> dict[str, Probabilities]:
    """Probabilities of every needed predictor on the rows of `fold`."""
    config, views = prepared.config, prepared.views
    inside = prepared.rows.inside(fold)

    def by(family: str, stores: Sequence[FeatureStore] = views) -> Probabilities:
        members = [n.network for job, n in networks.items() if (job.family, job.fold) == (family, fold)]
        return average([predict_views(network, stores, inside) for network in members])

    out = {name: by(name) for name in variants(config) if name in needed}
    if "one_view" in needed:
        out["one_view"] = by("reference", views[:1])
    if "kfold" in needed:
        out["kfold"] = by("inner")
    if "ensemble" in needed:
        out["ensemble"] = by("member")
    for name, modalities in {"trees": config.modalities, **_left_out(config.modalities, "trees_")}.items():
        if name in needed:
            out[name] = _trees(prepared, fold, modalities, name)
    if "super" in needed:
        out["networks"] = average([out["kfold"], out["ensemble"]])
        out["super"] = average([out["networks"], out["trees"]])
    return out


def _trees(prepared: Prepared, fold: int, modalities: tuple[str, ...], family: str) -> Probabilities:
    """Probabilities of the rows of `fold` by trees on the tables of `modalities`, fitted on the other folds."""
    config = prepared.config.model_copy(update={"modalities": modalities})
    rows, own = prepared.rows, (config.network, config.training)
    like = network_job(family, fold, rows, rows.outside(fold), own, modalities, seed=fold)
    job = trees_job(family, config, like)
    (p,) = for_trees(
        prepared,
        [job],
        prepared.folder.path,
        f"{family}, fold {fold}",
        lambda _, trees: trees.predict(table_of(prepared, job)[rows.inside(fold)]),
    )
    return p


def _measured(
    prepared: Prepared, p: Mapping[str, Probabilities], folds: Sequence[int], parts: Sequence[PartRow]
) -> dict[str, Any]:
    """ablation.json: paired differences in points, with bootstrap intervals over formulas."""
    config, rows = prepared.config, prepared.rows
    members = _evaluated(prepared, folds)
    labels, groups = rows.labels[members], rows.formulas[members]

    def gain(row: PartRow, level: str, metric: str) -> dict[str, float | None]:
        difference = paired_difference(
            labels, p[row.with_part], p[row.without_part], groups, level, metric, config.bootstrap, config.seed
        )
        points: dict[str, float | None] = null_undefined({key: 100.0 * value for key, value in difference.items()})
        return points

    # where only parts of the trees are measured, these are what the parts are left out of
    whole = p["reference"] if "reference" in p else p[parts[0].with_part]
    scored = bootstrap_intervals(labels, whole, groups, config.bootstrap, config.seed)
    return {
        **provenance(config, prepared.data),
        "title": f"What each part of the strategy brings, on {prepared.data.name}",
        "subtitle": f"Ablation with the preset {config.preset}",
        "protocol": (
            f"Each part is left out alone. Evaluated on {len(members)} materials of {len(folds)} of the pool's "
            f"{len(rows.folds)} folds, by networks trained on the other folds; the test split is not touched. "
            "Gains are paired differences in points with bootstrap 95 % intervals over formulas; the intervals do not "
            "include the chance of one training against another of the same settings, unless several folds are run. "
            "The tree row compares the mean of networks and trees with the networks alone."
        ),
        "reference": null_undefined(scored),
        "rows": [
            {
                "name": row.name,
                "title": row.title,
                "expected_points": row.expected_points,
                "gain": gain(row, "two", "accuracy"),
                "five_gain": gain(row, "five", "accuracy"),
                "auroc_gain": gain(row, "two", "auroc"),
                "note": row.note,
            }
            for row in parts
        ],
    }
