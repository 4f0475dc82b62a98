"""Real git on loopback: clone, fetch and push over `http://127.0.0.1:PORT/owner/name.git`.

repo.attach_git(tmp_path / "shop.git")
with serve_git(world) as remote:
    ...  # git clone http://x-access-token:TOKEN@127.0.0.1:PORT/acme/shop.git
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from .git_host import GIT, GitHost
from .server import HOST, listen
from .world import World


class GitRemote(GitHost):
    """A listening socket and its threads, on top of what GitHost promises. `close()` ends them."""

    def __init__(self, world: World, port: int = 0) -> None:
        super().__init__(world)
        self._server = listen(world, GIT, port)
        self.url = f"http://{HOST}:{self._server.server_address[1]}"
        world.web_origin = self.url
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stops listening and cuts the connections that are still open. May be called twice."""
        self._server.shutdown()
        self._server.cut()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def serve_git(world: World, port: int = 0) -> GitRemote:
    """Serves the attached repositories on this port of loopback (0: a free one).

    The world's `web_origin`, which clone URLs begin with, becomes its address. `World.close_git` closes it as well.
    """
    return GitRemote(world, port)
