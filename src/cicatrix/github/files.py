"""Files read from repositories, remembered with their ETag: an unchanged one costs nothing of the rate limit."""

from __future__ import annotations

import base64
import binascii
import threading
from collections import OrderedDict
from typing import TypeAlias

from cicatrix.github.fields import Malformed, Tree

Key: TypeAlias = tuple[str, str, str, str]
"""Owner and repository in lower case, path, ref (empty for the default branch)."""

_KEPT = 512
_LARGEST = 2**20


class Files:
    """The files read last, each with its ETag. Safe for several threads."""

    def __init__(self) -> None:
        self._files: OrderedDict[Key, tuple[str, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> tuple[str, bytes] | None:
        """ETag and bytes of a remembered file."""
        with self._lock:
            known = self._files.get(key)
            if known is not None:
                self._files.move_to_end(key)
            return known

    def put(self, key: Key, etag: str, content: bytes) -> None:
        """Remember a file; one above a MiB is not kept, and the one not asked for the longest gives way."""
        with self._lock:
            self._files.pop(key, None)
            if len(content) <= _LARGEST:
                self._files[key] = (etag, content)
            while len(self._files) > _KEPT:
                self._files.popitem(last=False)


def content_of(tree: Tree) -> bytes:
    """The bytes of a file from the contents endpoint, or `Malformed` for a folder, a link or a file above 1 MB.

    https://docs.github.com/en/rest/repos/contents#get-repository-content
    """
    if tree.get("type") not in {"file", None} or not isinstance(tree.get("content"), str):
        raise Malformed("what stands there is not a file")
    if tree.get("encoding") != "base64":
        raise Malformed("the file is larger than 1 MB, which this endpoint does not give")
    try:
        return base64.b64decode(tree["content"])
    except (binascii.Error, ValueError):
        raise Malformed("the file's content is not base64") from None
