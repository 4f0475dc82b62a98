"""Files out of an archive that strangers may have packed: read in memory, by exact name, within bounds (T11, T12).

Nothing is written to disk and no name of the archive becomes a path.
"""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from collections.abc import Sequence

ENTRIES = 10_000
LARGEST_MEMBER = 64 * 2**20
LARGEST_TOTAL = 512 * 2**20
RATIO = 200
"""Most bytes out of one packed byte; deflate goes up to 1,032."""

_PIECE = 2**16
_ENCRYPTED = 0x1
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)
"""What `zipfile` raises for archives that are cut, lie about themselves or use what it does not know."""


class BadArchive(ValueError):  # noqa: N818 - named for what the archive is
    """The archive cannot be trusted or read. The message says why and holds nothing of its content."""


def read_member(zip_bytes: bytes, name: str, limit: int) -> bytes | None:
    """The bytes of the one file of that exact name, at most `limit`; None when the archive has no such file.

    Raises `BadArchive` for a damaged archive, for one that breaks a bound, and when two files bear the name.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(zip_bytes)) as archive:
            member = _only(archive.infolist(), name)
            return None if member is None else _unpacked(archive, member, min(limit, LARGEST_MEMBER))
    except BadArchive:
        raise
    except _DAMAGE as wrong:
        problem = type(wrong).__name__
    raise BadArchive(f"the archive cannot be read ({problem})")


def _only(entries: Sequence[zipfile.ZipInfo], name: str) -> zipfile.ZipInfo | None:
    if len(entries) > ENTRIES:
        raise BadArchive(f"the archive has {len(entries)} entries; {ENTRIES} are read")
    if sum(entry.file_size for entry in entries) > LARGEST_TOTAL:
        raise BadArchive(f"the archive says that it unpacks to more than {LARGEST_TOTAL} bytes")
    # the name as it stands there: zipfile's own is cut at a NUL
    found = [entry for entry in entries if entry.orig_filename == name]
    if len(found) > 1:
        raise BadArchive(f"{len(found)} files of the archive are called {name}")
    return found[0] if found else None


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int) -> bytes:
    """Counts the bytes that really come out. A packed size beyond the archive's end is found by `zipfile`."""
    _regular(member)
    out = bytearray()
    with archive.open(member) as stream:
        while piece := stream.read(_PIECE):
            out += piece
            if len(out) > limit:
                raise BadArchive(f"{member.orig_filename} is longer than {limit} bytes")
            if len(out) > RATIO * max(member.compress_size, 1):
                raise BadArchive(f"{member.orig_filename} unpacks to more than {RATIO} times its size")
    return bytes(out)


def _regular(member: zipfile.ZipInfo) -> None:
    mode = stat.S_IFMT(member.external_attr >> 16)
    if mode not in {0, stat.S_IFREG} or member.is_dir():
        raise BadArchive(f"{member.orig_filename} is no regular file")
    if member.flag_bits & _ENCRYPTED:
        raise BadArchive(f"{member.orig_filename} is encrypted")
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise BadArchive(f"{member.orig_filename} is packed in a way that is not read here")
