"""The text of an API key, there and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cicatrix.core.api_key import ID_BYTES, SECRET_BYTES, format_key, hash_secret, make_id, make_secret, parse_key


@given(st.binary(min_size=ID_BYTES, max_size=ID_BYTES), st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES))
def test_a_key_is_read_as_it_was_written(first: bytes, second: bytes) -> None:
    key_id, secret = make_id(first), make_secret(second)
    key = format_key(key_id, secret)
    assert parse_key(key) == (key_id, secret)
    assert (len(key_id), len(secret), len(hash_secret(secret))) == (8, 43, 64)
    for other in (key[:-1], key + "A", key.upper(), " " + key, key.replace("cic_", "cic-"), key + "\n"):
        assert parse_key(other) is None


def test_parts_that_are_none_are_refused() -> None:
    for size in (0, ID_BYTES - 1, SECRET_BYTES + 1):
        with pytest.raises(ValueError, match="bytes"):
            make_id(bytes(size))
        with pytest.raises(ValueError, match="bytes"):
            make_secret(bytes(size))
    with pytest.raises(ValueError, match="8 characters"):
        format_key("ABCDEFGH", "x" * 43)
