"""Paths from names and ids. What is not shaped as GitHub shapes it never becomes part of a URL."""

from __future__ import annotations

import re
from urllib.parse import quote

from cicatrix.github.errors import NotSent

_OWNER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,99})", re.ASCII)
_REPOSITORY = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,100}", re.ASCII)
_LOGIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,99})(?:\[bot\])?", re.ASCII)
_SLUG = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,255}", re.ASCII)
_NUMBER = re.compile(r"[1-9]\d{0,18}", re.ASCII)
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", re.ASCII | re.IGNORECASE)
_HEADER_TEXT = re.compile(r"[\x21-\x7e]{1,200}")
_LONGEST_REF = 255


def repository_path(owner: str, repo: str) -> str:
    """`/repos/{owner}/{repo}`, or `NotSent` for names that GitHub cannot have."""
    if not _OWNER.fullmatch(owner):
        raise _wrong("owner", owner, "letters, digits and hyphens")
    if not _REPOSITORY.fullmatch(repo):
        raise _wrong("repository", repo, "letters, digits, hyphens, dots and underscores")
    return f"/repos/{owner}/{repo}"


def organisation(name: str) -> str:
    """An organisation's login for a path, or `NotSent`."""
    if not _OWNER.fullmatch(name):
        raise _wrong("organisation", name, "letters, digits and hyphens")
    return name


def login(name: str) -> str:
    """A user's login, quoted for a path, or `NotSent`. That of a bot ends in `[bot]`."""
    if not _LOGIN.fullmatch(name):
        raise _wrong("login", name, "letters, digits and hyphens")
    return quote(name, safe="")


def slug(name: str) -> str:
    """A team's slug for a path, or `NotSent`."""
    if not _SLUG.fullmatch(name):
        raise _wrong("team", name, "letters, digits, hyphens, dots and underscores (its slug)")
    return name


def number(value: str | int, what: str) -> str:
    """An id or number of GitHub as text, or `NotSent`."""
    text = str(value)
    if isinstance(value, bool) or not _NUMBER.fullmatch(text):
        raise _wrong(what, text, "a positive number")
    return text


def commit(sha: str) -> str:
    """A full commit SHA, or `NotSent`."""
    if not _SHA.fullmatch(sha):
        raise _wrong("commit", sha, "40 (or 64) hexadecimal digits")
    return sha.lower()


def is_commit(ref: str) -> bool:
    """Whether a ref is a full SHA, so that what stands there never changes."""
    return _SHA.fullmatch(ref) is not None


def ref_name(ref: str) -> str:
    """A branch, tag or SHA for a query, or `NotSent`."""
    if not ref or len(ref) > _LONGEST_REF or any(ord(c) < 0x20 or ord(c) == 0x7F for c in ref):
        raise _wrong("ref", ref, "a branch, a tag or a SHA")
    return ref


def branch(name: str) -> str:
    """A branch's name, quoted for a path (its slashes too), or `NotSent`."""
    if name in {".", ".."}:
        raise _wrong("branch", name, "a name that is not . or ..")
    return quote(ref_name(name), safe="")


def file_path(path: str) -> str:
    """A file's path, quoted segment by segment, or `NotSent` for one that leads elsewhere."""
    segments = path.split("/")
    if any(part in {"", ".", ".."} for part in segments) or any(ord(c) < 0x20 or ord(c) == 0x7F for c in path):
        raise _wrong("file path", path, "segments without . or .. and no slash at either end")
    return "/".join(quote(part, safe="") for part in segments)


def workflow_file(name: str) -> str:
    """A workflow's file name without folders, or its id, quoted for a path, or `NotSent`."""
    if not name or len(name) > _LONGEST_REF or name in {".", ".."} or re.search(r"[/\\\x00-\x1f\x7f]", name):
        raise _wrong("workflow", name, "the name of its file below .github/workflows, without a folder, or its id")
    return quote(name, safe="")


def header_text(value: str, what: str) -> str:
    """Text that may stand in a header, or `NotSent`."""
    if not _HEADER_TEXT.fullmatch(value):
        raise _wrong(what, value, "printable ASCII without spaces")
    return value


def _wrong(what: str, value: str, right: str) -> NotSent:
    return NotSent(
        f"{what} {value[:100]!r} cannot be asked for at GitHub",
        why=f"a {what} there is made of {right}",
        next_step="Correct the name; it is taken from the command, the lawbook or GitHub's own answer.",
    )
