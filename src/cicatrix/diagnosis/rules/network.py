"""Words that go with broken networks and prove nothing alone: they label and support, they never act (weak)."""

from __future__ import annotations

from cicatrix.core.verdict import FailureClass, Strength
from cicatrix.diagnosis.rule import Rule

_I = FailureClass.INFRA_TRANSIENT
_W = Strength.WEAK

NETWORK: tuple[Rule, ...] = (
    Rule(
        id="net.reset",
        failure_class=_I,
        strength=_W,
        match=(r"(?i)\bconnection reset by peer\b", r"\bECONNRESET\b", r"(?i)\bconnection (?:was )?aborted\b"),
        examples=("java.net.SocketException: Connection reset by peer",),
        counter_examples=("the preset by peers",),
    ),
    Rule(
        id="net.connect",
        failure_class=_I,
        strength=_W,
        match=(
            r"(?i)\bconnection (?:timed out|refused)\b",
            r"\b(?:ETIMEDOUT|ECONNREFUSED|ENETUNREACH|EHOSTUNREACH)\b",
            r"(?i)\bconnect timed out\b",
            r"(?i)\bno route to host\b",
            r"(?i)\bnetwork is unreachable\b",
            r"(?i)\bread timed out\b",
        ),
        examples=("dial tcp 10.0.0.1:443: connect: connection refused",),
        counter_examples=("plugins: timeout-2.1.0, network-0.1",),
    ),
    Rule(
        id="net.tls",
        failure_class=_I,
        strength=_W,
        match=(
            r"\bTLS handshake timeout\b",
            r"\bSSL_ERROR_SYSCALL\b",
            r"(?i)\bremote host (?:closed connection|terminated)",
        ),
        examples=("net/http: TLS handshake timeout",),
        counter_examples=("tls handshake ok",),
    ),
    Rule(
        id="net.dns",
        failure_class=_I,
        strength=_W,
        match=(
            r"(?i)\bcould not resolve host\b",
            r"\b[Tt]emporary failure in name resolution\b",
            r"\bEAI_AGAIN\b",
            r"\bUnknownHostException\b",
            r"(?i)\bunknown host\b",
            r"(?i)\bname or service not known\b",
            r"(?i)\bnodename nor servname provided\b",
            r"\bgetaddrinfo ENOTFOUND\b",
        ),
        examples=("curl: (6) Could not resolve host: files.example.org",),
        counter_examples=("host resolved",),
    ),
    Rule(
        id="http.server_error",
        failure_class=_I,
        strength=_W,
        match=(
            r"(?i)\b50[234] (?:bad gateway|service unavailable|service temporarily unavailable|gateway time-?out)",
            r"(?i)\bHTTP(?:/[\d.]+)? (?:error |status |code )?:?50[0234]\b",
            r"(?i)\b(?:status|response) ?code:? (?:is )?(?:50[0234]|429)\b",
            r"(?i)\b429 too many requests\b",
        ),
        unless=(r"HTTP/1\.[01] 500 OK",),
        examples=("HTTP 503", "503 Service Unavailable"),
        counter_examples=("ran 500 tests", "100 502k 100 502k  0  0  503k", "HTTP/1.1 500 OK"),
    ),
    Rule(
        id="git.remote_failed",
        failure_class=_I,
        strength=_W,
        match=(r"^ERROR: Error (?:cloning|fetching) remote repo '", r"^fatal: Could not read from remote repository"),
        rank=2,
        examples=("ERROR: Error fetching remote repo 'origin'",),
        counter_examples=("error: no remote repo",),
    ),
    Rule(
        id="docker.daemon",
        failure_class=_I,
        strength=_W,
        match=(r"\bCannot connect to the Docker daemon at ",),
        examples=("Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",),
        counter_examples=("connected to the docker daemon",),
    ),
    Rule(
        id="flaky.port_in_use",
        failure_class=FailureClass.FLAKY_PROBABLE,
        strength=_W,
        match=(
            r"\bEADDRINUSE\b",
            r"(?i)\baddress already in use\b",
            r"(?i)\bport \d+ is already (?:in use|allocated)\b",
        ),
        examples=("Error: listen EADDRINUSE: address already in use :::3000",),
        counter_examples=("port 3000 is open",),
    ),
    Rule(
        id="flaky.wait_expired",
        failure_class=FailureClass.FLAKY_PROBABLE,
        strength=_W,
        match=(
            r"(?i)\btimed out after \d",
            r"(?i)\btimeout of \d+ ?ms exceeded\b",
            r"\bConditionTimeoutException\b",
            r"(?i)\btimed out waiting for\b",
            r"\bTimeoutExpired\b",
            r"^Command took >\d+min, returning 124",
            r"(?i)\bexceeded timeout of \d+ ?ms\b",
        ),
        examples=("Error: Timeout of 2000ms exceeded. For async tests, ensure done() is called",),
        counter_examples=("timeout=30", "test_timeout PASSED"),
    ),
    Rule(
        id="flaky.declared",
        failure_class=FailureClass.FLAKY_PROBABLE,
        strength=_W,
        match=(
            r"(?i)\b(?:known|marked as|is) flaky\b",
            r"(?i)\bWARNING: ThreadSanitizer: data race\b",
            r"^WARNING: DATA RACE",
        ),
        examples=("test_login is flaky", "WARNING: DATA RACE"),
        counter_examples=("plugins: flaky-3.7.0",),
        warnings=True,
    ),
)
