"""What an atlas says of itself: where its rows come from, who made them, what may be done with them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields

from topofuse.errors import TopofuseError

LAYOUT = 1
ROUNDING = "probabilities and novelty are rounded to 0.001, the gap of the sketch to 0.001 eV"
WHAT_IT_IS = (
    "A row is the prediction of a model that sees the structure alone. It learned from non-magnetic first-principles "
    "calculations, of which it is a likely answer, not a result: a reason to calculate or to measure a material."
)
WHAT_IT_LACKS = (
    "It says nothing about magnets, surface states, or nodes at general momenta. Many structures are theoretical. "
    "It holds no structures: those are in the database."
)
_MOST_TEXT = 4000  # characters of a card


class AtlasError(TopofuseError, ValueError):
    """There is no atlas, or it cannot be read, or it is asked for what it cannot have; the message says why."""


@dataclass(frozen=True)
class OriginCard:
    """Origin of an atlas.

    source: the database; address: where a row's id is looked up, with {id} in it
    attribution: whom the licence of the structures asks to name; licence: of structures and rows
    model: its name; identity: checksum of the model; features: of the code that computed what it saw
    data: SHA-256 of the structures' file; date: of the screening; topofuse: version
    """

    source: str
    address: str
    attribution: str
    licence: str
    model: str
    identity: str
    features: str
    data: str
    date: str
    topofuse: str

    def to_json(self) -> str:
        """As text, for the metadata of the file."""
        return json.dumps({"layout": LAYOUT, **asdict(self)})

    @classmethod
    def from_json(cls, text: bytes) -> OriginCard:
        """The card in the metadata of a file; `AtlasError` where it is none, or that of another layout."""
        try:
            read = json.loads(text) if len(text) <= _MOST_TEXT else None
        except ValueError as error:
            raise AtlasError("its card is damaged") from error
        names = [field.name for field in fields(cls)]
        if not isinstance(read, dict) or read.get("layout") != LAYOUT:
            raise AtlasError(f"its layout is not {LAYOUT}, the one that this version of topofuse reads")
        if not all(isinstance(read.get(name), str) for name in names):
            raise AtlasError("its card is damaged")
        return cls(**{name: read[name] for name in names})

    def link(self, name: str) -> str:
        """The page of the material with this id in the database."""
        return self.address.replace("{id}", name)
