"""A model bundle on disk: networks and trees as arrays in safetensors, everything else in JSON.

    bundle.json           configuration, weights, versions, hashes, checksum of every other file and its own
    networks/NAME.safetensors
    trees/FOLD.safetensors
    trust.safetensors     with the block `trust` of bundle.json: calibration, prediction sets
    reference.safetensors with the block `reference`: the training materials, for novelty and neighbours

Loading unpickles nothing, refuses a file in which any byte changed, and refuses another feature definition. Trees and
committee networks are computed with numpy; only a fusion network asks for torch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save as save_arrays

from topofuse.config import CommitteeConfig, Config, NetworkConfig, parse_config, parse_network
from topofuse.crystals import SymmetricCrystal
from topofuse.ensemble import foreign
from topofuse.ensemble.blending import average, blend
from topofuse.ensemble.boosted import BoostedTrees
from topofuse.errors import TopofuseError
from topofuse.fusion.frozen import FrozenCommittee, Predictor
from topofuse.modalities.extraction import extract_views
from topofuse.modalities.registry import feature_hash, table_columns
from topofuse.modalities.store import FeatureStore, Sample
from topofuse.system.extras import MissingLibraryError, require
from topofuse.system.files import write_whole
from topofuse.trust.novelty import TrainingMaterials
from topofuse.trust.trust import Assessment, Trust

if TYPE_CHECKING:  # for training alone
    from torch import Tensor

    from topofuse.fusion.build import Network

FORMAT = 4  # 1 carried no trust, 2 no labels for the prediction sets, 3 trees as LightGBM's text
_TRUST, _REFERENCE = "trust.safetensors", "reference.safetensors"
CARRIED = ("full", "fast")  # folders in src/topofuse/pretrained


class BundleError(TopofuseError, RuntimeError):
    """A bundle that cannot be used; the message says why and what to do."""


@dataclass(frozen=True, eq=False)
class Bundle:
    """A super ensemble ready to predict.

    networks: family ('kfold', 'ensemble', 'full') → its networks
    trees: boosted trees, one per fold
    weights: family → weight in the blend; families of weight zero need not be present
    trust: calibrates the blend, and says how far to believe it
    info: provenance (versions, hashes, metrics), as in bundle.json
    identity: checksum of the whole; no other bundle has it
    reference: the training materials, for novelty, neighbours and domain; None leaves these columns empty
    """

    config: Config
    networks: Mapping[str, Sequence[Predictor]]
    trees: Sequence[BoostedTrees]
    weights: Mapping[str, float]
    trust: Trust
    info: Mapping[str, Any]
    identity: str
    reference: TrainingMaterials | None = None

    def predict_proba(self, crystals: Sequence[SymmetricCrystal]) -> NDArray[np.float64]:
        """(n, 5) calibrated probabilities of the five classes."""
        extract = self.extractor()
        return self.predict_features([extract(crystal) for crystal in crystals])

    def extractor(self) -> Callable[[SymmetricCrystal], list[Sample]]:
        """What makes the features of one crystal, one sample per view; it can be sent to another process."""
        networks = [network for members in self.networks.values() for network in members]
        return partial(
            extract_views,
            n_views=self.config.tta_views if networks else 1,
            seed=self.config.seed,
            names=self.config.modalities,
            tables_only=all(network.tables_only for network in networks),  # less to send, less to join
            skip_costly=self.config.skip_costly,
        )

    def predict_features(self, features: Sequence[list[Sample]]) -> NDArray[np.float64]:
        """(n, 5) calibrated probabilities from what the extractor made of n crystals."""
        return self.predict_stores(_stores(features))

    def assess(self, features: Sequence[list[Sample]]) -> Assessment:
        """Calibrated probabilities with all that is said of how far to believe them."""
        views = _stores(features)
        assessment = self.trust.assess(self.raw_stores(views))
        further = {} if self.reference is None else self.reference.columns(views[0])
        return Assessment(assessment.probabilities, {**assessment.columns, **further})

    def predict_stores(
        self, views: Sequence[FeatureStore], rows: NDArray[np.integer] | None = None
    ) -> NDArray[np.float64]:
        """(n, 5) calibrated probabilities from extracted features, a store per view; of all crystals, or of `rows`."""
        return self.trust.temperatures.apply(self.raw_stores(views, rows))

    def raw_stores(self, views: Sequence[FeatureStore], rows: NDArray[np.integer] | None = None) -> NDArray[np.float64]:
        """(n, 5) the blend's own probabilities, before calibration; arguments as of `predict_stores`."""
        views = [view.without_costly() for view in views] if self.config.skip_costly else views
        rows = np.arange(len(views[0])) if rows is None else rows
        families = {
            name: average([network.predict(view, rows) for network in networks for view in views])
            for name, networks in self.networks.items()
            if networks
        }
        if self.trees:
            table = views[0].table(self.config.modalities)[rows]
            families["boosted"] = average([trees.predict(table) for trees in self.trees])
        return blend(families, self.weights)


def _stores(features: Sequence[list[Sample]]) -> list[FeatureStore]:
    return [FeatureStore.from_samples(view) for view in zip(*features, strict=True)]


def save_bundle(
    directory: Path,
    config: Config,
    networks: Mapping[str, Mapping[str, tuple[NetworkConfig, Network]]],
    trees: Sequence[BoostedTrees],
    weights: Mapping[str, float],
    trust: Trust,
    info: Mapping[str, Any],
    reference: TrainingMaterials | None = None,
) -> None:
    """Write a bundle; `networks` maps family → name → (its settings, the network). `bundle.json` comes last."""
    from safetensors.torch import save as save_safetensors

    checksums: dict[str, str] = {}

    def put(name: str, content: bytes) -> None:
        write_whole(directory / name, content)
        checksums[name] = hashlib.sha256(content).hexdigest()

    described: list[dict[str, Any]] = []
    for family, members in networks.items():
        for name, (settings, network) in members.items():
            file = f"networks/{name.replace('/', '-')}.safetensors"
            put(file, save_safetensors(_compact(network)))
            described.append({"family": family, "file": file, "network": settings.model_dump()})
    forests = [f"trees/{index}.safetensors" for index in range(len(trees))]
    for file, forest in zip(forests, trees, strict=True):
        put(file, forest.content())
    put(_TRUST, save_arrays(trust.tensors()))
    if reference is not None:
        put(_REFERENCE, save_arrays(reference.tensors()))
    manifest = {
        "format": FORMAT,
        "features": feature_hash(config.modalities),
        "config": config.model_dump(mode="json"),
        "weights": dict(weights),
        "networks": described,
        "trees": forests,
        "trust": trust.described(),
        "reference": None if reference is None else reference.described(),
        "checksums": checksums,
        "info": dict(info),
    }
    write_whole(directory / "bundle.json", sealed(manifest))


def load_bundle(directory: Path) -> Bundle:
    """Read a bundle; `BundleError` says what is wrong with it and what to do."""
    manifest = _manifest(directory)
    try:
        return _assemble(directory, manifest)
    except BundleError:
        raise
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, RuntimeError) as error:
        # a part is missing, or is not what the files hold (load_state_dict raises RuntimeError)
        reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        path = directory / "bundle.json"
        raise BundleError(f"{path} is damaged ({reason}); make the bundle again with `topofuse run`") from error


def _assemble(directory: Path, manifest: dict[str, Any]) -> Bundle:
    config = parse_config(manifest["config"])
    networks: dict[str, list[Predictor]] = {}
    for entry in manifest["networks"]:
        tensors = foreign.arrays(_read(directory, entry["file"], manifest))
        network = _restored(directory, config.modalities, parse_network(entry["network"]), tensors)
        networks.setdefault(entry["family"], []).append(network)
    columns = len(table_columns(config.modalities))
    trees = [BoostedTrees.restore(_read(directory, file, manifest), columns) for file in manifest["trees"]]
    for forest in (forest for one in trees for forest in (*one.binary, *one.kind)):
        foreign.check_forest(forest)
    trust = Trust.restore(manifest["trust"], foreign.arrays(_read(directory, _TRUST, manifest)))
    foreign.check_trust(trust)
    reference = None
    if manifest.get("reference") is not None:
        reference = TrainingMaterials.restore(
            manifest["reference"], foreign.arrays(_read(directory, _REFERENCE, manifest))
        )
        foreign.check_reference(reference)
    weights, info = manifest["weights"], manifest["info"]
    foreign.check_weights(weights, [*networks, *(["boosted"] if trees else [])])
    return Bundle(config, networks, trees, weights, trust, info, manifest["checksum"], reference)


def _restored(
    directory: Path, names: tuple[str, ...], settings: NetworkConfig, tensors: Mapping[str, NDArray[Any]]
) -> Predictor:
    if isinstance(settings, CommitteeConfig):
        return FrozenCommittee.restore(names, settings, tensors)
    try:
        require(f"the fusion network of the bundle {directory}", "train", "torch")
    except MissingLibraryError as error:
        raise BundleError(str(error)) from error
    from topofuse.training.inference import restore_fusion

    return restore_fusion(names, settings, tensors)


def open_bundle(model: str | Path = "full") -> Bundle:
    """A bundle that the package carries, `full` or `fast`, or the one in the folder `model`."""
    if str(model) not in CARRIED:
        return load_bundle(Path(model))
    with resources.as_file(resources.files("topofuse") / "pretrained" / str(model)) as directory:
        if not (directory / "bundle.json").exists():
            raise BundleError(
                f"this build carries no pretrained model {str(model)!r}; give --model DIR, made by `topofuse run`"
            )
        return load_bundle(directory)


def kept_bundle(model: str) -> Bundle:
    """`open_bundle`, whose two latest answers stay in memory; a folder is read again where its bundle.json changed."""
    if model in CARRIED:
        return _kept(model, None)
    path = Path(model).resolve()
    try:
        stat = (path / "bundle.json").stat()
    except OSError:
        return open_bundle(model)  # which says what is wrong
    return _kept(str(path), (stat.st_ino, stat.st_size, stat.st_mtime_ns))


@lru_cache(maxsize=2)
def _kept(model: str, _stamp: tuple[int, int, int] | None) -> Bundle:
    return open_bundle(model)


def _manifest(directory: Path) -> dict[str, Any]:
    path = directory / "bundle.json"
    if not path.exists():
        raise BundleError(f"{directory} is no model bundle: it holds no bundle.json; `topofuse run` makes one")
    again = "make the bundle again with `topofuse run`"
    try:
        content = foreign.read_file(directory, path.name, foreign.MAX_DESCRIPTION)
        manifest: dict[str, Any] = json.loads(content)
        layout, features = manifest["format"], manifest["features"]
        modalities = tuple(manifest["config"]["modalities"])
    except OSError as error:
        raise BundleError(f"{path} cannot be read ({error.strerror}); links are not followed") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BundleError(f"{path} is damaged ({error!r}); copy it again, or {again}") from error
    if layout != FORMAT:
        raise BundleError(
            f"{path} has format {layout}, this version reads {FORMAT}; {again} "
            "(with --resume on the folder of its run, nothing is trained again)"
        )
    if "checksum" not in manifest:
        raise BundleError(f"{path} has no checksum of its own, so damage would go unseen; {again}")
    if content != sealed({key: value for key, value in manifest.items() if key != "checksum"}):
        raise BundleError(f"{path} does not match its checksum: it was changed or damaged; copy it again, or {again}")
    try:
        foreign.check_described(manifest)
    except (LookupError, TypeError, ValueError) as error:
        raise BundleError(f"{path} is damaged ({error!r}); copy it again, or {again}") from error
    if features != feature_hash(modalities):
        raise BundleError(
            f"{path} was trained on feature definition {features}, this version has {feature_hash(modalities)}; "
            "train again with this version, or install the version that made it (see bundle.json, info.versions)"
        )
    return manifest


def sealed(manifest: Mapping[str, Any]) -> bytes:
    """The text of bundle.json: `manifest`, and as its last entry the SHA-256 of the same text without that entry.

    A file is intact if its entries give its bytes again; so a change that JSON would not notice is seen too.
    """
    text = json.dumps(manifest, indent=1, allow_nan=False)
    whole = {**manifest, "checksum": hashlib.sha256(text.encode()).hexdigest()}
    return (json.dumps(whole, indent=1, allow_nan=False) + "\n").encode()


def _read(directory: Path, file: str, manifest: dict[str, Any]) -> bytes:
    try:
        content = foreign.read_file(directory, file)
    except OSError as error:
        raise BundleError(f"the bundle lacks {directory / file} ({error.strerror}); make the bundle again") from error
    if hashlib.sha256(content).hexdigest() != manifest["checksums"].get(file):
        raise BundleError(f"{directory / file} does not match its checksum: it was changed or damaged; copy it again")
    return content


def _compact(network: Network) -> dict[str, Tensor]:
    """Weight matrices in half precision (they are applied in single); the rest, quantiles above all, as it is."""
    matrices = {key for key, value in network.named_parameters() if value.ndim >= 2}
    return {
        key: (value.half() if key in matrices else value).cpu().contiguous().clone()
        for key, value in network.state_dict().items()
    }
