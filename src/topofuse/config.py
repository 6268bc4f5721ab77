"""Configuration: one frozen, typed object, read from a preset and checked key by key."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from topofuse.errors import TopofuseError
from topofuse.modalities.registry import MODALITY_NAMES


class ConfigError(TopofuseError, ValueError):
    """A configuration that cannot be used; the message says which key, and what is allowed."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FusionConfig(_Frozen):
    """A fusion network: an encoder per modality, attention between and over them, stages, classifier."""

    kind: Literal["fusion"] = "fusion"
    width: int = Field(512, ge=8, le=8192, description="width of every encoder and of the fusion")
    channels: int = Field(128, ge=8, le=8192, description="node channels inside the graph encoders")
    graph_layers: int = Field(3, ge=1, le=64)
    table_layers: int = Field(2, ge=0, le=64)
    heads: int = Field(8, ge=1, le=512)
    attention_layers: int = Field(2, ge=0, le=64, description="self-attention layers over the modalities")
    cross_attention: bool = True
    stages: int = Field(3, ge=0, le=64, description="residual stages after the attention")
    dropout: float = Field(0.3, ge=0, lt=1)
    modality_dropout: float = Field(0.3, ge=0, lt=1, description="chance that training leaves a modality out")
    edge_dropout: float = Field(0.15, ge=0, lt=1)
    distance_noise: float = Field(0.05, ge=0, description="Å, on bond lengths in training")

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        return self


class CommitteeConfig(_Frozen):
    """A committee network: a perceptron on the tables alone, `committee` members that share its matrices."""

    kind: Literal["committee"] = "committee"
    committee: int = Field(8, ge=1, le=1024, description="members of the committee")
    width: int = Field(512, ge=8, le=8192, description="width of every layer")
    stages: int = Field(3, ge=0, le=64, description="layers of the perceptron")
    dropout: float = Field(0.3, ge=0, lt=1)
    modality_dropout: float = Field(0.3, ge=0, lt=1, description="chance that training leaves a modality out")


KINDS: dict[str, type[FusionConfig] | type[CommitteeConfig]] = {"fusion": FusionConfig, "committee": CommitteeConfig}


def _kind(settings: Any) -> Any:
    return settings.get("kind", "fusion") if isinstance(settings, Mapping) else getattr(settings, "kind", None)


NetworkConfig = Annotated[
    Annotated[FusionConfig, Tag("fusion")] | Annotated[CommitteeConfig, Tag("committee")],
    Discriminator(
        _kind, custom_error_type="kind", custom_error_message=f"the kind of a network is one of {', '.join(KINDS)}"
    ),
]


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


class MemberConfig(_Frozen):
    """One ensemble member. A preset writes down only what differs from its own `network` and `training`."""

    network: NetworkConfig
    training: TrainingConfig


class Config(_Frozen):
    """Everything that decides a run's numbers, besides the data."""

    preset: str
    seed: int = 0
    modalities: tuple[str, ...] = Field(MODALITY_NAMES, min_length=1)
    network: NetworkConfig
    training: TrainingConfig
    fast_modalities: tuple[str, ...] = Field(
        MODALITY_NAMES, description="modalities of the fast bundle, which skips costly ones"
    )
    skip_costly: bool = Field(False, description="leave a modality out for crystals for which it takes long")
    members: tuple[MemberConfig, ...] = Field(min_length=1, description="the ensemble's members, in full")
    boosted: BoostedConfig
    tta_views: int = Field(5, ge=1, le=100)
    bootstrap: int = Field(1000, ge=100)
    threads: int = Field(2, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _fill_in_members(cls, values: Any) -> Any:
        """Give every member the settings that it does not name."""
        if not isinstance(values, Mapping) or not isinstance(values.get("members"), list | tuple):
            return values
        own = [_filled_in(member, values) for member in values["members"]]
        return {**values, "members": own}

    @field_validator("modalities", "fast_modalities")
    @classmethod
    def _modalities_exist(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in MODALITY_NAMES:
                raise ValueError(f"there is no modality {name!r}; there are {', '.join(MODALITY_NAMES)}")
        if len(set(names)) < len(names):
            raise ValueError(f"a modality is named twice in {', '.join(names)}")
        return names


def _filled_in(member: Any, preset: Mapping[str, Any]) -> Any:
    """A member's settings as written, on top of the preset's; what cannot be read is left to the checks.

    A member of another kind than the preset's network takes over the settings that both kinds have.
    """
    if not isinstance(member, Mapping):
        return member
    network, training = member.get("network", {}), member.get("training", {})
    if isinstance(network, Mapping) and isinstance(preset.get("network"), Mapping):
        kind = network.get("kind", _kind(preset["network"]))
        known = KINDS[kind].model_fields if kind in KINDS else {}
        shared = {key: value for key, value in preset["network"].items() if key in known}
        network = {**shared, **network, "kind": kind}
    if isinstance(training, Mapping) and isinstance(preset.get("training"), Mapping):
        training = {**preset["training"], **training}
    return {**member, "network": network, "training": training}


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


def parse_network(values: Mapping[str, Any]) -> FusionConfig | CommitteeConfig:
    """The settings of one network, as a bundle holds them; `ConfigError` for the first thing that is wrong."""
    try:
        return TypeAdapter[FusionConfig | CommitteeConfig](NetworkConfig).validate_python(values)
    except ValidationError as error:
        raise ConfigError(_explain(error)) from error


def _explain(error: ValidationError) -> str:
    """The first thing that is wrong, as a sentence."""
    first = error.errors()[0]
    kind = next((str(part) for part in first["loc"] if part in KINDS), None)
    path = [part for part in first["loc"] if part != kind]  # the kind is no key of the file
    if first["type"] != "extra_forbidden":
        return f"{_where(path)}: {first['msg'].removeprefix('Value error, ')}"
    key = str(path[-1])
    if kind is not None and (others := [k for k, model in KINDS.items() if key in model.model_fields]):
        return f"{_where(path)} is for networks of kind '{others[0]}'; this one is of kind '{kind}'"
    known = list(_model_at(path[:-1], kind).model_fields)
    close = difflib.get_close_matches(key, known, n=1)
    return f"unknown {_where(path)}; " + (f"did you mean '{close[0]}'?" if close else f"there are {', '.join(known)}")


def _model_at(path: Sequence[str | int], kind: str | None) -> type[_Frozen]:
    """The part of the configuration that `path` leads to."""
    if not path:
        return Config
    sections = {"network": KINDS.get(kind or "", FusionConfig), "training": TrainingConfig, "boosted": BoostedConfig}
    return sections.get(str(path[-1]), MemberConfig)


def _where(path: Sequence[str | int]) -> str:
    """What a message calls a key; members are counted from 0, as their folders are."""
    if len(path) > 1 and path[0] == "members":
        return f"setting '{'.'.join(map(str, path[2:]))}' of member {path[1]}" if path[2:] else f"member {path[1]}"
    return f"setting '{'.'.join(map(str, path))}'" if path else "configuration"
