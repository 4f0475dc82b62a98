"""One process of a fleet that serves the API over one ledger file, on a clock that all processes share.

Started as `python -m tests.web.api_process`. One line of JSON in, one line with the address out; ends with its input.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

from cicatrix.core.access import AccessPolicy
from cicatrix.core.redact import redact
from cicatrix.diagnosis import Diagnoser
from cicatrix.web.app import make_app
from cicatrix.web.callers import Callers, asking_with
from cicatrix.web.serve import Served
from cicatrix.web.service import Service
from tests.bound.kit import Clock, OneIdentity, context, deployment
from tests.web.desk import ALLOWLIST


def main() -> None:
    """Serves until standard input ends."""
    setup = json.loads(sys.stdin.readline())
    access = AccessPolicy.parse(ALLOWLIST)
    assert isinstance(access, AccessPolicy)
    ctx = context(
        ledger=setup["ledger"],
        clock=Clock(Path(setup["clock"])),
        prefix=setup["name"],
        diagnoser=Diagnoser(),
        deployment=replace(deployment(read_repository_lawbook=False), access=access),
        api_url=setup["url"],
        client=OneIdentity,
        sleep=lambda _seconds: None,
    )
    service = Service(ctx=ctx, callers=Callers(ctx, asking_with(ctx)), redact=redact, has_credential=True)
    with Served(make_app(service)) as served:
        print(json.dumps({"url": served.url}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
