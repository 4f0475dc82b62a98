"""`cicatrix key create|list|revoke`: API keys of callers. A secret is shown once and stored as its hash only."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cicatrix import wiring
from cicatrix.core.actions import ROLE_FOR_ACTION, ActionType, Role, role_of
from cicatrix.core.api_key import ID_BYTES, SECRET_BYTES, format_key, hash_secret, make_id, make_secret
from cicatrix.core.principal import ApiKey, RepositoryScope
from cicatrix.flows.record import stamp
from cicatrix.ledger import Ledger
from cicatrix.settings import Settings

from . import state
from .errors import Stop, usage
from .keeping import lasting, looked_up, who
from .screen import Format
from .session import opened, person, settings_of
from .targets import repository

LONGEST_DAYS = 365
LONGEST_LABEL = 100
_DAYS = re.compile(r"([1-9]\d{0,3})d?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A key as somebody asked for it, unchecked."""

    role: str
    label: str
    repositories: tuple[str, ...]
    all_repositories: bool
    actions: tuple[str, ...]
    expires: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Checked:
    """The same, checked, without the repositories."""

    role: Role
    label: str
    actions: frozenset[ActionType] | None
    life: timedelta


def create(wanted: Wanted, *, as_json: bool, output: Format | None) -> None:
    """Make a key and print it. Nothing is stored unless everything that was asked for is right.

    In a pipe too it is the key alone unless JSON is asked for: it goes straight into a file or a secret store.
    """
    screen = state.screen
    shape = screen.format(output, as_json) if as_json or output is not None else Format.TABLE
    role = _role(wanted.role)
    checked = _Checked(
        role=role, label=_label(wanted.label), actions=_actions(wanted.actions, role), life=_life(wanted.expires)
    )
    if bool(wanted.repositories) == wanted.all_repositories:
        raise usage(
            "The key's repositories are not clear.",
            "It is for named repositories or for all of them.",
            "Give --repo owner/repo (repeatable), or --all-repositories.",
        )
    settings = lasting(settings_of())
    if wanted.all_repositories:
        with wiring.open_ledger_only(settings, read_only=False) as ledger:
            key, text, index = _store(ledger, checked, None, person())
    else:
        key, text, index = _create_scoped(settings, checked, wanted.repositories)
    if shape is Format.JSON:
        # raw: everything else that is printed has secrets masked, and this one is meant to be seen
        screen.raw([json.dumps({"key": text, **_told(key, key.created_at), "ledgerIndex": index}, indent=2) + "\n"])
    else:
        screen.raw([text + "\n"])
    screen.say(
        f"This key is shown this once: keep it now. It ends on {key.expires_at:%Y-%m-%d}; "
        f"`cicatrix key revoke {key.id}` ends it sooner."
    )


def listed(*, as_json: bool, output: Format | None) -> None:
    """Every key that there ever was, without its secret."""
    screen = state.screen
    shape = screen.format(output, as_json)
    with wiring.open_ledger_only(settings_of()) as ledger, ledger.read() as view:
        keys, now = view.keys(), view.now
    rows = [_told(key, now) for key in keys]
    if shape is Format.JSON:
        screen.json(rows)
        return
    if not rows:
        screen.line("○ there is no key; `cicatrix key create` makes one")
        return
    from . import showing  # noqa: PLC0415 -- Rich is for tables only

    for key, row in zip(keys, rows, strict=True):
        lines = {
            "label": row["label"],
            "role": f"{row['role']}, {', '.join(sorted(key.actions)) if key.actions is not None else 'every action'}",
            "for": ", ".join(s.full_name for s in key.repositories) if key.repositories else "every repository",
            "made": f"{showing.short_time(stamp(key.created_at))} by {key.created_by}",
            "ends": f"{key.expires_at:%Y-%m-%d %H:%M} UTC",
        }
        mark = {"active": "✓", "expired": "○", "revoked": "■"}[str(row["state"])]
        showing.show_block(screen, f"{mark} {key.id}  {row['state']}", lines)


def revoke(key_id: str, *, reason: str, as_json: bool, output: Format | None) -> None:
    """End a key; requests with it are refused from the next one on."""
    screen = state.screen
    shape = screen.format(output, as_json)
    if not reason.strip():
        raise usage("The reason is empty.", "It is recorded for whoever reads the ledger later.", "Say why.")
    with wiring.open_ledger_only(lasting(settings_of()), read_only=False) as ledger, ledger.write("key") as tx:
        known = tx.key(key_id)
        index = tx.revoke_key(key_id, reason, person()) if known else None
    if known is None:
        raise Stop(
            f"There is no key {screen.safe(key_id)[:20]}.",
            "An id has 8 characters; the key itself is never needed to revoke it.",
            "`cicatrix key list` shows the ids.",
        )
    if shape is Format.JSON:
        screen.json({"id": key_id, "revoked": True, "changed": index is not None, "ledgerIndex": index})
    elif index is None:
        screen.line(f"○ key {key_id} was revoked before; nothing was changed")
    else:
        screen.line(f"✓ key {key_id} is revoked (entry {index})")


def _create_scoped(settings: Settings, checked: _Checked, repositories: Sequence[str]) -> tuple[ApiKey, str, int]:
    hosts = wiring.hosts(settings)
    places = [repository(text, hosts) for text in repositories]
    if len({host for host, _, _ in places}) > 1:
        raise usage("The repositories are on several hosts.", "A key is for one host.", "Make a key for each host.")
    with opened(settings, places[0][0]) as ctx:
        scopes: dict[str, RepositoryScope] = {}
        for host, owner, name in places:
            found, why = looked_up(ctx, owner, name)
            if found is None:
                raise Stop(
                    f"The repository {owner}/{name} cannot be read, and a key is bound to its id.",
                    f"{why}.",
                    "Correct the name, or the token's rights. No key was made.",
                )
            scopes[found.id] = RepositoryScope(host=host, repository_id=found.id, full_name=found.full_name)
        return _store(ctx.ledger, checked, tuple(scopes.values()), who(ctx))


def _store(
    ledger: Ledger, checked: _Checked, repositories: tuple[RepositoryScope, ...] | None, principal: str
) -> tuple[ApiKey, str, int]:
    secret = make_secret(secrets.token_bytes(SECRET_BYTES))
    with ledger.write("key") as tx:
        key = ApiKey(
            id=make_id(secrets.token_bytes(ID_BYTES)),
            label=checked.label,
            role=checked.role,
            repositories=repositories,
            actions=checked.actions,
            created_at=tx.now,
            created_by=principal,
            expires_at=tx.now + checked.life,
        )
        index = tx.create_key(key, hash_secret(secret))
    return key, format_key(key.id, secret), index


def _told(key: ApiKey, now: datetime) -> dict[str, object]:
    condition = "revoked" if key.revoked_at else "expired" if key.problem(now) else "active"
    return {
        "id": key.id,
        "label": key.label,
        "state": condition,
        "role": key.role.word,
        "repositories": None
        if key.repositories is None
        else [{"host": s.host, "repositoryId": s.repository_id, "repository": s.full_name} for s in key.repositories],
        "actions": None if key.actions is None else sorted(key.actions),
        "createdAt": stamp(key.created_at),
        "createdBy": key.created_by,
        "expiresAt": stamp(key.expires_at),
        "revokedAt": stamp(key.revoked_at),
    }


def _role(text: str) -> Role:
    role = role_of(text)
    if role is None:
        raise usage(
            "The role means nothing.",
            f"{text[:40]!r} is no role.",
            f"Use {', '.join(r.word for r in Role)}; each holds the rights of those before it.",
        )
    return role


def _actions(texts: Sequence[str], role: Role) -> frozenset[ActionType] | None:
    """The actions, each of which the role may ask for: a key that promises more than it can do misleads."""
    found = set()
    for text in texts:
        try:
            action = ActionType(text.strip())
            needed = ROLE_FOR_ACTION[action]
        except (ValueError, KeyError):
            raise usage(
                "The action means nothing here.",
                f"{text[:60]!r} is none that Cicatrix performs.",
                f"Use {', '.join(sorted(ROLE_FOR_ACTION))}.",
            ) from None
        if needed > role:
            raise usage(
                f"A key of the role {role.word} may not {action}.",
                f"{action} asks for the role {needed.word}.",
                f"Give --role {needed.word}, or leave the action out.",
            )
        found.add(action)
    return frozenset(found) or None


def _life(text: str) -> timedelta:
    found = _DAYS.fullmatch(text.strip())
    if found is None or int(found[1]) > LONGEST_DAYS:
        raise usage(
            "The expiry means nothing.",
            f"{text[:40]!r} is not a number of days from 1 to {LONGEST_DAYS}.",
            "Write --expires 90d; a key that should live longer is made anew in time.",
        )
    return timedelta(days=int(found[1]))


def _label(text: str) -> str:
    label = " ".join(text.split())
    if not label or len(label) > LONGEST_LABEL or state.screen.redact(label) != label:
        raise usage(
            "The label cannot be used.",
            f"It needs 1 to {LONGEST_LABEL} characters, and none of them a secret or a control character.",
            "Say who holds the key, such as --label 'release pipeline'.",
        )
    return label
