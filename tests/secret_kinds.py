"""Every kind of secret that the redactor has to know, made anew from a seed: no real one, and none to be scanned for.

One table, `KINDS`: how a secret of each kind stands in a log. `FORMS` puts such a text into the encodings in which logs
show it. `leaks` says what is left of it.
"""

from __future__ import annotations

import base64
import json
import random
import re
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

LETTERS, DIGITS, HEX = string.ascii_letters, string.digits, "0123456789abcdef"
MIXED = LETTERS + DIGITS
WINDOW = 8
STRIDE = 4
"""Windows of that many characters are looked for, at every fourth place: eleven in a row always count as a leak."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A text of a log and what is secret in it."""

    text: str
    secrets: tuple[str, ...]


class Maker:
    """Draws from one seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def __call__(self, length: int, alphabet: str = MIXED) -> str:
        body = "".join(self._random.choice(alphabet) for _ in range(length - 2))
        # a digit and a capital or letter of the alphabet: what no word of prose looks like
        return body + self._pick(alphabet, LETTERS) + self._pick(alphabet, DIGITS)

    def _pick(self, alphabet: str, among: str) -> str:
        return self._random.choice([c for c in alphabet if c in among] or list(alphabet))


Build = Callable[[Maker], Sample]


def token(start: str, length: int, alphabet: str = MIXED, around: str = "using {} now") -> Build:
    """A token with a beginning of its own, in a sentence: the whole of it is secret."""

    def build(make: Maker) -> Sample:
        body = make(length, alphabet)
        return Sample(around.format(start + body), (body,))

    return build


def value(around: str, length: int = 20, alphabet: str = MIXED) -> Build:
    """A value without any shape: what stands around it gives it away."""
    return token("", length, alphabet, around)


def pem(kind: str) -> Build:
    def build(make: Maker) -> Sample:
        lines = [make(64, MIXED + "+/") for _ in range(6)]
        body = "\n".join(lines)
        return Sample(f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----", tuple(lines))

    return build


def service_account(make: Maker) -> Sample:
    key, number = make(64, MIXED + "+/"), make(40, HEX)
    pem_text = f"-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n"
    tree = {"type": "service_account", "private_key_id": number, "private_key": pem_text, "client_email": "a@b.example"}
    return Sample(json.dumps(tree), (key, number))


def json_web_token(make: Maker) -> Sample:
    head = base64.urlsafe_b64encode(b'{"alg":"RS256","typ":"JWT"}').decode().rstrip("=")
    body = base64.urlsafe_b64encode(json.dumps({"sub": make(12)}).encode()).decode().rstrip("=")
    mark = make(60, MIXED + "-_")
    return Sample(f"id token {head}.{body}.{mark} received", (mark, body))


def basic_header(make: Maker) -> Sample:
    encoded = base64.b64encode(f"robot:{make(18)}".encode()).decode()
    return Sample(f"> Authorization: Basic {encoded}", (encoded.rstrip("="),))


def docker_config(make: Maker) -> Sample:
    encoded = base64.b64encode(f"robot:{make(18)}".encode()).decode()
    return Sample('{"auths": {"registry.example": {"auth": "' + encoded + '"}}}', (encoded.rstrip("="),))


def discord_bot(make: Maker) -> Sample:
    head, middle, tail = make(24), make(6), make(38, MIXED + "-_")
    return Sample(f"bot {head}.{middle}.{tail} logs in", (head, tail))


def signed_address(make: Maker) -> Sample:
    mark = base64.b64encode(make(32).encode()).decode()
    encoded = quote(mark, safe="")
    return Sample(f"GET https://x.blob.example/c/f?sv=2024&sp=r&sig={encoded} 200", (mark.rstrip("="),))


BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
DASHED = MIXED + "-_"


def _own_key(make: Maker) -> Sample:
    body = make(43, DASHED)
    return Sample(f"X-API-Key cic_{make(8, BASE32)}_{body}", (body,))


def _entra(make: Maker) -> Sample:
    body = make(34, DASHED)
    return Sample(f"az login with {make(3)}8Q~{body}", (body,))


def _sendgrid(make: Maker) -> Sample:
    middle, tail = make(22, DASHED), make(43, DASHED)
    return Sample(f"key SG.{middle}.{tail} in use", (middle, tail))


def _terraform(make: Maker) -> Sample:
    head, tail = make(14), make(60)
    return Sample(f"token {head}.atlasv1.{tail} used", (head, tail))


KINDS: Mapping[str, Build] = {
    "github personal": token("ghp_", 36),
    "github oauth": token("gho_", 36),
    "github user": token("ghu_", 36),
    "github server": token("ghs_", 36),
    "github refresh": token("ghr_", 76),
    "github fine-grained": token("github_pat_", 82, MIXED + "_"),
    "cicatrix api key": _own_key,
    "aws access key id": token("AKIA", 16, string.ascii_uppercase + DIGITS),
    "aws secret, plain": value("aws_secret_access_key = {}", 40, MIXED + "/+"),
    "aws secret, json": value('{{"SecretAccessKey": "{}", "Version": 1}}', 40, MIXED + "/+"),
    "aws session token": value("AWS_SESSION_TOKEN={}", 120, MIXED + "/+"),
    "aws presigned url": value("GET https://b.s3.example/k?X-Amz-Signature={} 200", 64, HEX),
    "gcp service account": service_account,
    "google api key": token("AIza", 35, DASHED),
    "google oauth": token("ya29.", 60, DASHED),
    "google client secret": token("GOCSPX-", 28, DASHED),
    "azure storage": value("DefaultEndpointsProtocol=https;AccountName=x;AccountKey={}==;EndpointSuffix=y", 86),
    "azure sas": signed_address,
    "azure client secret": _entra,
    "slack bot": token("xoxb-", 50, MIXED + "-"),
    "slack app": token("xapp-1-", 60, MIXED + "-"),
    "slack webhook": token("https://hooks.slack.com/services/T0AB1CD2E/B0AB1CD2E/", 24),
    "stripe": token("sk_live_", 24),
    "stripe webhook": token("whsec_", 32),
    "npm": token("npm_", 36),
    "npmrc": value("//registry.example/:_authToken={}", 36),
    "pypi": token("pypi-AgEI", 150, DASHED),
    "gitlab": token("glpat-", 20, DASHED),
    "bitbucket": token("ATBB", 32),
    "atlassian": token("ATATT3", 180, DASHED),
    "docker": token("dckr_pat_", 27, DASHED),
    "docker config": docker_config,
    "json web token": json_web_token,
    "bearer": value("> Authorization: Bearer {}", 40, DASHED),
    "bearer in prose": value("sent bearer {} along", 40, DASHED),
    "basic header": basic_header,
    "url with password": value("cloning https://robot:{}@git.example/o/r.git", 24),
    "url with token": value("cloning https://{}@git.example/o/r.git", 40),
    "postgres": value("postgresql://app:{}@db.internal:5432/prod", 24),
    "mysql": value("mysql://app:{}@db.internal/prod", 24),
    "mongodb": value("mongodb+srv://app:{}@db.internal/prod", 24),
    "redis": value("rediss://:{}@cache.internal:6379/0", 24),
    "amqp": value("amqps://app:{}@queue.internal/vhost", 24),
    "rsa key": pem("RSA PRIVATE KEY"),
    "ec key": pem("EC PRIVATE KEY"),
    "openssh key": pem("OPENSSH PRIVATE KEY"),
    "pgp key": pem("PGP PRIVATE KEY BLOCK"),
    "encrypted key": pem("ENCRYPTED PRIVATE KEY"),
    "shell password": value("PASSWORD={}"),
    "shell secret": value("export DEPLOY_SECRET='{}'"),
    "shell token": value("TOKEN={} make release"),
    "yaml": value("db:\n  password: {}\n  user: app"),
    "json": value('{{"user": "app", "password": "{}"}}'),
    "ini": value("[db]\npassword = {}\nuser = app"),
    "toml": value('api_key = "{}"'),
    "command line": value("mysql --user app --password={} prod"),
    "query string": value("GET /callback?access_token={}&state=x"),
    "cookie": value("> Cookie: session={}; theme=dark", 40),
    "set-cookie": value("< Set-Cookie: sid={}; Path=/; HttpOnly", 40),
    "curl user": value("curl -sS -u robot:{} https://api.example/x", 24),
    "sshpass": value("sshpass -p {} ssh deploy@host.example", 24),
    "netrc": value("machine git.example login robot password {}", 24),
    "sendgrid": _sendgrid,
    "twilio": token("SK", 32, HEX),
    "telegram": token("123456789:AA", 33, DASHED),
    "discord bot": discord_bot,
    "discord webhook": token("https://discord.com/api/webhooks/1234567890/", 68, DASHED),
    "heroku": token("HRKU-AA", 58, DASHED),
    "heroku api key": value("HEROKU_API_KEY={}", 36, HEX + "-"),
    "digitalocean": token("dop_v1_", 64, HEX),
    "hugging face": token("hf_", 34),
    "openai": token("sk-proj-", 48, DASHED),
    "anthropic": token("sk-ant-api03-", 93, DASHED),
    "vault": token("hvs.", 90, DASHED),
    "age": token("AGE-SECRET-KEY-1", 58, string.ascii_uppercase + DIGITS),
    "terraform cloud": _terraform,
    "databricks": token("dapi", 32, HEX),
    "shopify": token("shpat_", 32, HEX),
    "linear": token("lin_api_", 40),
    "new relic": token("NRAK-", 27, string.ascii_uppercase + DIGITS),
    "grafana": token("glsa_", 41, MIXED + "_"),
    "doppler": token("dp.pt.", 43),
    "pulumi": token("pul-", 40, HEX),
    "circleci": token("CCIPAT_", 60, MIXED + "_"),
    "tailscale": token("tskey-auth-", 40, MIXED + "-"),
    "sonar": token("squ_", 40, HEX),
    "nuget": token("oy2", 43, string.ascii_lowercase + DIGITS),
    "rubygems": token("rubygems_", 48, HEX),
    "sentry": token("sntrys_", 100, MIXED + "+/"),
    "supabase": token("sbp_", 40, HEX),
}


# --- forms


def _split_by_colours(sample: Sample) -> str:
    text = sample.text
    for secret in sample.secrets:
        middle = len(secret) // 2
        text = text.replace(secret, f"{secret[:middle]}\x1b[31;1m{secret[middle:]}\x1b[0m")
    return text


def _wrapped(sample: Sample) -> str:
    """As the command `base64` prints it: lines of 76 characters."""
    encoded = base64.b64encode(sample.text.encode()).decode()
    return "\n".join(encoded[at : at + 76] for at in range(0, len(encoded), 76))


FORMS: Mapping[str, Callable[[Sample], str]] = {
    "plain": lambda s: s.text,
    "json": lambda s: json.dumps({"message": s.text, "n": 1}),
    "json in json": lambda s: json.dumps({"body": json.dumps({"message": s.text})}),
    "url": lambda s: "GET https://ci.example/log?m=" + quote(s.text, safe=""),
    "base64": lambda s: "payload " + base64.b64encode(s.text.encode()).decode(),
    "base64url": lambda s: "payload " + base64.urlsafe_b64encode(s.text.encode()).decode().rstrip("="),
    "base64, wrapped": _wrapped,
    "base64, wrapped, stamped": lambda s: "\n".join(f"2026-11-21T21:05:21.1Z {x}" for x in _wrapped(s).split("\n")),
    "ansi-split": _split_by_colours,
    "crlf": lambda s: f"before\r\n{s.text}\r\nafter\r\n".replace("\r\n", "\n").replace("\n", "\r\n"),
}


def samples(seed: int) -> dict[str, Sample]:
    """One sample of each kind."""
    return {name: build(Maker(seed * 1000 + place)) for place, (name, build) in enumerate(KINDS.items())}


def readable(shown: str) -> str:
    """Everything that somebody can read in a text: as it stands, unquoted, without colours, and out of its base64."""
    bare = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    text = "\n".join([bare, unquote(bare), *_decoded(bare)])
    return text + "\n" + text.replace("\\n", "\n").replace("\\", "")


def leaks(sample: Sample, text: str) -> list[str]:
    """What of the sample's secrets stands in a `readable` text."""
    found = []
    for secret in sample.secrets:
        size = min(WINDOW, len(secret))
        places = range(0, len(secret) - size + 1, STRIDE)
        found += [secret[at : at + size] for at in places if secret[at : at + size] in text]
    return found


def _decoded(shown: str) -> set[str]:
    """Each run of base64 in a text, decoded at every alignment; a block of wrapped lines as one run."""
    runs = set(_RUN.findall(shown)) | set(_RUN.findall(shown.replace("2026-11-21T21:05:21.1Z ", "").replace("\n", "")))
    return {_plain(run[lead:]) for run in runs for lead in range(4)}


_RUN = re.compile(r"[A-Za-z0-9+/_-]{8,}")


def _plain(run: str) -> str:
    body = run.translate(str.maketrans("-_", "+/"))
    return base64.b64decode(body[: len(body) // 4 * 4]).decode("latin-1")
