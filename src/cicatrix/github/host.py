"""Which GitHub we talk to, and which places a log may be fetched from."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TypeAlias

import httpx

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

LOG_HOSTS = ("*.actions.githubusercontent.com", "*.blob.core.windows.net")
"""Where github.com keeps job logs
(https://docs.github.com/en/actions/reference/runners/self-hosted-runners#accessible-domains-by-function)."""

_PORTS = {"https": 443, "http": 80}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One GitHub: github.com, or an Enterprise Server. Raises `ValueError` for one that must not be used.

    `log_hosts` are names, `*.suffix` for any name below one, `name:port` or `name:*` for another port than the
    scheme's; None means GitHub's own, or the API's own name elsewhere. `log_networks` are the private networks that a
    log host may resolve to. `allow_http` is for the simulated GitHub on this machine: the API must then be a loopback
    address, and logs may come from any port of it.
    """

    name: str = "github.com"
    api_url: str = "https://api.github.com"
    web_url: str = ""
    log_hosts: tuple[str, ...] | None = None
    log_networks: tuple[str, ...] = ()
    ca_file: str | None = None
    api_version: str = "2022-11-28"
    """Pinned: later versions may break (https://docs.github.com/en/rest/about-the-rest-api/api-versions)."""
    allow_http: bool = False

    def __post_init__(self) -> None:
        url = _checked(self.api_url, allow_http=self.allow_http)
        object.__setattr__(self, "api_url", str(url).rstrip("/"))
        object.__setattr__(self, "web_url", (self.web_url or _web_url(url)).rstrip("/"))
        if self.log_hosts is None:
            loopback = (f"{_bracketed(url.host)}:*",) if url.scheme == "http" else ()
            public = url.host == "api.github.com" or url.host.endswith(".ghe.com")
            object.__setattr__(self, "log_hosts", loopback or (LOG_HOSTS if public else (url.host,)))
        try:
            _ = self.networks
        except ValueError as wrong:
            raise ValueError(f"log_networks of host {self.name}: {wrong}; write networks as 10.1.0.0/16") from None
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", self.api_version):
            raise ValueError(f"api_version of host {self.name} is {self.api_version!r}; write a date as 2022-11-28")

    @property
    def may_clone(self) -> bool:
        """Whether git may be given a token for `web_url`: https, or http on loopback where http is allowed."""
        try:
            _checked(self.web_url, allow_http=self.allow_http)
        except ValueError:
            return False
        return True

    @property
    def networks(self) -> tuple[Network, ...]:
        """Networks that a log host may resolve to although they are private."""
        own = ("127.0.0.0/8", "::1/128") if self.allow_http else ()
        return tuple(ipaddress.ip_network(text) for text in (*self.log_networks, *own))

    def same_origin(self, url: httpx.URL) -> bool:
        """Whether `url` is our API: same scheme, host, port and base path, without user or password."""
        own = httpx.URL(self.api_url)
        base = own.path.rstrip("/") + "/"
        return _origin(url) == _origin(own) and url.path.startswith(base) and not url.userinfo

    def log_refusal(self, url: httpx.URL) -> str | None:
        """Why a log must not be fetched from `url`; None when its scheme, name and port are allowed.

        The address that the name resolves to is judged apart, by `address_refusal`.
        """
        if url.scheme not in (("https", "http") if self.allow_http else ("https",)):
            return f"scheme {url.scheme or '(none)'} is not https"
        if url.userinfo:
            return "the link carries a user name"
        name, port = url.host.lower().rstrip("."), url.port or _PORTS[url.scheme]
        if not name:
            return "the link names no host"
        if not any(_matches(entry, name, port, url.scheme) for entry in self.log_hosts or ()):
            return f"{name}:{port} is not among the allowed log hosts"
        return None

    def address_refusal(self, text: str) -> str | None:
        """Why a log must not be fetched from this address: it is not public and in no listed network."""
        try:
            address = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            return "it resolves to no address"
        if any(address.version == network.version and address in network for network in self.networks):
            return None
        if all(part.is_global and not part.is_multicast and not part.is_reserved for part in _parts(address)):
            return None
        return f"{address} is not a public address"


def _parts(address: Address) -> tuple[Address, ...]:
    """The address and the IPv4 address inside of it, if it is one of the forms that carry one."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    inner = address.sixtofour or (address.teredo[1] if address.teredo else None)
    if address in _NAT64:
        return (ipaddress.IPv4Address(int(address) & 0xFFFFFFFF),)
    return (address, inner) if inner is not None else (address,)


def _matches(entry: str, name: str, port: int, scheme: str) -> bool:
    """Whether an entry of the list covers `name` and `port`."""
    parsed = re.fullmatch(r"(?P<name>\[[^\]]+\]|[^:]+)(?::(?P<port>\*|\d+))?", entry.strip().lower())
    if parsed is None:
        return False
    wanted, given = parsed["name"].strip("[]"), parsed["port"]
    if given != "*" and port != int(given or _PORTS[scheme]):
        return False
    return name.endswith(wanted[1:]) and name != wanted[2:] if wanted.startswith("*.") else name == wanted


def _checked(text: str, *, allow_http: bool) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, TypeError):
        raise ValueError(f"API URL {text!r} is not a URL; write it as https://api.github.com") from None
    if url.userinfo:
        raise ValueError("the API URL carries a user name or password; give the token by GITHUB_TOKEN instead")
    if url.query or url.fragment or not url.host:
        raise ValueError(f"API URL {text!r} must be a scheme, a host and a path only, as https://api.github.com")
    if url.scheme == "https" or (url.scheme == "http" and allow_http and is_loopback(url.host)):
        return url
    raise ValueError(f"API URL {text!r} must begin with https:// (http is for a simulated GitHub on loopback only)")


def is_loopback(name: str) -> bool:
    """Whether a name or address means this machine."""
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _web_url(url: httpx.URL) -> str:
    if url.host.startswith("api.") and url.scheme == "https" and url.path in {"", "/"}:
        return f"https://{url.host.removeprefix('api.')}"
    return f"{url.scheme}://{url.netloc.decode()}"


def _bracketed(name: str) -> str:
    return f"[{name}]" if ":" in name else name


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host.lower(), url.port or _PORTS.get(url.scheme)
