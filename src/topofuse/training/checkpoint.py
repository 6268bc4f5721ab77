"""Checkpoints without pickle: tensors in safetensors, everything else as JSON in the file's metadata."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from topofuse.errors import TopofuseError
from topofuse.system.files import write_whole

if TYPE_CHECKING:  # boosted trees need only the error
    from torch import Tensor
    from torch.optim import Optimizer


class CheckpointError(TopofuseError, RuntimeError):
    """A checkpoint is damaged or belongs to something else."""


def save_tensors(path: Path, tensors: dict[str, Tensor], info: dict[str, Any]) -> None:
    """Write tensors and JSON-able `info` as one safetensors file, whole or not at all."""
    from safetensors.torch import save

    cpu = {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}
    write_whole(path, save(cpu, metadata={"info": json.dumps(info)}))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_tensors` wrote; `CheckpointError` if the file is damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
            info = json.loads((file.metadata() or {})["info"])
    except (SafetensorError, KeyError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged ({error}); delete it to begin this job again") from error
    return tensors, info


def with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Keys `prefix + key`."""
    return {prefix + key: value for key, value in tensors.items()}


def without_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose keys start with `prefix`, which is taken off."""
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """The state of an optimiser as flat tensors `<parameter index>.<name>`."""
    import torch

    state = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": torch.as_tensor(value) for index, entry in state.items() for name, value in entry.items()
    }


def load_optimizer_tensors(optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` gave; the parameter groups stay those of `optimizer`."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
