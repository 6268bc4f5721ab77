"""Configuration: one frozen, typed object, read from a preset and checked key by key."""

from __future__ import annotations

import difflib
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from topofuse.errors import TopofuseError
from topofuse.modalities.registry import MODALITY_NAMES


class ConfigError(TopofuseError, ValueError):
    """A configuration that cannot be used; the message says which key, and what is allowed."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NetworkConfig(_Frozen):
    """Architecture, sizes and regularisation of one network.

    kind 'fusion': encoders, attention and stages; 'committee': a perceptron of `stages` layers on the tables alone,
    with `committee` members that share its matrices. Settings of the other kind are ignored.
    """

    kind: Literal["fusion", "committee"] = "fusion"
    committee: int = Field(8, ge=1, description="members of a committee")
    width: int = Field(512, ge=8, description="width of every encoder and of the fusion")
    channels: int = Field(128, ge=8, description="node channels inside the graph encoders")
    graph_layers: int = Field(3, ge=1)
    table_layers: int = Field(2, ge=0)
    heads: int = Field(8, ge=1)
    attention_layers: int = Field(2, ge=0, description="self-attention layers over the modalities")
    cross_attention: bool = True
    stages: int = Field(3, ge=0, description="residual stages after the attention")
    dropout: float = Field(0.3, ge=0, lt=1)
    modality_dropout: float = Field(0.3, ge=0, lt=1, description="chance that training leaves a modality out")
    edge_dropout: float = Field(0.15, ge=0, lt=1)
    distance_noise: float = Field(0.05, ge=0, description="Å, on bond lengths in training")

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        return self


class TrainingConfig(_Frozen):
    """How one network is trained."""

    epochs: int = Field(ge=1)
    batch_size: int = Field(128, ge=2)
    schedule: Literal["cyclic", "constant"] = "cyclic"
    min_lr: float = Field(1e-5, gt=0)
    max_lr: float = Field(1e-3, gt=0)
    warmup_epochs: int = Field(2, ge=0)
    cycle_epochs: int = Field(6, ge=1)
    weight_decay: float = Field(0.05, ge=0)
    mixup_alpha: float = Field(0.2, ge=0, description="0 switches mixup off")
    label_smoothing: float = Field(0.2, ge=0, lt=1)
    patience: int = Field(100, ge=1, description="epochs without a better validation loss before stopping")
    validation_share: float = Field(0.1, gt=0, lt=0.5, description="of the training rows, grouped by formula")
    subset_share: float = Field(1.0, gt=0, le=1, description="of the training rows that the network sees")
    gradient_clip: float = Field(1.0, gt=0)


class BoostedConfig(_Frozen):
    """The boosted trees (LightGBM)."""

    rounds: int = Field(1500, ge=1)
    learning_rate: float = Field(0.03, gt=0)
    leaves: int = Field(40, ge=2)
    min_leaf: int = Field(20, ge=1)
    feature_share: float = Field(0.2, gt=0, le=1)
    row_share: float = Field(0.8, gt=0, le=1)
    l2: float = Field(5.0, ge=0)
    patience: int = Field(100, ge=1)
    seeds: int = Field(1, ge=1, description="models averaged per fold")
    extra_feature_share: float = Field(
        0.0, ge=0, le=1, description="every second seed: extremely randomised thresholds, features per tree; 0: none"
    )


class Config(_Frozen):
    """Everything that decides a run's numbers, besides the data."""

    preset: str
    seed: int = 0
    modalities: tuple[str, ...] = MODALITY_NAMES
    network: NetworkConfig
    training: TrainingConfig
    fast_modalities: tuple[str, ...] = Field(
        MODALITY_NAMES, description="modalities of the fast bundle, which is thrifty"
    )
    thrifty: bool = Field(False, description="do without a modality where it takes long for a crystal")
    members: tuple[dict[str, dict[str, Any]], ...] = Field(
        min_length=1, description="per ensemble member: {'network': {...}, 'training': {...}} overrides"
    )
    boosted: BoostedConfig
    tta_views: int = Field(5, ge=1)
    bootstrap: int = Field(1000, ge=100)
    threads: int = Field(2, ge=1)

    @model_validator(mode="after")
    def _members_are_valid(self) -> Self:
        for index in range(len(self.members)):
            self.member(index)
        return self

    def member(self, index: int) -> tuple[NetworkConfig, TrainingConfig]:
        """Network and training settings of ensemble member `index`."""
        override = self.members[index]
        unknown = set(override) - {"network", "training"}
        if unknown:
            raise ValueError(f"member {index}: unknown section {sorted(unknown)[0]!r}; use network, training")
        return (
            NetworkConfig(**{**self.network.model_dump(), **override.get("network", {})}),
            TrainingConfig(**{**self.training.model_dump(), **override.get("training", {})}),
        )


def preset_names() -> list[str]:
    """Names of the presets that the package carries."""
    return sorted(
        p.name.removesuffix(".toml") for p in resources.files("topofuse.presets").iterdir() if p.name.endswith(".toml")
    )


def load_config(preset: str, **overrides: Any) -> Config:
    """The preset called `preset`, or a TOML file at that path, with top-level overrides.

    Raises `ConfigError` naming an unknown preset or key, a wrong value, and what is allowed.
    """
    if preset in preset_names():
        text = (resources.files("topofuse.presets") / f"{preset}.toml").read_text()
    elif Path(preset).is_file():
        text = Path(preset).read_text()
    else:
        raise ConfigError(f"no preset '{preset}'; there are {', '.join(preset_names())}, or give a TOML file")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{preset} is not valid TOML: {error}") from error
    return parse_config(
        {"preset": Path(preset).stem, **values, **{k: v for k, v in overrides.items() if v is not None}}
    )


def parse_config(values: dict[str, Any]) -> Config:
    """Check `values` and build a `Config`; `ConfigError` for the first thing that is wrong."""
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_explain(error)) from error


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "configuration"
    if first["type"] == "extra_forbidden":
        key = str(first["loc"][-1])
        known = {f for model in (Config, NetworkConfig, TrainingConfig, BoostedConfig) for f in model.model_fields}
        close = difflib.get_close_matches(key, known, n=1)
        return f"unknown setting '{where}'" + (f"; did you mean '{close[0]}'?" if close else "")
    return f"setting '{where}': {first['msg']}"
