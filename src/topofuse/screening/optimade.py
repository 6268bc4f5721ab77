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

from topofuse import __version__
from topofuse.crystals import CrystalError
from topofuse.crystals.read_json import decode_json
from topofuse.screening.entries import Entry, RecordEntry, RefusedEntry
from topofuse.screening.providers import PREFIX, full_address
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
# what one source may take; the largest public database has five million structures
_MAX_PAGE_BYTES = 64 * 1024 * 1024
_MAX_PAGE_BRACKETS = 10_000_000
_MAX_PAGES = 100_000
_MAX_EMPTY = 20  # pages without an entry, one after another
_MAX_BYTES = 32 * 1024**3
_MAX_SECONDS = 24 * 3600.0  # of one call; the next goes on with the pages that are there
_PAGE_SECONDS = 600.0  # from the request to the last byte
_TIMEOUT = 60.0  # seconds of silence
_ATTEMPTS = 4
_BUSY = (429, 500, 502, 503, 504)
_GOES_ON = "the same command goes on with the pages that are there"
_pause = time.sleep
_clock = time.monotonic


def is_address(source: str) -> bool:
    """Whether SOURCE is an address, for which the network is asked."""
    return source.startswith(("http://", "https://", PREFIX))


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

    address: of a server, or 'optimade:NAME' (`providers`)
    Raises `SourceError` where the server cannot be reached or answers something else; pages that came stay.
    """
    address = full_address(address)
    folder.mkdir(parents=True, exist_ok=True)
    began = _clock()
    seen: set[str] = set()
    link: str | None = first_link(address)
    total = index = size = empty = 0
    before: list[Any] = []
    while link is not None:
        path = folder / f"{index:08d}.json"
        page = _kept(path, link)
        if page is None:
            if _clock() - began > _MAX_SECONDS:
                raise SourceError(f"{address} took more than {_MAX_SECONDS / 3600:g} hours; {_GOES_ON}")
            page = _page(link)
            if link in seen or (page["entries"] and page["entries"] == before):
                raise SourceError(f"{address} sends from one page to the next without end")
            write_json(path, page)
        seen.add(link)
        before = page["entries"]
        empty = 0 if before else empty + 1
        size += path.stat().st_size
        total, index, link = total + len(before), index + 1, page["next"]
        if index >= _MAX_PAGES or size > _MAX_BYTES or empty > _MAX_EMPTY:
            what = "empty pages" if empty > _MAX_EMPTY else f"{index} pages of {size / 2**20:.0f} MiB"
            raise SourceError(f"{address} sends {what} and goes on without end: ask for less by a filter (?filter=…)")
        tell(len(before))
    return Source(address, f"{first_link(address)} {total}", lambda: _entries(folder, index), total)


def _entries(folder: Path, pages: int) -> Iterator[Entry]:
    row = 0
    for index in range(pages):
        for record in read_json(folder / f"{index:08d}.json")["entries"]:
            row += 1
            name = record_name(record, f"entry {row}")
            yield RefusedEntry(name, record["refused"]) if "refused" in record else RecordEntry(name, record)


def _kept(path: Path, link: str) -> dict[str, Any] | None:
    try:
        page = read_json(path)
        return page if page["link"] == link and isinstance(page["entries"], list) else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _page(link: str) -> dict[str, Any]:
    try:
        answer = decode_json(_get(link), _MAX_PAGE_BRACKETS)
        entries = [_slim(entry) for entry in answer["data"]]
        following = (answer.get("links") or {}).get("next")
        following = following.get("href") if isinstance(following, dict) else following
    except (CrystalError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"{link} did not answer with a list of OPTIMADE structures") from error
    return {"link": link, "next": None if following is None else _same_origin(link, str(following)), "entries": entries}


def _slim(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry without what is not needed; one with numbers that are none, as 'refused' with the reason."""
    attributes, name = entry["attributes"], entry["id"]
    name = name if isinstance(name, str | int) else str(name)[:200]
    slim = {"id": name, "attributes": {key: attributes[key] for key in _FIELDS if key in attributes}}
    try:
        json.dumps(slim, allow_nan=False)
    except ValueError:
        return {"id": name, "refused": "the server's answer holds NaN or infinite numbers"}
    return slim


def _same_origin(link: str, following: str) -> str:
    """The address that `following` means on the page `link`; `SourceError` where it leads to another server."""
    try:
        target = urljoin(link, following)
        same = _origin(target) == _origin(link)
    except ValueError as error:
        raise SourceError(f"{link} names a next page that is no address: {following[:200]!r}") from error
    if not same:
        raise SourceError(
            f"{link} sends on to another server (scheme, host or port differ): {target[:200]}; "
            "if that is the one you mean, give its address as SOURCE"
        )
    return target


def _origin(address: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(address)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _get(link: str) -> bytes:
    """The answer of the server, asked again a few times where it is busy."""
    for attempt in range(_ATTEMPTS):
        if attempt:
            _pause(2.0**attempt)
        try:
            with _opener().open(link, timeout=_TIMEOUT) as answer:
                return _content(link, answer)
        except urllib.error.HTTPError as error:
            reason: object = f"{error.code} {error.reason}"
            error.close()
            if error.code not in _BUSY:
                break
        except SourceError:
            raise
        except UnicodeError as error:  # of an address with other characters than ASCII's
            raise SourceError(f"{link[:200]!r} is no address") from error
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            reason = getattr(error, "reason", None) or error
    raise SourceError(f"{link} cannot be read ({reason}); {_GOES_ON}")


def _content(link: str, answer: Any) -> bytes:
    """All bytes of an answer, of which neither number nor time is without limit."""
    began = _clock()
    content = bytearray()
    while piece := answer.read1(1 << 20):
        content += piece
        if len(content) > _MAX_PAGE_BYTES:
            raise SourceError(f"{link} answers with more than {_MAX_PAGE_BYTES // 2**20} MiB")
        if _clock() - began > _PAGE_SECONDS:
            raise SourceError(f"{link} takes more than {_PAGE_SECONDS:g} s for one page; {_GOES_ON}")
    if answer.length:  # of what was announced
        raise http.client.IncompleteRead(bytes(content), answer.length)
    return bytes(content)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Redirects on the same server alone: nothing is asked of, or sent to, a server that nobody named."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        return super().redirect_request(req, fp, code, msg, headers, _same_origin(req.full_url, newurl))


def _opener() -> urllib.request.OpenerDirector:
    """Of urllib's handlers those for the web: its usual opener also reads file: and ftp: addresses."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        _Redirects,
        urllib.request.HTTPErrorProcessor,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    opener.addheaders = [("User-Agent", f"topofuse/{__version__}"), ("Accept", "application/json")]
    return opener
