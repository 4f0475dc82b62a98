"""`cicatrix verify-deployment`: the seed's three scenarios against a running API, and the record read back and proven.

It trusts nothing that the deployment says about itself: hashes and proofs are computed here, from the entries' text.
At most one rerun is spent. A token in clear or on the command line is named as such.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from cicatrix.core.redact import redactor
from cicatrix.settings import load

from . import state
from .deployment_api import Api, checked_url
from .deployment_report import Asked, Report, as_json, end
from .deployment_walk import Walk
from .errors import Code, Stop, usage
from .screen import Format

__all__ = ["Asked", "verify"]


def verify(asked: Asked, *, sleep: Callable[[float], None] = time.sleep) -> Code:
    """Run the verification: 0 all shown, 1 a check failed, 4 not authorised, 8 none failed but the bound not shown."""
    screen = state.screen
    url, in_clear = checked_url(asked.base_url)
    token = _token(asked)
    if asked.token is not None:
        screen.say("warning: a token on the command line can be seen by every process here; use --token-file")
    if in_clear:
        screen.say(f"warning: {url} is not encrypted: the token travels in clear")
    shape = screen.format(asked.output, asked.as_json)
    report = Report(quiet=shape is Format.JSON)
    with Api(url, token) as api:
        Walk(asked=asked, api=api, report=report, sleep=sleep, id=f"verify-{uuid.uuid4()}").run()
    if shape is Format.JSON:
        screen.json(as_json(asked, url, report))
    return end(report)


def _token(asked: Asked) -> str:
    """The token of the command line, of the file, or of CICATRIX_TOKEN and CICATRIX_TOKEN_FILE."""
    if asked.token is not None and asked.token_file is not None:
        raise usage("Two tokens were given.", "--token and --token-file.", "Leave one of them out.")
    given = asked.token
    if asked.token_file is not None:
        try:
            given = asked.token_file.read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as trouble:
            why = trouble.strerror if isinstance(trouble, OSError) else "it is not UTF-8 text"
            raise Stop(
                "The token file cannot be read.", f"{asked.token_file}: {why}.", "Name a file with the token alone."
            ) from None
    settings = load({"caller_token": given})
    state.screen.redact = redactor(settings.secrets)
    found = settings.caller_token.get_secret_value().strip() if settings.caller_token else ""
    if not found:
        raise Stop(
            "There is no token.",
            "The API asks every caller for one, and so does this command.",
            "Name a file with --token-file or CICATRIX_TOKEN_FILE; `cicatrix key create --role operator` makes a key.",
            Code.AUTHENTICATION,
        )
    if not found.isascii() or not found.isprintable() or " " in found:
        raise Stop(
            "The token cannot be one.",
            "It holds spaces, line ends or characters outside ASCII.",
            "Put the token alone on one line into the file; `cicatrix key create` prints it like that.",
        )
    return found
