"""A package manager, git or a registry client whose transfer broke: the tool and the cause on one line (strong)."""

# ruff: noqa: E501 -- a pattern or a sample line is one thing and is read in one piece

from __future__ import annotations

from cicatrix.core.verdict import FailureClass, Strength
from cicatrix.diagnosis.rule import Rule

LIVING = (
    r"(?:(?:[a-z0-9.-]{0,60}\.)?(?:github\.com|githubusercontent\.com|gitlab\.com|bitbucket\.org|googleapis\.com|"
    r"windows\.net)|"
    r"(?:registry(?:-\d)?|proxy|index|files|static|archive|security|deb|dl-cdn|repo\d|plugins|services|conda|auth)"
    r"\.[a-z0-9-]{2,40}(?:\.[a-z0-9-]{2,40})?\.(?:org|io|com|net|example))"
)
"""Hosts that CI systems lean on and that are not retired: a failure to reach one of them is a passing one.

The forges by name; the index and download hosts of package managers by the shape of their names. About any other host
the same words prove nothing: a host shut down years ago also fails to answer.
"""

_BROKE = (
    r"(?:connection reset by peer|Connection reset|connection was reset|TLS handshake timeout|i/o timeout|unexpected EOF|"
    r"stream error|server misbehaving|Client\.Timeout exceeded|context deadline exceeded|\b50[0234]\b)"
)
_I = FailureClass.INFRA_TRANSIENT
_S = Strength.STRONG

PACKAGES: tuple[Rule, ...] = (
    Rule(
        id="git.server_error",
        failure_class=_I,
        strength=_S,
        match=(
            r"unable to access 'https?://[^'\n]{1,300}': The requested URL returned error: (?:5\d\d|429)",
            r"TransportException: https?://\S{1,300}: 50[0234] ",
        ),
        rank=6,
        examples=("fatal: unable to access 'https://git.example.org/a/b.git/': The requested URL returned error: 503",),
        counter_examples=(
            "fatal: unable to access 'https://git.example.org/a/b.git/': The requested URL returned error: 403",
        ),
    ),
    Rule(
        id="git.transfer_broke",
        failure_class=_I,
        strength=_S,
        match=(
            r"^(?:.{0,40}\b)?(?:fatal|error): (?:the remote end hung up unexpectedly|early EOF|RPC failed; )",
            r"^kex_exchange_identification: (?:read: )?Connection (?:reset|closed)",
            r"\bssh_dispatch_run_fatal: Connection to \S{1,120} port \d+: (?:Connection|Operation) (?:timed out|reset|corrupted)",
            r"^ssh: connect to host " + LIVING + r" port \d+: (?:Connection|Operation) (?:timed out|reset)",
        ),
        rank=5,
        examples=(
            "fatal: the remote end hung up unexpectedly",
            "error: RPC failed; curl 92 HTTP/2 stream 5 was not closed cleanly: CANCEL (err 8)",
            "ssh: connect to host github.com port 22: Connection timed out",
        ),
        counter_examples=("ssh: connect to host localhost port 2222: Connection refused",),
    ),
    Rule(
        id="git.unreachable",
        failure_class=_I,
        strength=_S,
        match=(
            r"unable to access 'https://" + LIVING + r"/[^'\n]{1,300}': "
            r"(?:Failed to connect|Could not resolve host|Couldn't connect|Connection timed out|Operation timed out|"
            r"Recv failure|Empty reply|gnutls_handshake|OpenSSL SSL_|SSL_ERROR_SYSCALL|Failure when receiving|"
            r"HTTP/2 stream|The TLS connection|server closed)",
        ),
        rank=6,
        examples=(
            "fatal: unable to access 'https://github.com/acme/app/': Failed to connect to github.com port 443 after 131000 ms",
        ),
        counter_examples=(
            "fatal: unable to access 'https://git.shut.example/a/': Could not resolve host: git.shut.example",
        ),
    ),
    Rule(
        id="npm.network",
        failure_class=_I,
        strength=_S,
        match=(
            r"^npm (?:ERR!|error) (?:code|errno) (?:ECONNRESET|ETIMEDOUT|ERR_SOCKET_TIMEOUT|EAI_AGAIN|ENETUNREACH|EPROTO)\b",
            r"^npm (?:ERR!|error) (?:code E5\d\d\b|50[0234] (?:Internal|Bad|Service|Gateway))",
            r"^npm (?:ERR!|error) (?:network )?(?:read ECONNRESET|Invalid response body while trying to fetch https)",
            r"\bERR_PNPM_(?:META_FETCH_FAIL|FETCH_5\d\d)\b",
            (
                r"^error An unexpected error occurred: \"https://[^\"\n]{1,300}: "
                r"(?:ESOCKETTIMEDOUT|ETIMEDOUT|ECONNRESET|socket hang up|tunneling socket)"
            ),
            r"\bYN0001: .{0,80}RequestError: (?:read ECONNRESET|connect ETIMEDOUT|getaddrinfo EAI_AGAIN|Timeout awaiting)",
        ),
        rank=6,
        examples=(
            "npm error code ECONNRESET",
            "npm ERR! errno ETIMEDOUT",
            "npm ERR! 503 Service Unavailable - GET https://registry.example.org/left-pad",
            'error An unexpected error occurred: "https://registry.example.org/x/-/x-1.0.0.tgz: ESOCKETTIMEDOUT".',
        ),
        counter_examples=("npm ERR! code E404", "expect(error.code).toBe('ECONNRESET')", "npm ERR! code ELIFECYCLE"),
    ),
    Rule(
        id="pip.network",
        failure_class=_I,
        strength=_S,
        match=(
            r"^(?:pip\._vendor\.)?(?:urllib3|requests)\.(?:packages\.urllib3\.)?exceptions\."
            r"(?:ReadTimeoutError|ProtocolError|IncompleteRead|ReadTimeout|ConnectTimeout|ChunkedEncodingError).{0,200}"
            + LIVING,
            (
                r"^pip\._vendor\.(?:urllib3|requests)(?:\.[a-z0-9]{1,20}){0,3}\."
                r"(?:ReadTimeoutError|ProtocolError|IncompleteRead|ReadTimeout|ConnectTimeout|ChunkedEncodingError)"
            ),
            (
                r"^ERROR: Could not install packages due to an (?:OSError|EnvironmentError): .{0,300}"
                r"(?:Read timed out|Connection reset|RemoteDisconnected|50[0234] (?:Server|Error|Service|Bad))"
            ),
            r"^ERROR: HTTP error 5\d\d while getting https?://",
        ),
        rank=6,
        examples=(
            (
                "pip._vendor.urllib3.exceptions.ReadTimeoutError: HTTPSConnectionPool(host='files.packages.example', "
                "port=443): Read timed out."
            ),
            "ERROR: HTTP error 503 while getting https://files.example.org/a-1.0-py3-none-any.whl",
        ),
        counter_examples=(
            "WARNING: Retrying (Retry(total=4)) after connection broken by 'ReadTimeoutError(...)': /simple/a/",
            "requests.exceptions.ReadTimeout: HTTPConnectionPool(host='localhost', port=8080): Read timed out.",
        ),
    ),
    Rule(
        id="fetch.request_failed",
        failure_class=_I,
        strength=_S,
        match=(
            r"\berror sending request for url \(https://" + LIVING,
            r"\bFailed to (?:fetch|download):? `?https://" + LIVING + r".{0,300}" + _BROKE,
            (
                r"\[(?:6|7|16|18|28|35|52|55|56|92)\] .{0,80}(?:Couldn't connect|Timeout was reached|SSL connect error|"
                r"HTTP2 framing layer|Failed sending data|Failure when receiving|Server returned nothing)"
            ),
        ),
        rank=4,
        examples=(
            "  Caused by: error sending request for url (https://static.crates.example/crates/a/a-1.0.crate)",
            "  [28] Timeout was reached (download of `a v1.0.0` failed to transfer more than 10 bytes in 30s)",
        ),
        counter_examples=("error sending request for url (http://127.0.0.1:9000/health)",),
    ),
    Rule(
        id="curl.transfer",
        failure_class=_I,
        strength=_S,
        match=(
            r"^curl: \((?:16|18|35|55|56|92)\) ",
            r"^curl: \(22\) The requested URL returned error: (?:50[0234]|429)",
            r"^curl: \((?:6|7|28)\) .{0,80}" + LIVING,
            r"^wget: server returned error: HTTP/1\.[01] 50[0234]",
            r" ERROR 50[0234]: (?:Service Unavailable|Bad Gateway|Gateway Time-?out|Internal Server Error)\.",
        ),
        unless=(r"\b(?:localhost|127\.0\.0\.1|\[::1\])",),
        rank=4,
        examples=(
            "curl: (56) Recv failure: Connection reset by peer",
            "curl: (22) The requested URL returned error: 502",
            "2026-01-02 03:04:05 ERROR 503: Service Unavailable.",
        ),
        counter_examples=(
            "curl: (7) Failed to connect to localhost port 8080: Connection refused",
            "curl: (22) The requested URL returned error: 404",
        ),
    ),
    Rule(
        id="go.module_fetch",
        failure_class=_I,
        strength=_S,
        match=(
            r"[a-z0-9./_-]{1,200}@v[^ :\n]{1,100}: (?:Get|reading) \"?https://.*" + _BROKE,
            r"^go: .{0,300}: (?:Get|reading) \"?https://.*" + _BROKE,
        ),
        rank=7,
        examples=(
            (
                'go: example.org/mod@v1.2.3: Get "https://proxy.modules.example/example.org/mod/@v/v1.2.3.zip": read tcp '
                "10.0.0.4:5277->142.250.0.1:443: read: connection reset by peer"
            ),
        ),
        counter_examples=(
            "go: example.org/mod@v9.9.9: reading https://proxy.modules.example/example.org/mod/@v/v9.9.9.mod: 404 Not Found",
        ),
    ),
    Rule(
        id="jvm.artifact_transfer",
        failure_class=_I,
        strength=_S,
        match=(
            (
                r"Could not transfer (?:artifact|metadata) .{1,500}(?:status code:? 50[0234]|code is: 50[0234]|"
                r"50[0234] (?:Service|Bad|Gateway|Internal)|Service Unavailable \(50[0234]\)|Connection reset|Read timed out|"
                r"Premature end of Content|Remote host (?:closed connection|terminated the handshake))"
            ),
            r"Could not (?:GET|HEAD) 'https?://[^'\n]{1,400}'\. Received status code 50[0234]",
            r"java\.io\.IOException: Downloading from https://services\.[a-z0-9.-]{3,80}/\S{1,200} failed: timeout",
        ),
        unless=(r"maven-default-http-blocker",),
        rank=7,
        examples=(
            (
                "[ERROR] Failed to execute goal on project app: Could not transfer artifact org.example:a:pom:1.0 from/to "
                "central (https://repo.example.org/maven2): status code: 503, reason phrase: Service Unavailable (503)"
            ),
            "> Could not GET 'https://repo.example.org/m2/a/1.0/a.pom'. Received status code 502 from server: Bad Gateway",
        ),
        counter_examples=(
            "[ERROR] Could not transfer artifact org.example:a:pom:1.0 from/to old (http://old.example): Unknown host old.example",
            "[ERROR] Could not transfer artifact a:b:pom:1 from/to maven-default-http-blocker (http://0.0.0.0/): Blocked mirror",
            "[WARNING] Could not transfer metadata a:b:1/maven-metadata.xml from/to c (https://c.example/): status code: 503",
        ),
    ),
    Rule(
        id="apt.fetch",
        failure_class=_I,
        strength=_S,
        match=(
            (
                r"^E: Failed to fetch https?://\S{1,300} +(?:50[0234] |Hash Sum mismatch|File has unexpected size|"
                r"Connection (?:failed|timed out)|Connection reset|Undetermined Error)"
            ),
            r"^E: Failed to fetch https?://"
            + LIVING
            + r"/\S{1,300} +(?:Could not connect|Unable to connect|Temporary failure)",
            r"^(?:W|E|Err): ?.{0,200}Temporary failure resolving '" + LIVING + "'",
            r": temporary error \(try again later\)",
        ),
        warnings=True,
        rank=6,
        examples=(
            "E: Failed to fetch http://archive.distro.example/ubuntu/pool/main/a/a_1_amd64.deb  503  Service Unavailable",
            "WARNING: Ignoring https://dl-cdn.distro.example/alpine/v3.19/main: temporary error (try again later)",
        ),
        counter_examples=("E: Failed to fetch http://archive.distro.example/a_1_amd64.deb  404  Not Found",),
    ),
    Rule(
        id="docker.registry",
        failure_class=_I,
        strength=_S,
        match=(
            r"(?:^|daemon: |ERROR: |error: ).{0,200}\b(?:Get|Head) \"?https://[^ \n]{1,300}/v2/[^\n]{0,300}" + _BROKE,
            r"\bcould not fetch content descriptor sha256:[0-9a-f]{8,64}.{0,200} from remote: not found",
            r"\bfailed to (?:copy|do request|fetch anonymous token|resolve source metadata).{0,300}" + _BROKE,
            r"\breceived unexpected HTTP status: 50[0234]\b",
            r"\berror pulling image configuration: download failed after attempts",
            r"\b(?:Get|Head) \"?https://"
            + LIVING
            + r"/v2/.{0,200}(?:network is unreachable|no route to host|dial tcp)",
            r"\btoomanyrequests: (?:You have reached|Rate exceeded|retry)",
        ),
        rank=7,
        examples=(
            'Error response from daemon: Get "https://registry-1.images.example/v2/": net/http: TLS handshake timeout',
            "toomanyrequests: You have reached your pull rate limit.",
            (
                "#6 ERROR: failed to copy: httpReadSeeker: failed open: could not fetch content descriptor "
                "sha256:0123456789abcdef (application/vnd.docker.image.rootfs.diff.tar.gzip) from remote: not found"
            ),
        ),
        counter_examples=("Error response from daemon: manifest for acme/app:9 not found: manifest unknown",),
    ),
    Rule(
        id="actions.service",
        failure_class=_I,
        strength=_S,
        match=(
            (
                r"^(?:Error: )?(?:read ECONNRESET|connect ETIMEDOUT|socket hang up|getaddrinfo EAI_AGAIN|"
                r"Client network socket disconnected)"
            ),
            (
                r"^(?:RequestError|HttpError|FetchError|TypeError: fetch failed|AggregateError).{0,200}"
                r"(?:ECONNRESET|ETIMEDOUT|EAI_AGAIN|50[0234] |socket hang up|other side closed)"
            ),
            (
                r"^(?:Error: )?(?:Failed to|Unable to) (?:CreateArtifact|FinalizeArtifact|ListArtifacts|GetSignedArtifactURL|"
                r"upload artifact|download artifact|make request|get ID token).{0,300}"
                r"(?:ECONNRESET|ETIMEDOUT|EAI_AGAIN|\b50[0234]\b|socket hang up|Unable to make request)"
            ),
            (
                r"^(?:Error: )?(?:Unexpected HTTP response|Response status code does not indicate success|"
                r"Unexpected response status|Failed to get ID Token\..{0,60}Error Code ?): ?\(?50[0234]\b"
            ),
        ),
        error_line=True,
        rank=6,
        examples=(
            "##[error]read ECONNRESET",
            "##[error]Failed to CreateArtifact: Received non-retryable error: Failed request: (503) Service Unavailable",
            "##[error]Unexpected HTTP response: 503",
        ),
        counter_examples=("##[error]AssertionError: expected 500 to equal 200", "read ECONNRESET"),
    ),
    Rule(
        id="cargo.network",
        failure_class=_I,
        strength=_S,
        match=(
            r"^[ \t]*network failure seems to have happened",
            r"^[ \t]*warning: spurious network error \(0 tries remaining",
        ),
        rank=5,
        examples=("  network failure seems to have happened",),
        counter_examples=("warning: spurious network error (2 tries remaining): timeout",),
    ),
    Rule(
        id="libgit2.transfer",
        failure_class=_I,
        strength=_S,
        match=(r"; class=(?:Net|Ssl|Http|Os) \(\d{1,3}\)(?:; code=|$)",),
        unless=(r"status code: 4\d\d",),
        rank=6,
        examples=("  SSL error: received early EOF; class=Ssl (16); code=Eof (-20)",),
        counter_examples=("  unexpected http status code: 404; class=Http (34)",),
    ),
    Rule(
        id="github.rate_limit_answer",
        failure_class=_I,
        strength=_S,
        match=(r"\"documentation_url\": \"https://docs\.github\.com/.{0,200}rate-limit",),
        rank=5,
        examples=('  "documentation_url": "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api",',),
        counter_examples=('  "documentation_url": "https://docs.github.com/rest",',),
    ),
    Rule(
        id="github.rate_limit",
        failure_class=_I,
        strength=_S,
        match=(
            r"\bAPI rate limit exceeded for (?:user|installation|site|[0-9a-f.:]{7,40}|[A-Za-z0-9-]{1,40}\.)",
            r"\bYou have exceeded a secondary rate limit\b",
        ),
        rank=6,
        examples=(
            '	"message": "API rate limit exceeded for user ID 7.",',
            "##[error]API rate limit exceeded for installation ID 7.",
        ),
        counter_examples=("    def test_api_rate_limit_exceeded(self):",),
    ),
)
