"""The text of an API key: `cic_<id>_<secret>`. The id is public, the secret is shown once and stored as its hash.

Nothing is random here: whoever makes a key draws both parts (`secrets`) and hands them in.
"""

from __future__ import annotations

import base64
import re
from hashlib import sha256

PREFIX = "cic_"
ID_BYTES = 5
"""Random bytes of an id: 8 characters of base32."""
SECRET_BYTES = 32
"""Random bytes of a secret: 43 characters of base64url."""

_KEY = re.compile(r"cic_(?P<id>[a-z2-7]{8})_(?P<secret>[A-Za-z0-9_-]{43})", re.ASCII)


def make_id(random: bytes) -> str:
    """The id of these 5 random bytes. Raises ValueError for any other number of them."""
    if len(random) != ID_BYTES:
        raise ValueError(f"an id is made of {ID_BYTES} bytes, not {len(random)}")
    return base64.b32encode(random).decode().lower()


def make_secret(random: bytes) -> str:
    """The secret of these 32 random bytes. Raises ValueError for any other number of them."""
    if len(random) != SECRET_BYTES:
        raise ValueError(f"a secret is made of {SECRET_BYTES} bytes, not {len(random)}")
    return base64.urlsafe_b64encode(random).decode().rstrip("=")


def format_key(key_id: str, secret: str) -> str:
    """The key as its holder sends it. Raises ValueError for parts that `parse_key` would not give back."""
    text = f"{PREFIX}{key_id}_{secret}"
    if parse_key(text) != (key_id, secret):
        raise ValueError("an id has 8 characters of a-z and 2-7, a secret 43 of base64url")
    return text


def parse_key(text: str) -> tuple[str, str] | None:
    """Id and secret of a key, or None for anything else."""
    found = _KEY.fullmatch(text)
    return (found["id"], found["secret"]) if found else None


def hash_secret(secret: str) -> str:
    """SHA-256 of the secret, 64 hex digits: what is stored.

    A slow hash would protect what people choose; a secret is 32 random bytes, which nobody can guess at any speed.
    """
    return sha256(secret.encode()).hexdigest()
