"""Workflow files: read often, written by strangers, judged by nobody here. Fast, safe and cached by content."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping

from ruamel.yaml.error import YAMLError

from cicatrix.core.facts import Tree
from cicatrix.lawbook.positions import TooMany, bounded_yaml, nests_too_deeply

LARGEST = 524_288
"""Bytes of the largest workflow file that is read (512 KiB); larger ones count as unreadable."""
MOST_NODES = 20_000
"""Values in one workflow file; the largest real ones have some thousand, and each costs a tenth of a millisecond."""
KEPT = 256
"""Parsed files that are kept, the latest used."""

_cache: OrderedDict[str, Tree | None] = OrderedDict()
_lock = threading.Lock()


def load_workflow(text: bytes) -> Tree | None:
    """The workflow file as plain data, or None when it is no mapping, no YAML, or too large.

    Callers share the result and must not change it. Aliases stay shared objects and may form cycles: whoever walks the
    tree counts steps (`core/graph` does). Safe to call from several threads.
    """
    if len(text) > LARGEST:
        return None
    key = hashlib.sha256(text).hexdigest()
    with _lock:
        if key in _cache:
            _cache.move_to_end(key)
            return _cache[key]
    tree = _parse(text)
    with _lock:
        _cache[key] = tree
        while len(_cache) > KEPT:
            _cache.popitem(last=False)
    return tree


def _parse(text: bytes) -> Tree | None:
    try:
        source = text.decode("utf-8-sig")
        if nests_too_deeply(source):
            return None
        tree = bounded_yaml("safe", MOST_NODES).load(source)
    except (TooMany, YAMLError, ValueError, TypeError, OverflowError, AttributeError, KeyError, RecursionError):
        # the parser raises more than its own errors on hostile input; every one of them means "unreadable"
        return None
    return tree if isinstance(tree, Mapping) else None
