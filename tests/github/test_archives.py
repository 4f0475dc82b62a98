"""Archives of strangers: one file by its exact name, within bounds, and nothing on disk (T11, T12)."""

from __future__ import annotations

import contextlib
import io
import random
import stat
import struct
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from cicatrix.github import archives
from cicatrix.github.archives import BadArchive, read_member

REPORT = b'{"health": 91}'


def packed(files: Mapping[str, bytes], *, how: int = zipfile.ZIP_DEFLATED) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", how) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return whole.getvalue()


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_file_is_read_by_its_exact_name(how: int) -> None:
    archive = packed({"report.json": REPORT, "Report.json": b"other", "a/report.json": b"deeper"}, how=how)
    assert read_member(archive, "report.json", 1_000) == REPORT
    assert read_member(archive, "none.json", 1_000) is None
    assert read_member(packed({}), "report.json", 1_000) is None
    assert read_member(packed({"empty": b""}), "empty", 0) == b""


@pytest.mark.shows("T11")
def test_a_bomb_ends_at_the_ratio_and_a_long_file_at_its_limit() -> None:
    bomb = packed({"report.json": b"\0" * 20_000_000})
    assert len(bomb) < 25_000
    with pytest.raises(BadArchive, match="more than 200 times"):
        read_member(bomb, "report.json", archives.LARGEST_MEMBER)
    noise = random.Random(7).randbytes(5_000)  # seed 7
    archive = packed({"report.json": noise})
    assert read_member(archive, "report.json", 5_000) == noise
    with pytest.raises(BadArchive, match="longer than 4999 bytes"):
        read_member(archive, "report.json", 4_999)


@pytest.mark.shows("T11")
def test_what_an_archive_says_of_its_sizes_is_not_believed() -> None:
    archive = bytearray(packed({"report.json": b"\0" * 20_000_000}))
    entry = archive.index(b"PK\x01\x02")
    struct.pack_into("<L", archive, entry + 20, 2**31)  # packed size: a lie that would make the ratio look small
    with pytest.raises(BadArchive):
        read_member(bytes(archive), "report.json", archives.LARGEST_MEMBER)
    small = bytearray(packed({"report.json": REPORT}))
    struct.pack_into("<L", small, small.index(b"PK\x01\x02") + 24, 3)  # unpacked size
    with pytest.raises(BadArchive):
        read_member(bytes(small), "report.json", 1_000)
    total = bytearray(packed({"report.json": REPORT, "b": b"x"}))
    struct.pack_into("<L", total, total.rindex(b"PK\x01\x02") + 24, 2**30)
    with pytest.raises(BadArchive, match="unpacks to more than"):
        read_member(bytes(total), "report.json", 1_000)


@pytest.mark.shows("T11")
def test_too_many_entries_are_not_looked_through() -> None:
    archive = packed({f"f{number}": b"" for number in range(archives.ENTRIES)} | {"report.json": REPORT})
    with pytest.raises(BadArchive, match="10001 entries"):
        read_member(archive, "report.json", 1_000)


def test_two_files_of_one_name_are_a_question_that_nobody_answers() -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # zipfile warns of what this test makes on purpose
        archive.writestr("report.json", REPORT)
        archive.writestr("report.json", b"{}")
    with pytest.raises(BadArchive, match="2 files"):
        read_member(whole.getvalue(), "report.json", 1_000)


def special(mode: int = 0, *, flags: int = 0) -> bytes:
    """An archive whose one entry bears this mode and these flags in its directory."""
    entry = zipfile.ZipInfo("report.json")
    entry.external_attr = mode << 16
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    made = bytearray(whole.getvalue())
    made[made.index(b"PK\x01\x02") + 8] |= flags
    return bytes(made)


@pytest.mark.shows("T12")
@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR])
def test_a_link_or_device_is_no_report(kind: int) -> None:
    with pytest.raises(BadArchive, match="no regular file"):
        read_member(special(kind | 0o777), "report.json", 1_000)
    assert read_member(special(stat.S_IFREG | 0o644), "report.json", 1_000) == b"/etc/passwd"


def test_an_encrypted_or_oddly_packed_file_is_not_read() -> None:
    with pytest.raises(BadArchive, match="encrypted"):
        read_member(special(flags=1), "report.json", 1_000)
    for how in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with pytest.raises(BadArchive, match="not read here"):
            read_member(packed({"report.json": REPORT}, how=how), "report.json", 1_000)


@pytest.mark.shows("T12")
@pytest.mark.parametrize("name", ["../../x", "/etc/x", "C:\\x", "a/../../x", "report.json\0.exe"])
def test_no_name_of_an_archive_becomes_a_path(name: str, tmp_path: Path) -> None:
    with contextlib.chdir(tmp_path):
        archive = bytearray(packed({name.replace("\0", "?"): b"x"}))
        if "\0" in name:
            for place in (archive.index(b"report.json?"), archive.rindex(b"report.json?")):
                archive[place + 11] = 0
        assert read_member(bytes(archive), "report.json", 1_000) is None
        assert list(tmp_path.rglob("*")) == []


@pytest.mark.shows("T11")
def test_damage_is_told_and_never_a_crash() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    whole = packed({"report.json": REPORT * 50, "b.txt": b"b" * 500})
    for bad in (b"", b"PK", b"not a zip", whole[:-5], whole[:40]):
        with pytest.raises(BadArchive):
            read_member(bad, "report.json", 10_000)
    for _ in range(2_000):
        broken = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        with contextlib.suppress(BadArchive):
            assert read_member(bytes(broken), "report.json", 10_000) in (None, REPORT * 50)
