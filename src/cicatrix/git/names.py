"""Names that may stand in a command line of git: anything else is refused before git sees it."""

from __future__ import annotations

import re

_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")
_LONGEST_REF = 255
_BAD_IN_A_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|\Z)|\.(?:/|\Z)|/\Z|\A[-/.]|/-")


def sha(text: str) -> str:
    """The text, if it is a whole object name. Raises ValueError: short names, revisions and options are none."""
    if not _SHA.match(text):
        raise ValueError(f"not a commit's full SHA: {text!r:.80}")
    return text


def branch(text: str) -> str:
    """The text, if it can name a branch. Stricter than `git check-ref-format`: no part may begin with a dash."""
    wrong = not text or text in {"@", "HEAD"} or len(_bytes(text)) > _LONGEST_REF or _BAD_IN_A_REF.search(text)
    if wrong:
        raise ValueError(f"not a branch's name: {text!r:.80}")
    return text


def is_branch(text: str) -> bool:
    """Whether `branch` takes it. GitHub allows names that we do not, such as `wip/-x`."""
    try:
        branch(text)
    except ValueError:
        return False
    return True


def _bytes(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"not a name in UTF-8: {text!r:.80}") from None


def branch_ref(text: str) -> str:
    """The full ref `refs/heads/...`; a branch's bare name is completed. Raises ValueError on anything else."""
    return "refs/heads/" + branch(text.removeprefix("refs/heads/"))


def shown_path(raw: bytes) -> str:
    """A path of a tree as text; bytes that are no UTF-8 become visible escapes, so that it can always be stored."""
    return raw.decode("utf-8", "backslashreplace")
