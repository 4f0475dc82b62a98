"""Where the mirror fetches from and pushes to."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from cicatrix.core.redact import redactor

_LONGEST_URL = 2_000


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository behind https; http only at a loopback address. Raises ValueError for any other URL.

    The token reaches git in the environment of a single call: it stands on no command line, in no file, in no error
    and in no `repr`. `token` is asked anew for each call; None speaks without one.
    """

    url: str
    token: Callable[[], str | None] = field(repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        plain = self.url.isascii() and self.url.isprintable() and " " not in self.url and len(self.url) < _LONGEST_URL
        host = parts.hostname or ""
        secure = parts.scheme == "https" or (parts.scheme == "http" and _loopback(host))
        extra = parts.username is not None or parts.password is not None or parts.query or parts.fragment
        if not (plain and host and secure) or extra or not parts.path.strip("/"):
            raise ValueError("a remote's URL is https://HOST/OWNER/NAME.git without user, query and fragment")

    @property
    def transports(self) -> tuple[str, ...]:
        return (urlsplit(self.url).scheme,)

    def call(self, mark: str = "") -> tuple[Mapping[str, str], Callable[[str], str]]:
        """For one call: the environment that carries the token, and the redactor that knows it.

        `mark` goes along as `X-Request-Id`, so that a proxy's log can be matched with ours.
        """
        token = self.token()
        pair = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        headers = [f"Authorization: Basic {pair}"] if token else []
        headers += [f"X-Request-Id: {mark}"] if mark and mark.isascii() and mark.isprintable() else []
        env = {"GIT_CONFIG_COUNT": str(len(headers))}
        for at, header in enumerate(headers):
            env |= {f"GIT_CONFIG_KEY_{at}": f"http.{self.url}.extraHeader", f"GIT_CONFIG_VALUE_{at}": header}
        return env, redactor((token, pair) if token else ())


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
