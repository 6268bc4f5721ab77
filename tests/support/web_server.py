"""The page on a port of its own, with a model that stands in for a trained one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from support.stand_ins import ByFirstAtom
from topofuse.web.serve import listen, make_server
from topofuse.web.service import Service


@contextmanager
def serving(model=None, *, time_limit: float = 30.0, load=None, limits=None, compute=None) -> Iterator[str]:
    """Serve in a thread; gives the address, without a slash at its end."""
    with TemporaryDirectory() as folder, listen(0) as listening:
        service = Service(
            load or (lambda: model or ByFirstAtom()),
            Path(folder),
            name="stand-in",
            workers=2,
            time_limit=time_limit,
            compute=compute,
        )
        server = make_server(service, limits)
        service.start()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
            service.close()
        assert list(Path(folder).iterdir()) == []  # nothing of any request is left
