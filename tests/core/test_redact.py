"""Nothing secret and nothing that drives a terminal gets past the redactor."""

from __future__ import annotations

import base64
import time
import unicodedata
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cicatrix.core.redact import REDACTED, clean, redact, redactor

R36 = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxMjM0NSIsImV4cCI6OX0.c2lnbmF0dXJl-X_y"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA7bq\nq83vEjRWeJCrze8=\n-----END RSA PRIVATE KEY-----"
BASIC = base64.b64encode(b"user:pa55-word").decode()

# text, what must be gone, what must still be there
CORPUS: list[tuple[str, list[str], str]] = [
    *((f"using gh{kind}_{R36} now", [R36], "using [redacted] now") for kind in "pousr"),
    (f"github_pat_11ABCDEFG0_{R36}{R36}", [R36, "11ABCDEFG0"], ""),
    (f"ghs_12345_{JWT}.tail end", ["ghs_", JWT, "c2lnbmF0dXJl", "tail"], " end"),
    (f"ghs_{R36 * 12} end", [R36[-8:]], " end"),
    (f"v1.{'0123456789abcdef' * 3}", ["0123456789abcdef"], ""),
    (f"token is {JWT}", [JWT, "eyJhbGci"], "token is "),
    (PEM, ["MIIE", "q83v"], ""),
    (PEM.replace("\n", "\\n"), ["MIIE", "q83v"], ""),
    (f"before\n{PEM.replace('RSA ', 'OPENSSH ')}\nafter", ["MIIE", "q83v"], "after"),
    (PEM.partition("-----END")[0], ["MIIE", "q83v"], ""),
    ("Authorization: Bearer opaque.value-1", ["opaque"], "Authorization: "),
    (f"Authorization: Basic {BASIC}", [BASIC], "Authorization: "),
    ("authorization: token abc123def", ["abc123def"], "authorization: "),
    ('Authorization: Digest username="u", response="0badc0de"', ["0badc0de"], ""),
    ("curl -H 'Authorization: Bearer s3cr3t-x' https://api", ["s3cr3t"], "https://api"),
    ('{"Authorization": "Bearer s3cr3t-x", "n": 1}', ["s3cr3t"], '"n": 1'),
    ("Proxy-Authorization: Basic xyzzy", ["xyzzy"], ""),
    ("sent bearer s3cr3tOpaque99 away", ["s3cr3t"], " away"),
    (f"sent basic {BASIC}", [BASIC], "sent basic "),
    ("Set-Cookie: sid=abcdef; Path=/", ["abcdef"], ""),
    ("https://user:hunter2@example.org/x", ["hunter2"], "example.org/x"),
    (f"https://{R36}@github.com/o/r.git", [R36], "github.com/o/r.git"),
    ("https://x-access-token:hunter2@github.com/o/r", ["hunter2"], "github.com/o/r"),
    ("postgresql://app:p/w#1@db.internal:5432/prod", ["p/w#1"], "db.internal:5432/prod"),
    ("postgresql+psycopg://app:hunter2@db/prod", ["hunter2"], "db/prod"),
    ("mongodb+srv://app:hun@ter2@db/prod", ["ter2"], "db/prod"),
    ("redis://:hunter2@cache:6379", ["hunter2"], "cache:6379"),
    ("AKIAQ7Q7Q7Q7Q7Q7Q7Q7", ["AKIA"], ""),
    ("ASIAQ7Q7Q7Q7Q7Q7Q7Q7", ["ASIA"], ""),
    ("aws_secret_access_key = k9Xy2/Qp+Lm4", ["k9Xy2"], "aws_secret_access_key = "),
    ('{"SecretAccessKey": "k9Xy2/Qp+Lm4", "Version": 1}', ["k9Xy2"], '"Version": 1'),
    ('{\\"SecretAccessKey\\":\\"k9Xy2/Qp\\",\\"Version\\":1}', ["k9Xy2"], "Version"),
    ("AWS_SESSION_TOKEN=FwoGZXIvYXdz", ["FwoG"], "AWS_SESSION_TOKEN="),
    (f"xoxb-{'12' * 6}-{R36}", [R36], ""),
    ("xapp-1-A012-345-abcdef", ["abcdef"], ""),
    (f"https://hooks.slack.com/services/T0/B0/{R36}", [R36], ""),
    ("PASSWORD=hunter2", ["hunter2"], "PASSWORD="),
    ("export DB_PASSWORD='hun ter2' X=1", ["ter2"], "X=1"),
    ('password: "hunter2"', ["hunter2"], "password: "),
    ("password: hunter2", ["hunter2"], "password: "),
    ("TOKEN=abc SECRET=def API_KEY=ghi", ["abc", "def", "ghi"], "API_KEY="),
    ('"apiKey":"abc-def"', ["abc-def"], ""),
    ("client_secret=>'abcdef'", ["abcdef"], ""),
    ("mysql --password hunter2 -u root", ["hunter2"], "-u root"),
    ("mysql --password=hunter2 -u root", ["hunter2"], "-u root"),
    ("Server=db;User=sa;Password=hunter2;", ["hunter2"], "Server=db"),
    ("AccountKey=abcdEFGH0123==;EndpointSuffix=x", ["abcdEFGH"], ""),
    ("//registry.example/:_authToken=abcdef", ["abcdef"], ""),
    (f"gh\x1b[31mp_{R36[:9]}\x1b[0m{R36[9:]}", [R36[:9], R36[9:]], ""),
    ("PASS\x1b[1mWORD=\x1b[0mhun\x1b[0mter2", ["hunter2", "ter2"], "PASSWORD="),
    (f"ghp_{R36[:5]}\x00{R36[5:]}", [R36[5:]], ""),
    (f"ghp_{R36[:5]}\u200b{R36[5:]}", [R36[5:]], ""),
    (f"glpat-{R36[:20]}", [R36[:20]], ""),
    (f"npm_{R36}", [R36], ""),
    (f"sk_live_{R36}", [R36], ""),
    (f"AIza{R36}", [R36], ""),
    (f"dckr_pat_{R36}", [R36], ""),
    (f"hf_{R36}", [R36], ""),
]


@pytest.mark.parametrize(("text", "gone", "kept"), CORPUS, ids=range(len(CORPUS)))
def test_each_kind_of_secret_is_removed(text: str, gone: list[str], kept: str) -> None:
    found = redact(f"2026-11-21T21:05:21.1Z {text}")
    assert REDACTED in found
    assert kept in found
    for secret in gone:
        assert secret not in found
    assert redact(found) == found


@pytest.mark.parametrize(
    "text",
    [
        "Error: Unexpected token: punc",
        "max_tokens: 4096",
        "AUTHORIZATION: basic ***",
        "token: ***",
        "PWD=/home/runner/work",
        "git@github.com:octo/repo.git",
        "ssh://git@github.com/octo/repo",
        "https://example.org/a?email=a@b.example",
        "basic functionality works, Bearer authentication too",
        "password: null, secret=false",
        "with: token: ${{ secrets.X }}",
        "PASSWORD=${DB_PASSWORD} make",
        "secrets: inherit",
        "unit/check_token.py:17: AssertionError",
        "at AuthTokenTest.java:45) in password.go:12:5: undefined",
        "fetched ghp_pages9-2.4-py3.whl",
        "tokenize=1 tokens: 3",
        "highs_and_lows_of_the_day task-with-a-long-kebab-case-name",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "3b18e512dba79e4c8300dd08aeb37f8e728b8dad",
        "FAILED tests/test_auth.py::test_token_refresh - AssertionError",
        "connect ECONNREFUSED 10.0.0.1:5432",
    ],
)
def test_ordinary_lines_stay_as_they_are(text: str) -> None:
    assert redact(text) == text


# --- configured values

SECRET = 's3cr3t/val ue+\u00e9"x'


@pytest.mark.parametrize("before", ["", "a", "ab", "user:", "x" * 50])
@pytest.mark.parametrize("after", ["", "z", "zz", ":tail", "\n"])
def test_configured_values_are_removed_in_every_base64_alignment(before: str, after: str) -> None:
    hide = redactor([SECRET])
    whole = f"{before}{SECRET}{after}".encode()
    for encoded in (base64.b64encode(whole).decode(), base64.urlsafe_b64encode(whole).decode().rstrip("=")):
        found = hide(f"body {encoded} end")
        assert REDACTED in found
        shown = found.split()[1].replace(REDACTED, " ").split()
        for piece in shown:
            assert len(piece) <= len(encoded) - len(SECRET.encode())


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        quote(SECRET, safe="").lower(),
        '"s3cr3t/val ue+\\u00e9\\"x"',
        SECRET[:5] + "\x1b[0m" + SECRET[5:],
    ],
)
def test_configured_values_are_removed_in_every_quoting(form: str) -> None:
    found = redactor([SECRET])(f"a={form}&b")
    assert REDACTED in found
    assert "cr3t" not in found
    assert found.startswith("a=")


def test_each_line_of_a_configured_key_is_removed_on_its_own() -> None:
    hide = redactor(["first-line-of-key\nsecond-line-of-key"])
    assert hide("x second-line-of-key y") == "x [redacted] y"


def test_values_too_short_to_be_secrets_are_ignored() -> None:
    assert redactor(["", "abc"])("abc") == "abc"


@settings(max_examples=150, deadline=None)
@given(
    secret=st.text(
        st.characters(min_codepoint=33, max_codepoint=0x17F, exclude_characters="\x7f\xad"), min_size=8, max_size=40
    ),
    around=st.text(max_size=20),
)
def test_no_canary_survives(secret: str, around: str) -> None:
    value = clean(secret)
    found = redactor([secret])(f"{around}{secret}{around} {base64.b64encode(secret.encode()).decode()}")
    assert len(value) < 8 or value not in found


# --- control characters

HOSTILE = [
    *map(chr, range(0x20)),
    *map(chr, range(0x7F, 0xA0)),
    *map(chr, (0xAD, 0x61C, 0x180E, *range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF)),
    *map(chr, range(0xE0000, 0xE0080)),
    *(
        "\x1b[31m",
        "\x1b[2J",
        "\x1b]0;title\x07",
        "\x1b]8;;x\x1b\\",
        "\x1bPq\x1b\\",
        "\x1b(B",
        "\x1bc",
        "\x9b31m",
        "\x9dx\x9c",
    ),
    *("\x1b[", "\x1b]unfinished", "\x1b", "\x1b[38;5;1", "\x1b]x\ny\x07", "\x1b\x1b[31m[31m", "\x1b[\x0031m"),
]


@pytest.mark.parametrize("place", ["{}", "a{}b", "{}{}", "ghp_{}" + R36, "PASSWORD={}x"])
def test_no_control_character_gets_out(place: str) -> None:
    assert len(HOSTILE) >= 200
    for bad in HOSTILE:
        for out in (
            clean(place.format(bad, bad)),
            redact(place.format(bad, bad)),
            redactor([R36])(place.format(bad, bad)),
        ):
            assert not [c for c in out if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"} and c not in "\n\t"], (
                repr(out)
            )


def test_the_address_of_a_terminal_link_goes_with_its_escape() -> None:
    assert redact("\x1b]8;;https://u:hunter2@h\x1b\\link\x1b]8;;\x1b\\") == "link"


def test_text_of_an_escape_that_never_ends_is_kept() -> None:
    assert clean("\x1b]0;error: disk full") == "0;error: disk full"
    assert clean("a\r\nb\tc\x1b[1mbold\x1b[0m") == "a\nb\tcbold"
    assert clean("\u00e9\u4e2d\U0001f600 \ud800") == "\u00e9\u4e2d\U0001f600 ?"


PIECES = st.sampled_from(
    [
        *[text for text, _, _ in CORPUS],
        *HOSTILE[:40],
        *[
            '"',
            "'",
            "\\",
            "=",
            ":",
            "@",
            "://",
            " ",
            "\n",
            ",",
            "[redacted]",
            "***",
            "${",
            "}",
            "password",
            "token",
            "-----",
        ],
        *["Authorization", "cookie", "bearer ", "basic ", "--secret ", "ghp_", "eyJ", ".", "postgres", "a", "B9"],
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    once = redact(text)
    assert redact(once) == once
    assert clean(once) == once


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_taken(text: str) -> None:
    assert redact(clean(text)) == redact(text)


# --- speed


@pytest.mark.parametrize(
    "unit",
    [
        *("token=", "password=a ", "eyJ", "a://", "postgres://", "\x1b]", "-----BEGIN PRIVATE KEY-----", "ghp_a-"),
        *('"authorization', "token", "\x9d", 'token="\\', "bearer ", "--token ", "token=${", "cookie:", "basic YTpi "),
        *("@", "https://a:b", "\\", "password='", "secret:", "xoxb-", "\x1b[", "sk-", "api_key \t"),
    ],
)
def test_time_grows_no_faster_than_the_text(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        began = time.process_time()
        redact(text)
        return time.process_time() - began

    small, large = min(seconds(20_000) for _ in range(3)), min(seconds(320_000) for _ in range(2))
    assert large < max(16 * small * 6, 0.25)


def test_ten_megabytes_of_a_usual_log_take_less_than_a_second() -> None:
    line = "2026-11-21T21:05:21.1234567Z ##[group]Run npm ci --prefer-offline with token count https://r.example/foo-1.2.3.tgz\n"
    log = (line * 30 + f"PASSWORD=hunter2 ghp_{R36} https://u:p@h/ Authorization: Bearer abc.def\n") * 3_000
    assert len(log) > 10_000_000
    began = time.process_time()
    found = redact(log)
    took = time.process_time() - began
    print(f"10 MB redacted in {took:.2f} s")
    assert "hunter2" not in found
    assert R36 not in found
    assert took < 1.0
