"""`python -m tests.simulation`: play many seeds, or one with its trace."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import cicatrix
from tests.simulation.play import Played, play, play_briefly
from tests.simulation.retell import retell


def main() -> int:
    """0 when every law held in every story, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many stories")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--seed", type=int, help="play this one only")
    parser.add_argument("--trace", action="store_true", help="with --seed: show every step")
    parser.add_argument("--until", metavar="LAW", help="end at the first story that breaks this one, such as 'law 1'")
    parser.add_argument("--hint", type=int, help="with --until: a seed to try first")
    parser.add_argument("--step", type=int, default=1, help="play every Nth seed only")
    parser.add_argument("--replays", type=int, default=40, help="stories told again by a process of another hash seed")
    parser.add_argument("--digests", action="store_true", help="print seed and digest of every story")
    given = parser.parse_args()
    if given.seed is not None:
        return _one(given.seed, trace=given.trace)
    print(f"judging {Path(cicatrix.__file__).parents[1]}", file=sys.stderr)
    begun = time.perf_counter()
    if given.hint is not None and _finds(given.hint, given.until or "law"):
        return 1
    seeds = range(given.first, given.first + given.seeds, given.step)
    broken, sums, digests = 0, Counter[str](), dict[int, str]()
    for played in _all(seeds, given.workers):
        sums.update(stories=1, effects=played.effects, posts=played.posts, crashes=played.crashes)
        sums.update(played.states)
        digests[played.seed] = played.digest
        if given.digests:
            print(played.seed, played.digest)
        if played.violations:
            broken += 1
            print(played.report(), flush=True)
            if given.until and any(v.startswith(given.until) for v in played.violations):
                break
    else:
        broken += _replayed(digests, given.replays)
    seconds = time.perf_counter() - begun
    figures = ", ".join(f"{count} {name}" for name, count in sorted(sums.items()))
    pace = 1000 * seconds / max(1, sums["stories"])
    print(f"{figures}; {broken} broken; {seconds:.1f} s, {pace:.0f} ms a story", file=sys.stderr)
    return 1 if broken else 0


def _finds(seed: int, law: str) -> bool:
    """Whether this story, or its retelling by another process, breaks the law; then it is told."""
    played = play_briefly(seed)
    if any(v.startswith(law) for v in played.violations):
        print(played.report(), flush=True)
        return True
    return "law 5".startswith(law) and _replayed({seed: played.digest}, 1) > 0


def _replayed(digests: Mapping[int, str], most: int) -> int:
    """Law 5: some of the stories told once more, by a process with another hash seed. How many came out differently."""
    chosen = sorted(digests)[:: max(1, len(digests) // most)] if most else []
    if not chosen:
        return 0
    step = chosen[1] - chosen[0] if len(chosen) > 1 else 1
    told = retell(first=chosen[0], seeds=chosen[-1] - chosen[0] + 1, step=step)
    different = [seed for seed in chosen if told.get(seed) != digests[seed]]
    for seed in different:
        print(f"seed {seed} breaks a law:\n  law 5: told again by another process, it went another way")
        print(f"  replay: PYTHONHASHSEED=1 and 2, python -m tests.simulation --seed {seed} --trace", flush=True)
    return len(different)


def _all(seeds: Iterable[int], workers: int) -> Iterator[Played]:
    if workers <= 1:
        yield from map(play_briefly, seeds)
        return
    pool = multiprocessing.get_context("spawn").Pool(workers)
    try:
        yield from pool.imap(play_briefly, seeds, chunksize=20)
        pool.close()  # before it is terminated: each process tidies up its folder
        pool.join()
    finally:
        pool.terminate()


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
