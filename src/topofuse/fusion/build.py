"""The network of a configuration, whose type says which architecture."""

from __future__ import annotations

from topofuse.config import CommitteeConfig, NetworkConfig
from topofuse.fusion.committee import CommitteeNetwork
from topofuse.fusion.network import FusionNetwork

Network = FusionNetwork | CommitteeNetwork


def build_network(names: tuple[str, ...], config: NetworkConfig) -> Network:
    """A network with fresh weights (torch's global random state) on the modalities `names`."""
    return CommitteeNetwork(names, config) if isinstance(config, CommitteeConfig) else FusionNetwork(names, config)
