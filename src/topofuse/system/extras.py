"""Libraries that only some of the work needs, and which `pip install topofuse` leaves out."""

from __future__ import annotations

import importlib.util

from topofuse.errors import TopofuseError


class MissingLibraryError(TopofuseError, ImportError):
    """A library that is not installed; the message says how to get it."""


def require(what: str, extra: str, *libraries: str) -> None:
    """`MissingLibraryError` where one of the libraries, by the names that are imported, is not there.

    what: needs them, in words that begin the sentence; extra: the extra of this package that brings them
    """
    missing = [name for name in libraries if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingLibraryError(
            f"{what} needs {', '.join(missing)}, which is not installed: pip install 'topofuse[{extra}]'"
        )
