"""The demo's world: the red pull requests and their logs, what each is to come to, and who asks for more.

Data and the helpers that build it; nothing here calls GitHub or prints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cicatrix.simulator import JobSpec, Outcome

OWNER, REPOSITORY = "acme", "shop"
TOKEN = "demo-token"  # noqa: S105 -- the simulated GitHub's own, worth nothing anywhere
START = datetime(2026, 11, 21, 9, tzinfo=UTC)
TEN_MINUTES = 600.0

# --- what is red ----------------------------------------------------------------------------------------------------

NPM_RESET = """\
npm http fetch GET 200 https://registry.example.com/express 212ms
npm http fetch GET 200 https://registry.example.com/debug 187ms
npm ERR! code ECONNRESET
npm ERR! syscall read
npm ERR! network request to https://registry.example.com/left-pad failed, reason: read ECONNRESET
npm ERR! network The registry closed the connection while a tarball was on its way."""

PYTEST_FAILURE = """\
collected 48 items
tests/test_basket.py .............................F                      [ 62%]
tests/test_random_network.py ..................                           [100%]
    def test_total_counts_the_discount_once(basket):
>       assert basket.total == 1800
E       assert 1620 == 1800
FAILED tests/test_basket.py::test_total_counts_the_discount_once - assert 1620 == 1800
1 failed, 47 passed in 3.07s"""

COMPILE_ERROR = """\
cc -O2 -Wall -Wextra -c src/retry.c -o build/retry.o
cc -O2 -Wall -Wextra -c src/timeout.c -o build/timeout.o
src/timeout.c: In function 'wait_for_network':
src/timeout.c:41:19: error: 'timeout' undeclared (first use in this function)
   41 |     return poll_until(timeout);
make: *** [Makefile:18: build/timeout.o] Error 1"""

PULL_TIMEOUT = """\
16: Pulling from library/postgres
7cf63256a31a: Pulling fs layer
7cf63256a31a: Retrying in 2 seconds
Error response from daemon: Get "https://registry.example.com/v2/": net/http: TLS handshake timeout"""

TYPE_ERROR = """\
src/basket.ts(88,17): error TS2345: Argument of type 'string' is not assignable to parameter of type 'Money'.
Found 1 error in src/basket.ts:88"""

CHECKOUT, INSTALL, PULL, BUILD, TEST = (
    "Run actions/checkout@v4", "Install dependencies", "Pull images", "Run build", "Run tests"
)  # fmt: skip


def fails(log: str, step: str) -> Outcome:
    return Outcome.failure(log, step=step)


LOST, PASSES = Outcome.lost_runner(), Outcome.success()
RESET = fails(NPM_RESET, INSTALL)


def job(name: str, seconds: float, *outcomes: Outcome, second: str = INSTALL, third: str = BUILD) -> JobSpec:
    return JobSpec(id=name, seconds=seconds, steps=(CHECKOUT, second, third), outcomes=outcomes)


@dataclass(frozen=True, slots=True)
class Red:
    """A pull request of the first scene, and what is expected of it."""

    number: int
    story: str
    jobs: Sequence[JobSpec]
    decisions: Mapping[str, str]
    """Job -> action and reason code."""
    outcomes: Mapping[str, str] = field(default_factory=dict)
    case: str = ""


RERUN, ALONE, HEALED = "RERUN infra_transient", "SKIP not_eligible", "healed"
HALF_AND_HALF = (
    job("integration", 200, fails(PULL_TIMEOUT, PULL), PASSES, second=PULL, third=TEST),
    job("typecheck", 45, fails(TYPE_ERROR, BUILD)),
    JobSpec(id="gate", needs=("integration", "typecheck"), always=True, seconds=10),
)
RED = (
    Red(
        101,
        "the runner went away",
        [job("unit", 240, LOST, PASSES, third=TEST)],
        {"unit": RERUN},
        {"unit": HEALED},
        "closed",
    ),
    Red(
        102,
        "the package registry hung up",
        [job("build", 170, RESET, PASSES)],
        {"build": RERUN},
        {"build": HEALED},
        "closed",
    ),
    Red(
        103,
        "a test failed, and nothing proves it flaky",
        [job("pytest", 90, fails(PYTEST_FAILURE, TEST), third=TEST)],
        {"pytest": ALONE},
    ),
    Red(
        104,
        'a compile error with the word "timeout" in it',
        [job("compile", 50, fails(COMPILE_ERROR, BUILD))],
        {"compile": ALONE},
    ),
    Red(
        105,
        "half and half: a flake, a type error, and a gate that waits for both",
        HALF_AND_HALF,
        {"integration": RERUN, "typecheck": ALONE, "gate": "SKIP dependant_failure"},
        {"integration": HEALED, "gate": "failed_again"},
        "handed over",
    ),
)
STUBBORN = 106
UNLUCKY = [job("soak", 180, LOST, RESET, LOST)]

# --- who asks for the stubborn one ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request of the third scene: who, with what limit, after how long, and what is to come of it."""

    who: str
    most: int = 2
    wait: float = TEN_MINUTES
    decision: str
    effects: int


STORM = (
    Ask(who="octocat", wait=0, decision="RERUN infra_transient", effects=1),
    Ask(who="octocat", wait=0, decision="BLOCKED run_in_progress", effects=1),
    Ask(who="octocat", decision="RERUN infra_transient", effects=2),
    Ask(who="octocat", decision="BLOCKED max_attempts_exceeded", effects=2),
    Ask(who="hubot", decision="BLOCKED max_attempts_exceeded", effects=2),
    Ask(who="octocat", most=5, decision="BLOCKED max_attempts_exceeded", effects=2),
)
