"""The one redactor: what leaves Cicatrix passes through here first, and so does what enters the ledger.

Two steps, both in time linear in the text. `clean` removes what could drive a terminal or hide text; `redact` also
removes what looks like a secret. Cleaning comes first, since a colour code inside a token would hide it.
A name before the value (`PASSWORD=`, `"apiKey": "..."`) is kept, so that a reader sees what was there.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote, quote_plus

from cicatrix.core.encoded_secrets import encoded_spans
from cicatrix.core.secret_shapes import find_tokens

REDACTED = "[redacted]"
SHORTEST_CONFIGURED = 4
"""Configured values below this length are ignored: they would blot out ordinary words."""

Span = tuple[int, int]

_MASK = REDACTED.encode()
_MOST_PASSES = 8
_C0 = bytes(set(range(0x20)) - {0x07, 0x09, 0x0A, 0x1B}) + b"\x7f"
_STRING_BODY = rb"(?:[^\x07\x1b\n\xc2]|\xc2[^\x9c\x9d])*"
_ESCAPES = re.compile(
    rb"(?:\x1b[\]PX^_]|\xc2[\x90\x98\x9d-\x9f])" + _STRING_BODY + rb"(?:\x07|\x1b\\|\xc2\x9c)"  # OSC, DCS, SOS, PM, APC
    rb"|(?:\x1b\[|\xc2\x9b)[0-?]*[ -/]*[@-~]?"  # CSI: colours, cursor
    rb"|\x1b[\]PX^_]"  # a string that never ends: its text is kept
    rb"|\x1b[ -/]*[0-~]?"
)
_INVISIBLE = re.compile(
    rb"\xc2[\x80-\x9f\xad]"  # C1 and soft hyphen
    rb"|\xd8\x9c|\xe1\xa0\x8e"  # Arabic letter mark, Mongolian vowel separator
    rb"|\xe2\x80[\x8b-\x8f\xa8-\xae]"  # zero width, line and paragraph separators, bidi embeddings and overrides
    rb"|\xe2\x81[\xa0-\xaf]"  # word joiner, bidi isolates
    rb"|\xef\xbb\xbf|\xef\xbf[\xb9-\xbb]"  # byte order mark, interlinear marks
    rb"|\xf3\xa0[\x80\x81][\x80-\xbf]"  # tag characters
)


def clean(text: str) -> str:
    """The text without control, escape, bidi and invisible characters; line feed and tab stay.

    Lone surrogates become `?`, so that the result can always be encoded. Idempotent.
    """
    return _clean(text).decode()


def redact(text: str) -> str:
    """The cleaned text with every secret that is known by its shape replaced by `[redacted]`. Idempotent."""
    return _redacted(_clean(text), _shapes).decode("utf-8", "replace")


def redact_lines(text: str) -> str:
    """As `redact`, and with as many line feeds as before: a secret of several lines leaves empty lines behind it."""
    return _redacted(_clean(text), _shapes, keep_lines=True).decode("utf-8", "replace")


def redactor(extra: Iterable[str]) -> Callable[[str], str]:
    """A `redact` that also removes the values of `extra`: as they are, quoted for URLs and JSON, and in base64.

    Base64 is found at every alignment, so `base64("user:" + value)` is removed too.
    Values shorter than 4 characters are ignored.
    """
    plain, encoded = _forms(extra)

    def spans(data: bytes) -> list[Span]:
        return [*_shapes(data), *_configured(data, plain, encoded)]

    def redact_configured(text: str) -> str:
        return _redacted(_clean(text), spans).decode("utf-8", "replace")

    return redact_configured


def _clean(text: str) -> bytes:
    data = text.encode("utf-8", "replace").translate(None, _C0)
    plain_ascii = data.isascii()
    if b"\x1b" in data or not plain_ascii:
        data = _ESCAPES.sub(b"", data)
    data = data.translate(None, b"\x07\x1b")
    return data if plain_ascii else _INVISIBLE.sub(b"", data)


def _redacted(data: bytes, spans: Callable[[bytes], Iterable[Span]], *, keep_lines: bool = False) -> bytes:
    """Masks until nothing is left to mask: what stood right before a secret may have hidden another one.

    Only lines that were changed are looked at again.
    """
    data = _masked(data, spans(data), keep_lines=keep_lines)
    for _ in range(_MOST_PASSES):
        if _MASK not in data:
            break
        lines = data.split(b"\n")
        changed = [n for n, line in enumerate(lines) if _MASK in line]
        before = b"\n".join(lines[n] for n in changed)
        after = _masked(before, spans(before), keep_lines=keep_lines)
        if after == before:
            break
        again = after.split(b"\n")
        if len(again) != len(changed):  # a secret of several lines came to light
            data = _masked(data, spans(data), keep_lines=keep_lines)
            continue
        for n, line in zip(changed, again, strict=True):
            lines[n] = line
        data = b"\n".join(lines)
    return data


def _masked(data: bytes, spans: Iterable[Span], *, keep_lines: bool = False) -> bytes:
    def mask(start: int, end: int) -> bytes:
        return _MASK + b"\n" * data.count(b"\n", start, end) if keep_lines else _MASK

    parts: list[bytes] = []
    done, start, end = 0, -1, -1
    for first, last in sorted(spans):
        if first <= end:
            end = max(end, last)
            continue
        if end >= 0:
            parts += [data[done:start], mask(start, end)]
            done = end
        start, end = first, last
    if end >= 0:
        parts += [data[done:start], mask(start, end)]
        done = end
    parts.append(data[done:])
    return b"".join(parts)


def _shapes(data: bytes) -> list[Span]:
    return [*_plain_shapes(data), *encoded_spans(data, _plain_shapes)]


def _plain_shapes(data: bytes) -> list[Span]:
    lower = data.lower()
    return [
        *find_tokens(data),
        *_private_keys(data),
        *_userinfo(data, lower),
        *_command_lines(data, lower),
        *_headers(data, lower),
        *_schemes(data, lower),
        *_assignments(data, lower),
    ]


_PEM = re.compile(rb"-----BEGIN[A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----")
_PEM_END = re.compile(rb"-----END[A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----")
_PEM_LONGEST, _PEM_CUT = 65_536, 16_384


def _private_keys(data: bytes) -> Iterator[Span]:
    """Whole PEM blocks; of one without an end (a cut log) the next 16 KiB, more than the longest usual key."""
    at = 0
    while b"PRIVATE KEY" in data and (begin := _PEM.search(data, at)):
        end = _PEM_END.search(data, begin.end(), begin.end() + _PEM_LONGEST)
        at = end.end() if end else min(len(data), begin.end() + _PEM_CUT)
        yield begin.start(), at


_DATABASE = frozenset(
    b"postgres postgresql mysql mariadb mongodb redis rediss amqp amqps mssql sqlserver oracle clickhouse cockroachdb"
    b" nats ldap ldaps".split()
)
_SCHEME_LETTERS = b"abcdefghijklmnopqrstuvwxyz0123456789+.-"
_RUN = re.compile(rb"[^\s\"'`<>]*")
_AUTHORITY = re.compile(rb"[^\s\"'`<>/?#]*")
_LONGEST_USER = 16


def _userinfo(data: bytes, lower: bytes) -> Iterator[Span]:
    """`user:password` of URLs, and a user so long that it is a token. Database URLs often hold raw `/` and `#`."""
    at, run_end = data.find(b"://"), 0
    while at >= 0:
        start = at + 3
        head = lower[max(0, at - 31) : at]
        scheme = head[len(head.rstrip(_SCHEME_LETTERS)) :]
        database = scheme.split(b"+", 1)[0] in _DATABASE
        if database and start > run_end:
            run_end = _match_end(_RUN, data, start)
        stop = run_end if database else _match_end(_AUTHORITY, data, start)
        if database and (inner := data.find(b"://", start, stop)) >= 0:
            stop = inner
        last = data.rfind(b"@", start, stop)
        if last > start and (data.find(b":", start, last) >= 0 or last - start >= _LONGEST_USER):
            yield start, last
        at = data.find(b"://", max(start, stop - 2 if last < 0 else last))


def _match_end(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    found = pattern.match(data, at)
    return found.end() if found else at


_HEADER = re.compile(rb"\\*[\"']?[ \t]*(?:=>|[:=])[ \t]*(\\*[\"'])?")
_STARRED = re.compile(rb"(?:[A-Za-z]+[ \t]+)?\*+[ \t,;)\]}]*")
_SHOWN_BY_GITHUB = 200
"""GitHub masks with `***`; a longer line than this holds more than a mask."""


def _headers(data: bytes, lower: bytes) -> Iterator[Span]:
    """Values of `Authorization` and cookie headers: to the quote that closes them, else to the end of the line."""
    for name in (b"authorization", b"cookie"):
        at = lower.find(name)
        while at >= 0:
            after = at + len(name)
            found = _HEADER.match(data, after)
            if found and not (name == b"cookie" and b":" not in found.group()):
                quote_mark = found.group(1) or _quote_before(data, at)
                after, stop = found.end(), _line_end(data, found.end())
                if quote_mark and (closed := data.find(quote_mark[-1:], after, stop)) >= 0:
                    stop = closed
                value = data[after : min(stop, after + _SHOWN_BY_GITHUB)].strip()
                if value and not (stop - after < _SHOWN_BY_GITHUB and _STARRED.fullmatch(value)):
                    yield after, stop
                after = max(stop, after)
            at = lower.find(name, after)


def _quote_before(data: bytes, at: int) -> bytes:
    before = data[max(0, at - 12) : at].removesuffix(b"proxy-").removesuffix(b"Proxy-").removesuffix(b"Set-")[-1:]
    return before if before in {b'"', b"'"} else b""


def _line_end(data: bytes, at: int) -> int:
    found = data.find(b"\n", at)
    return found if found >= 0 else len(data)


_NETRC = re.compile(rb"machine[ \t]+\S{1,255}(?:\s+(?:login|account)\s+\S{1,255}){0,2}\s+password\s+(\S+)")
_USER_OPTION = re.compile(rb"[ \t](?:-u|--user)[ \t=]*[\"']?[^\s:\"'/]{1,128}:([^\s\"']+)")
_DOCKER = re.compile(rb"\"auth\\*\"[ \t]*:[ \t]*\\*\"([A-Za-z0-9+/=]{8,})")
_SSHPASS = re.compile(rb"sshpass[ \t]+-p[ \t]*([\"']?[^\s\"']+)")


def _command_lines(data: bytes, lower: bytes) -> Iterator[Span]:
    """Passwords without a telling name: after `curl -u user:` and `sshpass -p`, in a netrc, in Docker's config.json."""
    if b'"auth' in data:
        for found in _DOCKER.finditer(data):
            yield found.span(1)
    for word, pattern in ((b" -u", _USER_OPTION), (b" --user", _USER_OPTION), (b"sshpass", _SSHPASS)):
        if word in data:
            for found in pattern.finditer(data):
                if not found.group(1).isdigit() and found.group(1) != _MASK:  # docker run -u 1000:1000
                    yield found.span(1)
    if b"machine" in lower and b"password" in lower:
        for found in _NETRC.finditer(lower):
            yield found.span(1)


_BEARER = re.compile(rb"[ \t:=]+([A-Za-z0-9._~+/=\-]{8,})")
_BASIC = re.compile(rb"[ \t:=]+([A-Za-z0-9+/_\-]{4,}={0,2})")
_WORD = re.compile(rb"[a-z]{1,15}[.]?")


def _schemes(data: bytes, lower: bytes) -> Iterator[Span]:
    """`Bearer <opaque>` and `Basic <base64 of user:password>` wherever they stand."""
    for name, pattern, accepts in ((b"bearer", _BEARER, _opaque), (b"basic", _BASIC, _credentials)):
        at = lower.find(name)
        while at >= 0:
            found = pattern.match(data, at + len(name))
            if found and accepts(found.group(1)):
                yield found.span(1)
            at = lower.find(name, found.end() if found else at + len(name))


def _opaque(value: bytes) -> bool:
    return _WORD.fullmatch(value) is None


def _credentials(value: bytes) -> bool:
    body = value.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    try:
        return b":" in base64.b64decode(body[: len(body) - (len(body) % 4 == 1)] + b"=" * (-len(body) % 4))
    except ValueError:
        return False


_KEYS = tuple(
    b"password passwd passphrase pwd secret token api_key api-key apikey access_key access-key accesskey private_key"
    b" private-key privatekey account_key accountkey signing_key encryption_key credential connectionstring _auth"
    b" webhook_url sessionid session_id".split()
)
_KEY_TAIL = re.compile(rb"(?!s[\"'\\ \t:=]|i[sz])[a-z0-9_.\-]{0,40}+(\\*+[\"'])?\]?[ \t]*+(=>|:=|==?|:(?!:))[ \t]*")
_FLAG_TAIL = re.compile(rb"[a-z0-9\-]{0,40}+[ \t]++(?!-)")
_FLAG_LETTERS = b"abcdefghijklmnopqrstuvwxyz0123456789-"
_VALUE = re.compile(
    rb"\\+\"((?:\\\\+[\"']|\\\\|[^\"\\\n])*)"
    rb"|\\+'((?:\\\\+[\"']|\\\\|[^'\\\n])*)"
    rb"|\"((?:\\.|[^\"\\\n])*)"
    rb"|'((?:\\.|[^'\\\n])*)"
    rb"|([^\s\"'`]+)"
)
_REFERENCE = re.compile(rb"(?:\$\{\{[^}\n]{0,200}\}\}|\$\{[^}\s]{0,200}\}|%[A-Z_]{1,60}%)(?=[\s\"'`]|$)")
_NOT_SECRET = re.compile(rb"\*+[,;)\]}]*|(?i:null|none|nil|true|false|undefined|empty)[,;)\]}]*|[,;(){}\[\]]+")
_PROSE = re.compile(rb"(?:unexpected|illegal)[ \t]+$")
_USERINFO = re.compile(rb"://[^\s\"'`<>/?#@]*$")
_HOST = re.compile(rb"[^\s\"'`<>/?#]*@")
_SOURCE_PLACE = re.compile(rb"[a-z0-9_\-]*\.[a-z0-9]{1,8}:$")
_LINE_NUMBER = re.compile(rb"[0-9]+(?::[0-9]+)?(?:[:)\],.;]|$)")
_WORKING_DIRECTORY = re.compile(rb"[/~$.]|[A-Za-z]:[\\/]")


def _assignments(data: bytes, lower: bytes) -> Iterator[Span]:
    """Values given to names such as PASSWORD, apiKey or --token, in env, JSON, YAML, TOML and command-line form."""
    for key in _KEYS:
        at = lower.find(key)
        while at >= 0:
            after = at + len(key)
            found = _VALUE.match(data, start) if (start := _value_start(lower, at, after)) else None
            if found and found.lastindex:
                after = found.end()
                span = found.span(found.lastindex)
                if _is_secret(data, lower, key, at, span):
                    yield span
            at = lower.find(key, after)


def _value_start(lower: bytes, at: int, after: int) -> int | None:
    if tail := _KEY_TAIL.match(lower, after):
        return tail.end()
    if flag := _FLAG_TAIL.match(lower, after):
        head = lower[max(0, at - 44) : at]
        before = head.rstrip(_FLAG_LETTERS)
        if head.startswith(b"-", len(before)) and (not before or before[-1:] in b" \t\n\"'[,="):
            return flag.end()
    return None


def _is_secret(data: bytes, lower: bytes, key: bytes, at: int, span: Span) -> bool:
    start, end = span
    value = data[start : min(end, start + 300)]
    if start == end or _REFERENCE.match(data, start) or _NOT_SECRET.fullmatch(value):
        return False
    if key == b"pwd" and _WORKING_DIRECTORY.match(value):
        return False
    if _HOST.match(value) and _USERINFO.search(data[max(0, at - 64) : at]):  # `_userinfo` masks it and leaves the host
        return False
    between = lower[at:start]
    if _LINE_NUMBER.match(value) and _SOURCE_PLACE.search(between):  # check_token.py:17: is a place in a source file
        return False
    if b"=" in between or end - start > 2:
        return not (b"=" not in between and _PROSE.search(lower[max(0, at - 16) : at]))
    return False


def _forms(values: Iterable[str]) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Every spelling of the configured values to look for: those that stand alone, and parts of base64 runs."""
    plain: set[str] = set()
    encoded: set[bytes] = set()
    for value in values:
        for part in {value, clean(value), value.strip(), *value.splitlines()}:
            if len(part) >= SHORTEST_CONFIGURED:
                plain |= {part, quote(part), quote(part, safe=""), quote_plus(part), json.dumps(part)[1:-1]}
                plain.add(json.dumps(part, ensure_ascii=False)[1:-1])
                encoded |= _base64_forms(part.encode("utf-8", "replace"))
    lower_hex = {re.sub("%[0-9A-F]{2}", lambda m: m.group().lower(), p) for p in plain}
    forms = {p.encode("utf-8", "replace") for p in plain | lower_hex if len(p) >= SHORTEST_CONFIGURED}
    return tuple(sorted(forms)), tuple(sorted(encoded))


def _base64_forms(value: bytes) -> set[bytes]:
    """What base64 shows of the value whatever stands before and after it: one form for each of the three alignments."""
    forms: set[bytes] = set()
    for lead in range(3):
        total = lead + len(value)
        text = base64.b64encode(b"\0" * lead + value).rstrip(b"=")
        body = text[(0, 2, 3)[lead] : len(text) - (total % 3 != 0)]
        if len(body) >= SHORTEST_CONFIGURED:
            forms |= {body, body.translate(bytes.maketrans(b"+/", b"-_"))}
    return forms


_BASE64_RUN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_-"


def _configured(data: bytes, plain: Iterable[bytes], encoded: Iterable[bytes]) -> Iterator[Span]:
    for form in plain:
        at = data.find(form)
        while at >= 0:
            yield at, at + len(form)
            at = data.find(form, at + len(form))
    for form in encoded:
        at = data.find(form)
        while at >= 0:
            # the neighbours share bits with the value: one quantum on each side goes too
            head, tail = data[max(0, at - 3) : at], data[at + len(form) : at + len(form) + 4]
            start = at - (len(head) - len(head.rstrip(_BASE64_RUN)))
            end = at + len(form) + (len(tail) - len(tail.lstrip(_BASE64_RUN)))
            yield start, end
            at = data.find(form, at + len(form))
