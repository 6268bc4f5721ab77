"""What the page answers when it cannot work on a structure now."""

from __future__ import annotations

from topofuse.errors import TopofuseError


class UnavailableError(TopofuseError, RuntimeError):
    """No structure can be worked on now; the message says why, for a person."""


class BusyError(TopofuseError, RuntimeError):
    """Another calculation is under way."""
