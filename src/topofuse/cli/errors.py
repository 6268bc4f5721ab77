"""What a person sees of an error: one line and an exit code."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from topofuse.cli.terminal import tell
from topofuse.errors import TopofuseError
from topofuse.system.signals import SignalledError, signals_raise

# errno of a disk, a quota or an allowed file size that is used up
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# of a system that has no more of something, or a disk that fails
_SYSTEM = (
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
    errno.EAGAIN,
    errno.EROFS,
    errno.EIO,
    errno.ENAMETOOLONG,
    errno.ELOOP,
)
USAGE_ERROR = 2
INTERRUPTED = 130  # 128 + SIGINT, as shells have it


@contextmanager
def plain_errors(interrupted: str) -> Iterator[None]:
    """Turn the errors that are meant for a person into one line and exit code 2.

    A `TopofuseError` carries such a message; so do missing files. On a full disk, the message says what is kept. After
    Ctrl-C, SIGTERM and SIGHUP it says `interrupted`; the exit code is 128 and the signal's number, as shells have it.
    Anything else is a bug and keeps its traceback.
    """
    try:
        with signals_raise():
            yield
    except SignalledError as error:
        with contextlib.suppress(OSError):  # the terminal may be gone
            tell(f"ended by {error.which.name}: {interrupted}")
        sys.exit(128 + error.which)
    except KeyboardInterrupt:
        tell(f"\ninterrupted: {interrupted}")
        sys.exit(INTERRUPTED)
    except click.ClickException:
        raise
    except Exception as error:
        message = _in_words(error, interrupted)
        if message is None:
            raise
        tell("error: " + " ".join(message.split()))
        sys.exit(USAGE_ERROR)


def _in_words(error: Exception, interrupted: str) -> str | None:
    """What to say to a person of an error; None of a bug."""
    if isinstance(error, TopofuseError):
        return str(error)
    if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError | NotADirectoryError):
        return f"{error.strerror}: {error.filename}" if error.strerror else str(error)
    if isinstance(error, MemoryError):
        return f"the memory that this process may have is used up; {interrupted}"
    if not isinstance(error, OSError):
        return None
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in _FULL:
        return (
            f"no room is left to write in{where}: {os.strerror(error.errno)}. Files that were whole before are "
            f"untouched, finished work is kept. Make room; {interrupted}"
        )
    if error.errno in _SYSTEM:
        return f"the system refuses{where}: {os.strerror(error.errno)}; see `ulimit -a` for limits; {interrupted}"
    return None
