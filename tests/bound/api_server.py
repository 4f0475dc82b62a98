"""One of the processes of the API's bound test: the real application on the shared ledger and the shared clock.

Started as `python -m tests.bound.api_server`. The first line of standard input is its setup; it prints its address and
serves until standard input ends.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

from cicatrix.core.access import AccessPolicy
from cicatrix.core.redact import redact
from cicatrix.diagnosis import Diagnoser
from cicatrix.github import GitHub, Host, TokenCredentials
from cicatrix.web.app import make_app
from cicatrix.web.callers import Callers
from cicatrix.web.serve import Served
from cicatrix.web.service import Service
from tests.bound.kit import Clock, OneIdentity, context, deployment

ALLOWLIST = '{"allowlist": [{"owner": "acme", "repo": "shop"}]}'


def main() -> None:
    """Serves one parent."""
    setup = json.loads(sys.stdin.readline())
    clock = Clock(Path(setup["clock"]))
    access = AccessPolicy.parse(ALLOWLIST)
    assert isinstance(access, AccessPolicy)
    ctx = context(
        ledger=setup["ledger"],
        clock=clock,
        prefix=setup["name"],
        diagnoser=Diagnoser(),
        deployment=replace(deployment(read_repository_lawbook=False), access=access),
        api_url=setup["url"],
        client=OneIdentity,
        sleep=lambda _seconds: None,
    )

    def client_for(token: str) -> GitHub:
        return GitHub(
            Host(api_url=setup["url"], allow_http=True),
            TokenCredentials(token),
            now=clock,
            sleep=clock.advance,
            jitter=lambda: 0.5,
        )

    callers = Callers(ctx=ctx, client_for=client_for)
    service = Service(ctx=ctx, callers=callers, redact=redact, has_credential=True)
    with Served(make_app(service)) as served:
        print(served.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
