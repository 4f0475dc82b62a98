"""Entries as RFC 8785 text: one value, one byte sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import rfc8785

Json = None | bool | int | str | list["Json"] | dict[str, "Json"]


def canonical(value: Mapping[str, object]) -> str:
    """The RFC 8785 text of `value`.

    Raises `TypeError` for a float or anything else that is not JSON (rfc8785 itself would turn 1.0 into 1),
    `ValueError` for an integer beyond 2^53 - 1 (write ids as strings) and for text that is not UTF-8.
    """
    return rfc8785.dumps(plain(value, "entry")).decode("utf-8")


def plain(value: object, where: str) -> Json:
    """`value` with plain lists and dicts only; refuses what an entry may not hold."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Mapping):
        return {_name(name, where): plain(item, f"{where}.{name}") for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [plain(item, f"{where}[{number}]") for number, item in enumerate(value)]
    reason = "floats are refused, use an integer" if isinstance(value, float) else f"{type(value).__name__} is not JSON"
    raise TypeError(f"{where}: {reason}")


def _name(name: object, where: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"{where}: the name {name!r} is not text")
    return str.__str__(name)
