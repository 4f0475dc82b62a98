"""`python -m tests.simulation`: play many seeds, or one with its trace."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator

from tests.simulation.play import Played, play


def main() -> int:
    """0 when every law held in every story, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many stories")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--seed", type=int, help="play this one only")
    parser.add_argument("--trace", action="store_true", help="with --seed: show every step")
    parser.add_argument("--stop-at-first", action="store_true", help="end at the first broken law")
    parser.add_argument("--digests", action="store_true", help="print seed and digest of every story")
    given = parser.parse_args()
    if given.seed is not None:
        return _one(given.seed, trace=given.trace)
    begun = time.perf_counter()
    seeds = range(given.first, given.first + given.seeds)
    broken, sums = 0, Counter[str]()
    for played in _all(seeds, given.workers):
        sums.update(stories=1, effects=played.effects, posts=played.posts, crashes=played.crashes)
        sums.update(played.states)
        if given.digests:
            print(played.seed, played.digest)
        if played.violations:
            broken += 1
            print(played.report(), flush=True)
            if given.stop_at_first:
                break
    seconds = time.perf_counter() - begun
    figures = ", ".join(f"{count} {name}" for name, count in sorted(sums.items()))
    print(f"{figures}; {broken} broken; {seconds:.1f} s, {1000 * seconds / max(1, sums['stories']):.0f} ms a story",
          file=sys.stderr)
    return 1 if broken else 0


def _all(seeds: Iterable[int], workers: int) -> Iterator[Played]:
    if workers <= 1:
        yield from map(_slim, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(_slim, seeds, chunksize=20)


def _slim(seed: int) -> Played:
    """The story without its lines, which nobody reads."""
    played = play(seed)
    return Played(
        seed=seed,
        violations=played.violations,
        digest=played.digest,
        trace=(),
        effects=played.effects,
        posts=played.posts,
        crashes=played.crashes,
        states=played.states,
    )


def _one(seed: int, *, trace: bool) -> int:
    played = play(seed)
    if trace:
        print("\n".join(played.trace))
    print(f"seed {seed}: {played.digest}")
    if played.violations:
        print(played.report())
    return 1 if played.violations else 0


if __name__ == "__main__":
    sys.exit(main())
