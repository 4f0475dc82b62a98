"""Canonical JSON (RFC 8785, https://www.rfc-editor.org/rfc/rfc8785) for the data that we hash.

Equal data has one text, whatever built it. Narrower than the RFC on purpose: floats are refused, since their text is
the one part of the RFC that other languages get wrong, and dates enter as RFC 3339 text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime

LARGEST_INTEGER = 2**53 - 1
"""Beyond it JSON readers of other languages round (RFC 8785, appendix D); GitHub's ids are text for that reason."""

DEEPEST = 100
"""Levels of nesting. Nothing of ours comes near; what does is a mistake or an attack."""


class NotCanonicalError(ValueError):
    """The value has no canonical form. The message says what to store instead."""


def canonical(value: object) -> str:
    """The canonical JSON text of text, integers, booleans, None, dates, sequences and mappings with text keys.

    `date` becomes `YYYY-MM-DD`; `datetime` must have a time zone and becomes UTC with a final `Z`.
    Raises NotCanonicalError for anything else: a float, a key that is no text, an integer beyond 2**53 - 1,
    a lone surrogate, more than 100 levels.
    """
    return json.dumps(_plain(value, DEEPEST), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def canonical_hash(value: object) -> str:
    """SHA-256 of the canonical text in UTF-8, as 64 lower-case hex digits. Raises as `canonical` does."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def _plain(value: object, depth: int) -> object:
    if depth == 0:
        raise NotCanonicalError(f"nested deeper than {DEEPEST} levels: flatten it, or store it as text")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        if abs(value) > LARGEST_INTEGER:
            raise NotCanonicalError(f"{value} is beyond 2**53 - 1: store it as text")
        return int(value)
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        keys = sorted((_key(key) for key in value), key=_utf16)
        return {key: _plain(value[key], depth - 1) for key in keys}
    if isinstance(value, list | tuple):
        return [_plain(item, depth - 1) for item in value]
    raise NotCanonicalError(f"a {type(value).__name__} has no canonical form: turn it into text or an integer first")


def instant(moment: datetime) -> str:
    """RFC 3339 text in UTC with a final `Z`; microseconds only where there are some.

    Raises NotCanonicalError for a moment without a time zone.
    """
    offset = moment.utcoffset()
    if offset is None:
        raise NotCanonicalError(f"{moment.isoformat()} has no time zone: pass an aware datetime")
    return f"{(moment - offset).replace(tzinfo=None).isoformat()}Z"


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise NotCanonicalError(f"the key {key!r} is no text: JSON has text keys only")
    return _text(key)


def _text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise NotCanonicalError("the text holds a lone surrogate: clean it before it is stored") from None
    return str(text)


def _utf16(key: str) -> bytes:
    """RFC 8785 orders keys by UTF-16 code units, which differs from code points beyond U+FFFF."""
    return key.encode("utf-16-be")
