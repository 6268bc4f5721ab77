"""An OPTIMADE server's structures, fetched page by page into a folder; what is there is not asked for again.

    FOLDER/00000000.json   {"link": its address, "next": that of the next page or null, "entries": [...]}

The protocol is OPTIMADE 1.x (M. L. Evans et al., Digital Discovery 3, 1509 (2024)): `/v1/structures`, JSON:API paging.
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import topofuse
from topofuse.screening.entries import Entry, RecordEntry
from topofuse.screening.sources import Source, SourceError, record_name
from topofuse.system.files import read_json, write_json

_FIELDS = (
    "lattice_vectors",
    "cartesian_site_positions",
    "species",
    "species_at_sites",
    "structure_features",
    "dimension_types",
)
_PAGE_LIMIT = 100
_MAX_PAGE_BYTES = 256 * 1024 * 1024
_TIMEOUT = 60.0  # seconds
_ATTEMPTS = 4
_BUSY = (429, 500, 502, 503, 504)
_pause = time.sleep


def is_address(source: str) -> bool:
    """Whether SOURCE is an address, for which the network is asked."""
    return source.startswith(("http://", "https://"))


def first_link(address: str) -> str:
    """The address of the first page: `/v1/structures` is added where it lacks, the query (a filter) is kept."""
    parts = urlsplit(address)
    path = parts.path.rstrip("/")
    if not path.endswith("/structures"):
        last = path.rsplit("/", 1)[-1]
        path += "/structures" if last[:1] == "v" and last[1:].replace(".", "").isdigit() else "/v1/structures"
    query = {"page_limit": str(_PAGE_LIMIT), **dict(parse_qsl(parts.query)), "response_fields": ",".join(_FIELDS)}
    return urlunsplit((parts.scheme, parts.netloc, path, urlencode(query), ""))


def fetch(address: str, folder: Path, tell: Callable[[int], None] = lambda _: None) -> Source:
    """All pages of `address` into `folder`, those that lack; `tell` hears how many entries each brought.

    Raises `SourceError` where the server cannot be reached or answers something else; pages that came stay.
    """
    folder.mkdir(parents=True, exist_ok=True)
    seen: set[str] = set()
    link: str | None = first_link(address)
    total = index = 0
    before: list[Any] = []
    while link is not None:
        path = folder / f"{index:08d}.json"
        page = _kept(path, link)
        if page is None:
            page = _page(link)
            if link in seen or (page["entries"] and page["entries"] == before):
                raise SourceError(f"{address} sends from one page to the next without end")
            write_json(path, page)
        seen.add(link)
        before = page["entries"]
        total, index, link = total + len(page["entries"]), index + 1, page["next"]
        tell(len(page["entries"]))
    return Source(address, f"{first_link(address)} {total}", lambda: _entries(folder, index), total)


def _entries(folder: Path, pages: int) -> Iterator[Entry]:
    row = 0
    for index in range(pages):
        for record in read_json(folder / f"{index:08d}.json")["entries"]:
            row += 1
            yield RecordEntry(record_name(record, f"entry {row}"), record)


def _kept(path: Path, link: str) -> dict[str, Any] | None:
    try:
        page = read_json(path)
        return page if page["link"] == link and isinstance(page["entries"], list) else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _page(link: str) -> dict[str, Any]:
    try:
        answer = json.loads(_get(link))
        entries = [_slim(entry) for entry in answer["data"]]
        following = (answer.get("links") or {}).get("next")
        following = following.get("href") if isinstance(following, dict) else following
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"{link} did not answer with a list of OPTIMADE structures") from error
    if following is not None:
        following = urljoin(link, str(following))
        if urlsplit(following).hostname != urlsplit(link).hostname:
            raise SourceError(f"{link} names a next page on another server: {following[:200]}")
    return {"link": link, "next": following, "entries": entries}


def _slim(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry without what is not needed."""
    attributes = entry["attributes"]
    return {"id": entry["id"], "attributes": {name: attributes[name] for name in _FIELDS if name in attributes}}


def _get(link: str) -> bytes:
    """The answer of the server, asked again a few times where it is busy."""
    for attempt in range(_ATTEMPTS):
        if attempt:
            _pause(2.0**attempt)
        try:
            with _opener().open(link, timeout=_TIMEOUT) as answer:
                content: bytes = answer.read(_MAX_PAGE_BYTES + 1)
        except urllib.error.HTTPError as error:
            reason: object = f"{error.code} {error.reason}"
            error.close()
            if error.code not in _BUSY:
                break
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            reason = getattr(error, "reason", None) or error
        else:
            if len(content) > _MAX_PAGE_BYTES:
                raise SourceError(f"{link} answers with more than {_MAX_PAGE_BYTES // 2**20} MiB")
            return content
    raise SourceError(f"{link} cannot be read ({reason}); the same command goes on with the pages that are there")


def _opener() -> urllib.request.OpenerDirector:
    """Of urllib's handlers those for the web: its usual opener also reads file: and ftp: addresses."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    opener.addheaders = [("User-Agent", f"topofuse/{topofuse.__version__}"), ("Accept", "application/json")]
    return opener
