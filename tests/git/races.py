"""Races of a rollback's push with a person's push, on a real remote over HTTP: `python -m tests.git.races --n 1000`."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from cicatrix.core.facts import Receipt
from cicatrix.core.heal_reasons import HealReason
from cicatrix.git import Mirror, PushRefused, Remote, changes
from tests.git.http_remote import TOKEN, HttpRemote, http_remote
from tests.git.repositories import THEN, US, Maker, git, says

RECEIPT = Receipt(operation_id="op-1", ledger_index=1, send=1, kind="push")
KINDS = ("none", "forward", "forward", "back", "gone")


@dataclass(slots=True)
class Tally:
    """What became of the races."""

    ends: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Races:
    """One branch, one rollback at a time, and a person who moves the branch before or during the push."""

    rng: random.Random
    server: HttpRemote
    there: Maker
    mirror: Mirror
    foreign: list[str] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)

    def one(self) -> None:
        """A push from the branch as it was read; nothing of the person's may be undone by it."""
        self.mirror.fetch("main")
        tip = self.mirror.tip("main")
        assert tip is not None
        tree = changes.tree_of(self.mirror.git, tip)
        message = f"Undo, try {sum(self.tally.ends.values())}\n"
        made = changes.commit(self.mirror.git, tree, parents=(tip,), author=US, date=THEN, message=message)
        kind, during = self.rng.choice(KINDS), self.rng.random() < 0.5
        self.server.before_receive = partial(self.person, kind, tip) if during else _nobody
        if not during:
            self.person(kind, tip)
        self.push(made, tip, f"{kind} {'during' if during else 'before'}")
        if kind in ("back", "gone"):
            git(self.there.folder, "update-ref", "refs/heads/main", tip)

    def person(self, kind: str, tip: str) -> None:
        """What the person does; it is done once."""
        self.server.before_receive = _nobody
        if kind == "forward":
            self.foreign.append(self.there.commit({f"theirs-{len(self.foreign) % 5}": message(len(self.foreign))}, tip))
        elif kind == "back":
            git(self.there.folder, "update-ref", "refs/heads/main", f"{tip}~1")
        elif kind == "gone":
            git(self.there.folder, "update-ref", "-d", "refs/heads/main")

    def push(self, made: str, tip: str, about: str) -> None:
        try:
            self.mirror.push(made, "main", expected=tip, receipt=RECEIPT)
        except PushRefused as refused:
            self.tally.ends[refused.reason.value] += 1
            if about.startswith("none") or refused.reason is not HealReason.PUSH_REJECTED:
                self.tally.wrong.append(f"{about}: {refused}")
        else:
            self.tally.ends["pushed"] += 1
            if not about.startswith("none"):
                self.tally.wrong.append(f"{about}: pushed over it")


def race(n: int, seed: int, place: Path) -> Tally:
    """Let `n` rollbacks push to a branch that a person pushes to, at a moment drawn from the seed."""
    (place / "served").mkdir(parents=True)
    with http_remote(place / "served") as server:
        there = Maker(server.root / "house.git")
        there.commit({"b": b"1\n"}, there.commit({"a": b"1\n"}))
        mirror = Mirror.open(place / "mirror", Remote(server.url("house.git"), lambda: TOKEN))
        races = Races(rng=random.Random(seed), server=server, there=there, mirror=mirror)
        for _ in range(n):
            races.one()
        held = set(says(there.folder, "rev-list", "refs/heads/main").split())
        races.tally.lost += [sha for sha in races.foreign if sha not in held]
    return races.tally


def message(number: int) -> bytes:
    return b"%d\n" % number


def _nobody() -> None:
    """No person does anything."""


def main() -> int:
    """Run the races and tell what became of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        tally = race(given.n, given.seed, Path(place))
    print(f"races {given.n}, seed {given.seed}: {dict(tally.ends)}, lost {len(tally.lost)}, wrong {len(tally.wrong)}")
    print(*tally.wrong[:10], sep="\n")
    return 1 if tally.lost or tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
