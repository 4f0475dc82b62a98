"""Which GitHub, and which places a log may come from (T13)."""

from __future__ import annotations

import httpx
import pytest

from cicatrix.github import Host

LOCAL = Host(name="sim", api_url="http://127.0.0.1:8000", allow_http=True)


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("http://api.github.com", "https"),
        ("ftp://api.github.com", "https"),
        ("api.github.com", "scheme"),
        ("", "scheme"),
        ("https://", "scheme"),
        ("https://user:secret@api.github.com", "user name"),
        ("https://api.github.com/?a=b", "path only"),
        ("https://api.github.com/#x", "path only"),
        ("http://[", "URL"),
    ],
)
def test_a_host_that_must_not_be_used(url: str, word: str) -> None:
    with pytest.raises(ValueError, match="API URL") as wrong:
        Host(api_url=url)
    assert word in str(wrong.value)
    assert "secret" not in str(wrong.value)


def test_http_is_for_loopback_alone() -> None:
    for url in ("http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1"):
        assert Host(api_url=url, allow_http=True).api_url == url
    for url in ("http://10.0.0.1", "http://github.example.com", "http://127.0.0.1.example.com", "http://localhost.x"):
        with pytest.raises(ValueError, match="loopback"):
            Host(api_url=url, allow_http=True)


def test_urls_of_a_host() -> None:
    assert Host().web_url == "https://github.com"
    assert Host(api_url="https://ghes.example.com/api/v3/").api_url == "https://ghes.example.com/api/v3"
    assert Host(api_url="https://ghes.example.com/api/v3").web_url == "https://ghes.example.com"
    assert LOCAL.web_url == "http://127.0.0.1:8000"
    with pytest.raises(ValueError, match="networks as"):
        Host(log_networks=("10.0.0.1/8",))
    with pytest.raises(ValueError, match="api_version"):
        Host(api_version="latest\r\nX: y")


@pytest.mark.shows("T13")
@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://productionresultssa0.blob.core.windows.net/x?sig=1", True),
        ("https://pipelines.actions.githubusercontent.com/x", True),
        ("https://A.B.BLOB.core.windows.net/x", True),
        ("https://blob.core.windows.net/x", False),
        ("https://xblob.core.windows.net/x", False),
        ("https://a.blob.core.windows.net.example.org/x", False),
        ("https://a.blob.core.windows.net:8443/x", False),
        ("http://a.blob.core.windows.net/x", False),
        ("https://u@a.blob.core.windows.net/x", False),
        ("https://169.254.169.254/latest", False),
        ("https://[::1]/x", False),
        ("https://api.github.com/x", False),
        ("file:///etc/passwd", False),
        ("ftp://a.blob.core.windows.net/", False),
        ("https:///x", False),
    ],
)
def test_where_logs_of_github_com_may_come_from(url: str, allowed: bool) -> None:
    assert (Host().log_refusal(httpx.URL(url)) is None) is allowed


def test_log_hosts_of_other_hosts() -> None:
    enterprise = Host(api_url="https://ghes.example.com/api/v3")
    assert enterprise.log_refusal(httpx.URL("https://ghes.example.com/_logs/1")) is None
    assert enterprise.log_refusal(httpx.URL("https://a.blob.core.windows.net/1")) is not None
    chosen = Host(log_hosts=("store.example.com:9000", "*.s3.example.com", "[::1]:7", "any.example.com:*"))
    for url, allowed in {
        "https://store.example.com:9000/x": True,
        "https://store.example.com/x": False,
        "https://a.s3.example.com/x": True,
        "https://[::1]:7/x": True,
        "https://[::1]:8/x": False,
        "https://any.example.com:4711/x": True,
    }.items():
        assert (chosen.log_refusal(httpx.URL(url)) is None) is allowed, url
    assert LOCAL.log_refusal(httpx.URL("http://127.0.0.1:9999/x")) is None
    assert LOCAL.log_refusal(httpx.URL("http://127.0.0.2:9999/x")) is not None


@pytest.mark.shows("T13")
@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "192.0.2.1", "198.18.0.1", "240.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1",
        "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:db8::1",
        "2001:0:1::1", "not an address", "", "0x7f000001", "127.1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert Host().address_refusal(address) is not None


@pytest.mark.parametrize("address", ["20.60.1.1", "140.82.112.3", "2606:50c0:8000::153", "::ffff:20.60.1.1"])
def test_a_public_address_is_not_refused(address: str) -> None:
    assert Host().address_refusal(address) is None


@pytest.mark.shows("T13")
def test_a_private_network_is_allowed_by_name_only() -> None:
    host = Host(api_url="https://ghes.example.com/api/v3", log_networks=("10.7.0.0/16",))
    assert host.address_refusal("10.7.1.1") is None
    assert host.address_refusal("10.8.1.1") is not None
    assert host.address_refusal("127.0.0.1") is not None
    assert LOCAL.address_refusal("127.0.0.1") is None
    assert LOCAL.address_refusal("10.0.0.1") is not None
