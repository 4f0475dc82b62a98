"""Frozen dataclasses to plain JSON trees and back, by their type hints: nothing is named twice, nothing is guessed.

`codec_of(SomeClass)` builds the pair once. Reading is strict: an unknown field, a missing one without a default, or a
value of another type raises Mismatch, since a record that is half understood would be replayed as something else.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple

MICROSECOND = timedelta(microseconds=1)

Convert = Callable[[Any], Any]


class Mismatch(ValueError):  # noqa: N818  -- names what is the case: the record and the type do not match
    """A tree does not fit the type. The message says where."""


class Codec(NamedTuple):
    """`encode` gives text, numbers, lists and mappings; None instead of a function is "as it is"."""

    encode: Convert | None
    decode: Convert


_special: dict[object, Callable[[], Codec]] = {}
_unrecorded: dict[type, frozenset[str]] = {}


def special(hint: type, make: Callable[[], Codec]) -> None:
    """How values of this class are written, where its fields are not what it means. Before the first use only."""
    _special[hint] = make


def leave_out(owner: type, *names: str) -> None:
    """Fields with a default that are not written: no reader of the record looks at them. Before the first use only."""
    _unrecorded[owner] = frozenset(names)


@cache
def codec_of(hint: Any) -> Codec:
    """The codec of a type hint. Raises TypeError for one that it does not know: add a case for a new kind of field."""
    if hint in _special:
        return _special[hint]()
    if hint is object or hint is Any:
        return Codec(plain, _same)
    if isinstance(hint, type):
        return _of_class(hint)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return _optional(hint, arguments)
    if origin is typing.Literal:
        return Codec(None, _one_of(arguments))
    if origin is tuple:
        return _tuple(arguments)
    if origin is frozenset:
        return _set(codec_of(arguments[0]))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(codec_of(arguments[0]), codec_of(arguments[1]))
    raise TypeError(f"{hint} has no record: add a case to core/codec.py")


def plain(value: object) -> object:
    """Any value as JSON; what JSON does not know becomes its text."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value)


def _of_class(hint: type) -> Codec:
    if hint in (str, int, bool):
        return Codec(None, _exactly(hint))
    if hint is datetime:
        return Codec(datetime.isoformat, _reading(str, datetime.fromisoformat))
    if hint is timedelta:
        return Codec(lambda span: span // MICROSECOND, _reading(int, lambda n: timedelta(microseconds=n)))
    if issubclass(hint, Enum):
        return Codec(lambda member: member.value, _reading((str, int), hint))
    if dataclasses.is_dataclass(hint):
        return _dataclass(hint)
    raise TypeError(f"{hint} has no record: add a case to core/codec.py")


def _same(value: Any) -> Any:
    return value


def _exactly(kind: type) -> Convert:
    def decode(tree: Any) -> Any:
        if type(tree) is not kind:
            raise Mismatch(f"{kind.__name__} expected, {type(tree).__name__} found")
        return tree

    return decode


def _reading(kinds: type | tuple[type, ...], make: Convert) -> Convert:
    def decode(tree: Any) -> Any:
        if not isinstance(tree, kinds) or isinstance(tree, bool):
            raise Mismatch(f"{make!r} cannot be read from a {type(tree).__name__}")
        try:
            return make(tree)
        except (ValueError, OverflowError) as wrong:
            raise Mismatch(str(wrong)) from None

    return decode


def _one_of(values: tuple[Any, ...]) -> Convert:
    def decode(tree: Any) -> Any:
        if tree not in values:
            raise Mismatch(f"{tree!r} is none of {', '.join(map(str, values))}")
        return tree

    return decode


def _optional(hint: object, arguments: tuple[Any, ...]) -> Codec:
    rest = [a for a in arguments if a is not types.NoneType]
    if len(rest) != 1 or len(rest) == len(arguments):
        raise TypeError(f"{hint} has no record: only `X | None` can be told apart")
    encode, decode = codec_of(rest[0])
    return Codec(
        encode and (lambda value: None if value is None else encode(value)),
        lambda tree: None if tree is None else decode(tree),
    )


def _present(hint: Any) -> Any:
    """`X` of `X | None`; any other hint as it is."""
    if typing.get_origin(hint) not in (types.UnionType, typing.Union):
        return hint
    return next(a for a in typing.get_args(hint) if a is not types.NoneType)


def _tuple(arguments: tuple[Any, ...]) -> Codec:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        encode, decode = codec_of(arguments[0])
        return Codec(
            list if encode is None else lambda items: [encode(item) for item in items],
            lambda tree: tuple([decode(item) for item in _listed(tree)]),
        )
    parts = [codec_of(argument) for argument in arguments]

    def decode_parts(tree: Any) -> tuple[Any, ...]:
        if len(_listed(tree)) != len(parts):
            raise Mismatch(f"{len(parts)} items expected, {len(tree)} found")
        return tuple(part.decode(item) for part, item in zip(parts, tree, strict=True))

    return Codec(
        lambda items: [p.encode(i) if p.encode else i for p, i in zip(parts, items, strict=True)], decode_parts
    )


def _set(item: Codec) -> Codec:
    encode, decode = item
    return Codec(
        lambda items: sorted(encode(i) if encode else i for i in items),
        lambda tree: frozenset(decode(i) for i in _listed(tree)),
    )


def _mapping(key: Codec, value: Codec) -> Codec:
    """A mapping with text keys stays one (its order too); other keys have no JSON."""

    def encode(items: Mapping[Any, Any]) -> dict[str, Any]:
        left, right = key.encode, value.encode
        return {(left(k) if left else k): (right(v) if right else v) for k, v in items.items()}

    def decode(tree: Any) -> dict[Any, Any]:
        if not isinstance(tree, dict):
            raise Mismatch(f"a mapping expected, {type(tree).__name__} found")
        return {key.decode(k): value.decode(v) for k, v in tree.items()}

    return Codec(encode, decode)


def _listed(tree: Any) -> list[Any]:
    if not isinstance(tree, list):
        raise Mismatch(f"a list expected, {type(tree).__name__} found")
    return tree


def _each(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """What `attrgetter` gives for several names: of one name it gives no tuple."""
    return lambda value: tuple(getattr(value, name) for name in names)


def _dataclass(owner: type) -> Codec:
    """A mapping by field. A field that holds its default is left out, and a missing one is its default."""
    hints = typing.get_type_hints(owner)
    left_out = _unrecorded.get(owner, frozenset())
    every = [f for f in dataclasses.fields(owner) if f.init]
    kept = [(f.name, codec_of(hints[f.name]), f.default) for f in every if f.name not in left_out]
    decoders = {name: codec.decode for name, codec, _ in kept}
    # a field that may be None is asked for it right here: one call less for each of thousands of fields
    inner = {name: codec_of(_present(hints[name])).encode for name, _, _ in kept}
    writing = [(name, inner[name], default) for name, _, default in kept]
    names = [name for name, _, _ in kept]
    several: Callable[[Any], tuple[Any, ...]] = attrgetter(*names) if len(names) > 1 else _each(names)

    def encode(value: Any) -> dict[str, Any]:
        tree = {}
        for (name, convert, default), item in zip(writing, several(value), strict=True):
            if item is not default:
                tree[name] = item if convert is None or item is None else convert(item)
        return tree

    def decode(tree: Any) -> Any:
        if not isinstance(tree, dict):
            raise Mismatch(f"{owner.__name__} expected, {type(tree).__name__} found")
        try:
            return owner(**{name: decoders[name](item) for name, item in tree.items()})
        except KeyError as unknown:
            raise Mismatch(f"{owner.__name__} has no field {unknown}") from None
        except TypeError as missing:
            raise Mismatch(f"{owner.__name__}: {missing}") from None
        except Mismatch as inner:
            raise Mismatch(f"{owner.__name__}: {inner}") from None

    return Codec(encode, decode)
