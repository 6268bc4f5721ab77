"""A network of a bundle as ONNX: named inputs, one per array of features, and the five probabilities.

Torch's exporter knows no ONNX form of two operations of our networks; they are given here. `searchsorted` is a binary
search by `GatherElements`, eight steps for 129 quantiles, `bincount` a `ScatterElements` that adds.
"""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from topofuse.ensemble.bundle import Bundle, open_bundle
from topofuse.export.source import ExportError
from topofuse.fusion.build import Network
from topofuse.labels import FIVE
from topofuse.modalities.extraction import extract_all
from topofuse.modalities.registry import feature_hash, modality
from topofuse.modalities.store import Batch, FeatureStore
from topofuse.runs.provenance import versions
from topofuse.system.files import write_whole
from topofuse.training.inference import predict, torch_network

OPSET = 18  # the least in which ScatterElements can add
OUTPUT = "probabilities"
TOLERANCE = 1e-4  # of a probability, between torch and onnxruntime
_EXAMPLES = 8  # crystals that the export is traced with and compared on


def export_network(model: str, path: Path, member: str | None = None) -> str:
    """Write a network of the bundle `model` to `path` (.onnx); returns a sentence on what was written.

    model: 'full', 'fast', or a folder; member: 'FAMILY/INDEX' as in `members`, None is the first

    Input `MODALITY.ARRAY` is that array of a batch (`FeatureStore.batch`); the number of crystals, and of nodes and
    edges in their graphs, is free. Output `probabilities` is (batch, 5), in the order of the metadata's `classes`.
    The file is run by onnxruntime before it is written: `ExportError` where its answers differ by more than 1e-4, or
    where there is no such network. Trees are not exported.
    """
    if path.suffix.lower() != ".onnx":
        raise ExportError(f"{path}: the name of an ONNX file ends in .onnx")
    bundle = open_bundle(model)
    networks = members(bundle)
    if not networks:
        raise ExportError(f"the bundle {model} holds trees alone, and only networks can be written as ONNX")
    member = member or next(iter(networks))
    if member not in networks:
        raise ExportError(f"no network {member!r} in the bundle {model}; there are {', '.join(networks)}")
    network, store = networks[member], _examples(bundle.config.modalities)
    content = onnx_bytes(network, store, {"member": member, "bundle": bundle.identity})
    difference = float(np.abs(run_onnx(content, store, network) - predict(network, store, np.arange(len(store)))).max())
    if not difference <= TOLERANCE:
        raise ExportError(f"the ONNX form of {member} differs from the network by {difference:.2g}: not written")
    write_whole(path, content)
    return f"{member} of {model}: opset {OPSET}, within {difference:.1g} of torch on {len(store)} crystals, in {path}"


def members(bundle: Bundle) -> dict[str, Network]:
    """The networks of a bundle by 'FAMILY/INDEX'."""
    return {
        f"{family}/{i}": torch_network(predictor)
        for family, predictors in bundle.networks.items()
        for i, predictor in enumerate(predictors)
    }


def onnx_bytes(network: Network, store: FeatureStore, about: Mapping[str, str]) -> bytes:
    """The ONNX file of a network; `store` holds the crystals that it is traced with, two or more.

    Its metadata: `classes`, `columns` (input → names, JSON), `features` (hash of the definition), `versions`, `about`.
    """
    import onnx

    batch = store.batch(np.arange(len(store)), network.tables_only)
    inputs = flat(batch)
    sizes: dict[str, Any] = {}
    with _quietly():
        program = torch.onnx.export(
            _Flat(network, list(inputs)).eval(),
            tuple(inputs.values()),
            input_names=list(inputs),
            output_names=[OUTPUT],
            opset_version=OPSET,
            dynamo=True,
            dynamic_shapes={"arrays": tuple({0: _size(name, sizes)} for name in inputs)},
            custom_translation_table={
                torch.ops.aten.searchsorted.Tensor: _searchsorted,
                torch.ops.aten.bincount.default: _bincount,
            },
            verbose=False,
        )
    assert program is not None  # with dynamo=True it never is
    proto = program.model_proto
    columns = {f"{name}.table": list(modality(name).table_names) for name in network.names}
    metadata = {"classes": list(FIVE), "columns": columns, "versions": {**versions(), "opset": OPSET}}
    texts = {key: json.dumps(value) for key, value in metadata.items()}
    onnx.helper.set_model_props(proto, {**texts, "features": feature_hash(tuple(network.names)), **about})
    onnx.checker.check_model(proto)
    stream = io.BytesIO()
    onnx.save_model(proto, stream)
    return stream.getvalue()


def run_onnx(content: bytes, store: FeatureStore, network: Network) -> NDArray[np.float32]:
    """(n, 5) probabilities of the crystals of `store` by onnxruntime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    batch = flat(store.batch(np.arange(len(store)), network.tables_only))
    (out,) = session.run([OUTPUT], {name: tensor.numpy() for name, tensor in batch.items()})
    return np.asarray(out)


def flat(batch: Batch) -> dict[str, Tensor]:
    """The arrays of a batch by 'MODALITY.ARRAY'."""
    return {f"{name}.{key}": tensor for name, part in batch.items() for key, tensor in part.items()}


class _Flat(nn.Module):
    """The network as a function of arrays in a row."""

    def __init__(self, network: Network, names: list[str]) -> None:
        super().__init__()
        self.network = network
        self.names = [name.split(".", 1) for name in names]

    def forward(self, *arrays: Tensor) -> Tensor:
        """(b, 5) probabilities."""
        batch: Batch = {}
        for (name, key), array in zip(self.names, arrays, strict=True):
            batch.setdefault(name, {})[key] = array
        probabilities: Tensor = self.network(batch).probabilities()
        return probabilities


def _size(name: str, sizes: dict[str, Any]) -> Any:
    """The free first dimension of an input: the batch, or the rows of its group of arrays."""
    group = ".".join(name.split(".")[:2])
    key = "batch" if group.endswith(".table") else group.replace(".", "_")
    return sizes.setdefault(key, torch.export.Dim(key))


def _examples(names: tuple[str, ...]) -> FeatureStore:
    """Textbook crystals of various sizes."""
    from topofuse.materials.textbook import iter_textbook

    crystals = [material.crystal for material in islice(iter_textbook(), 0, None, 100)][:_EXAMPLES]
    return extract_all(crystals, workers=0, names=names).views[0]


def _searchsorted(
    sorted_sequence: Any,
    values: Any,
    out_int32: bool = False,  # noqa: ARG001 - torch passes it
    right: bool = False,
    side: Any = None,  # noqa: ARG001
    sorter: Any = None,  # noqa: ARG001
) -> Any:
    """How many of the n entries of each row of `sorted_sequence` (m, n) lie below each of `values` (m, k).

    With `right`, those that equal it count too. NaN counts none, where torch counts all: our networks map both to 0.
    """
    from onnxscript import opset18

    op: Any = opset18  # its types know tensors, not the symbols of a trace

    n = int(sorted_sequence.shape[-1])
    rank = op.Expand(op.Constant(value_int=0), op.Shape(values))
    for exponent in reversed(range(n.bit_length())):
        tried = op.Add(rank, op.Constant(value_int=2**exponent))
        place = op.Min(op.Sub(tried, op.Constant(value_int=1)), op.Constant(value_int=n - 1))
        entry = op.GatherElements(sorted_sequence, place, axis=1)
        below = op.LessOrEqual(entry, values) if right else op.Less(entry, values)
        rank = op.Where(op.And(op.LessOrEqual(tried, op.Constant(value_int=n)), below), tried, rank)
    return rank


def _bincount(index: Any, weights: Any = None, minlength: Any = 0) -> Any:  # noqa: ARG001
    """How often each of 0 to `minlength` - 1 occurs; our networks have no larger ones, and no weights."""
    from onnxscript import opset18

    op: Any = opset18  # its types know tensors, not the symbols of a trace

    one = op.Constant(value_ints=[1])
    nothing = op.Expand(op.Constant(value_ints=[0]), op.Reshape(minlength, one))
    return op.ScatterElements(nothing, index, op.Expand(one, op.Shape(index)), axis=0, reduction="add")


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the exporter's remarks to its own programmers."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="# The axis name", category=UserWarning)
            warnings.filterwarnings("ignore", message=".*LeafSpec", category=FutureWarning)
            yield
    finally:
        logging.disable(before)
