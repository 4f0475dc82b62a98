"""The lawbook service: versions that are stored, immutable, and active in a scope until another one is."""

from __future__ import annotations

from dataclasses import dataclass

from cicatrix.core.canonical import canonical_hash
from cicatrix.core.facts import Problem
from cicatrix.core.lawbook import KEYS, Layer, LayerKind, resolve
from cicatrix.lawbook import load
from cicatrix.ledger import Ledger


class NotActivated(Exception):  # noqa: N818 -- named for what is the case, as GitHub's four errors are
    """A lawbook that cannot be made active. Nothing was stored."""

    def __init__(self, what: str, why: str, next_step: str) -> None:
        super().__init__(f"{what} {why}")
        self.what, self.why, self.next = what, why, next_step


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version as it is to be stored."""

    layer: Layer
    version: str
    hash: str
    """Of what the file sets, whatever the built-in lawbook is."""
    base_hash: str
    """What LAWBOOK_HASH pins when this is the deployment's lawbook."""
    content: str
    file: str
    ignored: tuple[str, ...]
    """What it asks for in vain when nothing stands above it but the built-in lawbook."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a version is to be active."""

    scope: str
    """deployment, organisation or repository."""
    host: str = ""
    id: str = ""
    """Owner id or repository id; empty for the deployment."""
    name: str = ""


def read_version(text: bytes, file: str, kind: LayerKind) -> tuple[Version | None, tuple[Problem, ...]]:
    """The version that a file holds, or what is wrong with it. Raises NotActivated for one without a version label."""
    layer, problems = load(text, file, kind=kind)
    if layer is None:
        return None, problems
    label = layer.values.get("version")
    if label is None:
        raise NotActivated(
            f"The lawbook {file} has no version.",
            "A stored version never changes, so it needs a label of its own.",
            "Write a line such as `version: 2026-11-21.1`; the next change gets the next number.",
        )
    resolved = resolve([layer])
    version = Version(
        layer=layer,
        version=str(label),
        hash=layer_hash(layer),
        base_hash=resolved.base_hash,
        content=text.decode("utf-8-sig"),
        file=file,
        ignored=tuple(str(line) for line in resolved.ignored),
    )
    return version, ()


def layer_hash(layer: Layer) -> str:
    """SHA-256 of the canonical JSON of the keys that the file sets: the same rules give the same hash, however written.

    Unlike the hash of a resolved lawbook it does not change with the built-in values of another version of Cicatrix.
    """
    tree = {key: KEYS[key].kind.plain(value) for key, value in layer.values.items()}
    return canonical_hash({"values": tree, "delegated": sorted(layer.delegated)})


def activate(ledger: Ledger, version: Version, target: Target, principal: str) -> int | None:
    """Store the version and make it active; the entry's index, or None when it is active already.

    Raises LedgerError for a version label that stands for another content already.
    """
    with ledger.write("lawbook") as tx:
        return tx.activate_lawbook(
            scope=target.scope,
            host=target.host,
            target=target.id,
            full_name=target.name,
            content=version.content,
            version=version.version,
            hash=version.hash,
            file=version.file,
            principal=principal,
        )


def deactivate(ledger: Ledger, target: Target, reason: str, principal: str) -> int | None:
    """End what is active there; the entry's index, or None when nothing is."""
    with ledger.write("lawbook") as tx:
        return tx.deactivate_lawbook(target.scope, target.host, target.id, reason, principal)
