"""Does the log show a transfer under way around a hit? Then a broken connection there has a second witness."""

# ruff: noqa: E501 -- a pattern or a sample line is one thing and is read in one piece

from __future__ import annotations

import re

BEFORE = 32 * 1024
AFTER = 1024
"""Bytes around a hit in which reports of a transfer support it."""

_REPORT = re.compile(
    rb"(?:^|Z |\r)(?:go: downloading \S|\[?(?:INFO)?\]? ?Download(?:ing|ed) from [\w.-]{1,60}: https?://|"
    rb"(?:Get|Err|Ign|Hit):\d+ https?://|[ \t]{0,8}Downloading (?:https?://)?\S|Collecting \S|Fetching https?://|"
    rb"npm (?:ERR!|error) network |npm http fetch |[ >]{0,3}git (?:fetch|clone|-c .{1,80} fetch) |Cloning into '|"
    rb"Cloning repository |Fetching upstream changes from |stderr: |ERROR: Error (?:cloning|fetching) remote repo '|"
    rb"#\d{1,4} (?:sha256:[0-9a-f]{8}|resolve \S|extracting |.{0,40}load metadata for )|"
    rb"[0-9a-f]{12}: (?:Pulling|Waiting|Download|Extracting|Retrying)|[ \t]{0,8}Caused by: Failed to (?:download|fetch) )",
    re.MULTILINE,
)


def transfer_around(text: bytes, end: int) -> bool:
    """True when at least two lines around the byte before `end` report a transfer or give one up."""
    seen = _REPORT.finditer(text, max(0, end - BEFORE), min(len(text), end + AFTER))
    return next(seen, None) is not None and next(seen, None) is not None
