"""Tokens that their issuers made recognisable: a fixed beginning and what follows it.

Each pattern starts with letters of its own, so that a scan costs milliseconds, and takes the whole token from there on,
so that no byte is read twice.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
_LONG = 30
_BEFORE = 40
"""Bytes before a long stretch that may belong to the same token, or tell that it is part of a longer word."""
_IN_TOKEN = bytes(0x61 if byte in _TOKEN else 0x0A for byte in range(256))
_NEEDLE = b"a" * _LONG
_MIXED = re.compile(rb"[0-9A-Z]")


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of token: group 1 of `pattern` is what follows the beginning."""

    pattern: re.Pattern[bytes]
    shortest: int
    """Bytes that group 1 must have at least."""
    boundary: bool = True
    """Whether a letter or digit right before it means that this is part of a longer word."""
    needs: bytes = b""
    """What group 1 must hold, such as the dots of a JSON Web Token."""
    keep: int = 0
    """Bytes at the beginning that stay: the public part that tells which key it was."""
    lead: int = 0
    """Bytes of the token that may stand before the beginning, as letters, digits, `_` and `-`."""

    def find(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Spans of the tokens in the data. A lower-case word without a digit is none."""
        for found in self.pattern.finditer(data):
            body = found.group(1)
            if len(body) < self.shortest or self.needs not in body or not _MIXED.search(body):
                continue
            at = found.start()
            if not (self.boundary and at and data[at - 1 : at].isalnum()):
                head = data[max(0, at - self.lead) : at] if self.lead else b""
                yield at + self.keep - (len(head) - len(head.rstrip(_TOKEN))), found.end()


_WORD = "[A-Za-z0-9_]*"
_DASHED = r"[A-Za-z0-9_\-]*"


def _shape(start: str, tail: str, shortest: int, *, boundary: bool = True, needs: bytes = b"", keep: int = 0) -> Shape:
    return Shape(re.compile(f"{start}({tail})".encode()), shortest, boundary, needs, keep)


SHAPES: tuple[Shape, ...] = (
    # https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github
    # Installation tokens may be long and hold a JSON Web Token, so dots and dashes belong to them.
    _shape("gh[pour]_", _WORD, 10, boundary=False),
    _shape("ghs_", r"(?:[A-Za-z0-9_]+(?:[.\-]+[A-Za-z0-9_]+)*)?", 10, boundary=False),
    _shape("github_pat_", _WORD, 10, boundary=False),
    _shape("eyJ", r"[A-Za-z0-9_\-]*(?:\.[A-Za-z0-9_\-]*)*", 16, boundary=False, needs=b"."),
    _shape("A(?:KIA|SIA|GPA|IDA|ROA|NPA|NVA|BIA|CCA)", "[A-Z0-9]*", 16),
    _shape("xox[abeoprs]", r"[A-Za-z0-9.\-]*", 10),
    _shape("xapp-", r"[A-Za-z0-9\-]*", 10),
    _shape(r"hooks\.slack\.com/(?:services|workflows|triggers)/", "[A-Za-z0-9/]*", 20, boundary=False),
    _shape(r"discord\.com/api/webhooks/", r"[A-Za-z0-9/_\-]*", 20, boundary=False),
    _shape("gl(?:pat|ptt|dt|rt|cbt)-", r"[A-Za-z0-9_.\-]*", 16),
    _shape("dckr_(?:pat|oat)_", _DASHED, 16),
    _shape(r"ya29\.", _DASHED, 20),
    _shape("GOCSPX-", _DASHED, 20),
    _shape("k_(?:live|test)_", _WORD, 12, boundary=False),
    _shape("whsec_", "[A-Za-z0-9+/=]*", 20),
    _shape("sk-", _DASHED, 20),
    _shape(r"SG\.", r"[A-Za-z0-9_\-]*(?:\.[A-Za-z0-9_\-]*)?", 40),
    _shape(r"hv[sb]\.", _DASHED, 20),
    _shape("lin_api_", _WORD, 20),
    _shape("NRAK-", "[A-Z0-9]*", 20),
    _shape("AT(?:ATT3|CTT3|BB)", r"[A-Za-z0-9_\-=]*", 20),  # Atlassian, Bitbucket
    # our own API keys: the id says which key to revoke
    _shape("cic_[A-Za-z2-7]{8}_", _DASHED, 20, keep=13),
    # Microsoft Entra client secrets bear `Q~` after their third or fourth byte
    Shape(re.compile(rb"Q~([A-Za-z0-9_.~\-]{30,40})"), 30, boundary=False, lead=4),
    # Discord bots: the bot's number, a time, a key; Terraform Cloud: `<14>.atlasv1.<60>`
    Shape(re.compile(rb"\.([A-Za-z0-9_\-]{6}\.[A-Za-z0-9_\-]{27,40})"), 34, boundary=False, lead=28),
    # signatures that let anybody in who has the address: Azure, AWS, Google Cloud
    _shape("sig=", "[A-Za-z0-9%+/=]*", 40, keep=4),
    _shape("Signature=", "[A-Za-z0-9%+/=]*", 40, boundary=False, keep=10),
    _shape("gl(?:sa|c)_", r"[A-Za-z0-9_+/=\-]*", 30),  # Grafana
    _shape("sntry[su]_", r"[A-Za-z0-9_+/=\-]*", 40),
    _shape("FlyV1 fm", r"[A-Za-z0-9_+/=,\-]*", 30),
    _shape("tskey-", r"[A-Za-z0-9\-]*", 20),  # Tailscale
    _shape("pscale_(?:tkn|pw|oauth)_", r"[A-Za-z0-9_.\-]*", 30),
)

LONG_SHAPES: tuple[Shape, ...] = (
    _shape(r"v1\.", "[0-9a-f]*", 40),
    _shape("npm_", "[A-Za-z0-9]*", 30),
    _shape("pypi-", _DASHED, 40),
    _shape("rubygems_", "[0-9a-f]*", 40),
    _shape("AIza", _DASHED, 30),
    _shape("hf_", "[A-Za-z0-9]*", 30),
    _shape("do[opr]_v1_", "[0-9a-f]*", 40),
    _shape("shp(?:at|ca|pa|ss)_", "[0-9a-fA-F]*", 30),
    _shape("AGE-SECRET-KEY-1", "[A-Z0-9]*", 40),
    _shape("dapi", "[0-9a-f]*", 32),
    _shape("sq0csp-", _DASHED, 30),
    _shape("PMAK-", _DASHED, 40),
    # a bot's number and its key; https://core.telegram.org/bots/features#botfather
    Shape(re.compile(rb":(AA[A-Za-z0-9_\-]{31,40})"), 33, boundary=False, keep=1),
    Shape(re.compile(rb"\.atlasv1\.([A-Za-z0-9_\-]*)"), 40, boundary=False, lead=20),
    _shape("HRKU-", _DASHED, 30),  # Heroku
    _shape("SK", "[0-9a-f]*", 32),  # Twilio
    _shape("CCIP(?:AT|RJ)_", _WORD, 30),  # CircleCI
    _shape("pul-", "[0-9a-f]*", 40),  # Pulumi
    _shape(r"dp\.(?:pt|st|ct|sa|scim|audit)\.", r"[A-Za-z0-9._\-]*", 30),  # Doppler
    _shape("AKCp", "[A-Za-z0-9]*", 50),  # JFrog
    _shape("ntn_", "[A-Za-z0-9]*", 30),
    _shape("figd_", _DASHED, 30),
    _shape("cio", "[A-Za-z0-9]*", 32),  # crates
    _shape("oy2", "[a-z0-9]*", 43),  # NuGet
    _shape("sq[upa]_", "[0-9a-f]*", 40),  # SonarQube
    _shape("key-", "[0-9a-f]*", 32),  # Mailgun
    _shape("EAAA", _DASHED, 50),  # Square
    _shape("nfp_", _WORD, 30),  # Netlify
    _shape("sbp_", "[0-9a-f]*", 40),  # Supabase
)
"""Tokens with a stretch of `_LONG` letters, digits, `_` and `-`: only such stretches are searched for them."""


def find_tokens(data: bytes) -> Iterator[tuple[int, int]]:
    """Spans of every token in the data that its shape gives away."""
    for shape in SHAPES:
        yield from shape.find(data)
    stretches, begins, text = _stretches(data)
    if not stretches:
        return
    for shape in LONG_SHAPES:
        for start, end in shape.find(text):
            shift = stretches[place := bisect_right(begins, start) - 1] - begins[place]
            yield start + shift, end + shift


def _stretches(data: bytes) -> tuple[list[int], list[int], bytes]:
    """Every long stretch of token characters with what stands before it: offsets in the data, in the text, the text."""
    looks = data.translate(_IN_TOKEN)
    offsets: list[int] = []
    begins: list[int] = []
    text = bytearray()
    done, at = 0, looks.find(_NEEDLE)
    while at >= 0:
        end = looks.find(b"\n", at)
        end = len(looks) if end < 0 else end
        start = max(done, at - _BEFORE)
        offsets.append(start)
        begins.append(len(text))
        text += data[start:end] + b"\n"
        done, at = end, looks.find(_NEEDLE, end)
    return offsets, begins, bytes(text)
