"""Where a ledger lies: `sqlite:///path?options`, or a plain path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote

from .errors import LedgerUnavailable

_MODES = ("ro", "rw", "rwc")
_SYNCHRONOUS = ("full", "normal", "off")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A SQLite file and how to open it.

    `mode` is SQLite's (`ro`, `rw`, `rwc`, https://www.sqlite.org/uri.html). `max_page_count` caps the file's size.
    `busy_timeout` is in seconds. `synchronous` other than `full` gives up durability on power loss: it is there for
    simulations on throw-away files.
    """

    path: Path
    mode: str = "rwc"
    max_page_count: int | None = None
    busy_timeout: int = 30
    synchronous: str = "full"

    @property
    def uri(self) -> str:
        return f"file:{quote(str(self.path))}?mode={self.mode}"


def parse(url: str) -> Address:
    """Read an address. Options: `mode`, `max_page_count`, `busy_timeout` (seconds), `synchronous`.

    Raises `LedgerUnavailable` for another kind of database, an in-memory one, or an option we do not know.
    """
    text, _, query = url.partition("?")
    scheme, separator, rest = text.partition("://")
    if separator:
        if scheme != "sqlite":
            raise _bad(url, f"`{scheme}` is not supported yet")
        if not rest.startswith("/") or rest == "/":
            raise _bad(url, "the path is missing")
        text = unquote(rest[1:])
    if text in ("", ":memory:"):
        raise _bad(url, "a ledger must outlive its process, so it needs a file")
    return _with_options(url, Path(text).absolute(), dict(parse_qsl(query, keep_blank_values=True)))


def _with_options(url: str, path: Path, options: dict[str, str]) -> Address:
    mode = options.pop("mode", "rwc")
    synchronous = options.pop("synchronous", "full").lower()
    pages = options.pop("max_page_count", None)
    timeout = options.pop("busy_timeout", "30")
    if options:
        raise _bad(url, f"unknown option `{min(options)}`")
    if mode not in _MODES:
        raise _bad(url, f"mode `{mode}` is none of {', '.join(_MODES)}")
    if synchronous not in _SYNCHRONOUS:
        raise _bad(url, f"synchronous `{synchronous}` is none of {', '.join(_SYNCHRONOUS)}")
    if not timeout.isdecimal() or (pages is not None and not pages.isdecimal()):
        raise _bad(url, "busy_timeout and max_page_count are whole numbers")
    return Address(
        path=path,
        mode=mode,
        synchronous=synchronous,
        busy_timeout=int(timeout),
        max_page_count=int(pages) if pages is not None else None,
    )


def _bad(url: str, why: str) -> LedgerUnavailable:
    return LedgerUnavailable(
        "The address of the ledger cannot be used.",
        f"{url}: {why}.",
        "Write CICATRIX_DATABASE_URL as sqlite:////absolute/path/ledger.db (four slashes) or as a plain path.",
    )
