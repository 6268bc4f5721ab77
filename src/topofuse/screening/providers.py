"""Short names of OPTIMADE servers: `optimade:mp?filter=…` in place of an address.

The addresses are those of the list of providers (https://github.com/Materials-Consortia/providers, the `links.json` of
each provider); nobody has asked the servers. `nomad` is listed with http: the address with https is that of pymatgen
(`pymatgen.ext.optimade`). So is `gnome`, which is not in the list, and which those who run it call unofficial.
"""

from __future__ import annotations

from collections.abc import Mapping

from topofuse.screening.sources import SourceError

PREFIX = "optimade:"
PROVIDERS: Mapping[str, str] = {
    "aflow": "https://aflow.org/API/optimade",
    "alexandria": "https://alexandria.icams.rub.de/pbe",
    "alexandria-pbesol": "https://alexandria.icams.rub.de/pbesol",
    "cod": "https://www.crystallography.net/cod/optimade",
    "gnome": "https://optimade-gnome.odbx.science",
    "jarvis": "https://jarvis.nist.gov/optimade/jarvisdft",
    "mp": "https://optimade.materialsproject.org",
    "nomad": "https://nomad-lab.eu/prod/rae/optimade",
    "oqmd": "https://oqmd.org/optimade",
}


def full_address(source: str) -> str:
    """The address behind `optimade:NAME`, with what follows the name; other sources as they are.

    Raises `SourceError` for a name that is none.

    >>> full_address('optimade:mp?filter=nelements=2')
    'https://optimade.materialsproject.org?filter=nelements=2'
    """
    if not source.startswith(PREFIX):
        return source
    name, mark, query = source.removeprefix(PREFIX).partition("?")
    try:
        return PROVIDERS[name.lower()] + mark + query
    except KeyError:
        raise SourceError(
            f"there is no OPTIMADE server {name[:80]!r} here; there are {', '.join(PROVIDERS)}, or give an address"
        ) from None
