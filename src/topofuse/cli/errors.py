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
USAGE_ERROR = 2
INTERRUPTED = 130  # 128 + SIGINT, as shells have it


@contextmanager
def plain_errors(interrupted: str) -> Iterator[None]:
    """Turn the errors that are meant for a person into one line and exit code 2.

    A `TopofuseError` carries such a message; so do missing files. Of a full disk it is said what is kept. After Ctrl-C,
    SIGTERM and SIGHUP it says `interrupted`; the exit code is 128 and the signal's number, as shells have it. Anything
    else is a bug and keeps its traceback.
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
        if isinstance(error, TopofuseError):
            message = str(error)
        elif isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError | NotADirectoryError):
            message = f"{error.strerror}: {error.filename}" if error.strerror else str(error)
        elif isinstance(error, OSError) and error.errno in _FULL:
            where = f" ({error.filename})" if error.filename else ""
            message = (
                f"no room is left to write in{where}: {os.strerror(error.errno)}. Files that were whole before are "
                f"untouched, finished work is kept. Make room; {interrupted}"
            )
        else:
            raise
        tell("error: " + " ".join(message.split()))
        sys.exit(USAGE_ERROR)
