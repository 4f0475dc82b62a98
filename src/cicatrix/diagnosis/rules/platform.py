"""What the platform itself says a job died of (terminal).

The end of its time and a cancel are said by the platform too, yet leave the cause open: their class is unknown.

GitHub's texts: https://github.com/actions/runner (the runner's messages), and the annotations of failed jobs.
"""

# ruff: noqa: E501 -- a pattern or a sample line is one thing and is read in one piece

from __future__ import annotations

from cicatrix.core.verdict import FailureClass, Strength
from cicatrix.diagnosis.rule import Rule

_SETUP = ("Set up job", "Set up runner", "Initialize containers", "Pull *", "Build *")

PLATFORM: tuple[Rule, ...] = (
    Rule(
        id="runner.lost_communication",
        failure_class=FailureClass.INFRA_TRANSIENT,
        strength=Strength.TERMINAL,
        match=(r"^The (?:self-)?hosted runner(?:: .{1,100})? lost communication with the server",),
        rank=9,
        examples=(
            (
                "The hosted runner lost communication with the server. Anything in your workflow that terminates the runner "
                "process can cause this."
            ),
            "The self-hosted runner: pool-7 lost communication with the server. Verify the machine is running.",
        ),
        counter_examples=("client lost communication with the server under test",),
    ),
    Rule(
        id="runner.shutdown_signal",
        failure_class=FailureClass.INFRA_TRANSIENT,
        strength=Strength.TERMINAL,
        match=(r"^The runner has received a shutdown signal",),
        error_line=True,
        rank=9,
        examples=(
            "##[error]The runner has received a shutdown signal. This can happen when the runner service is stopped.",
        ),
        counter_examples=("echo The runner has received a shutdown signal",),
    ),
    Rule(
        id="runner.not_acquired",
        failure_class=FailureClass.INFRA_TRANSIENT,
        strength=Strength.TERMINAL,
        match=(r"^The job was not acquired by Runner of type \w+ even after multiple attempts",),
        rank=9,
        examples=("The job was not acquired by Runner of type hosted even after multiple attempts",),
        counter_examples=("lock was not acquired even after multiple attempts",),
    ),
    Rule(
        id="platform.internal_error",
        failure_class=FailureClass.INFRA_TRANSIENT,
        strength=Strength.TERMINAL,
        match=(
            r"^(?:GitHub Actions has encountered an internal error|An internal error (?:has )?occurred when)",
            r"^An internal error occurred\.? (?:Please|Activity ID|Correlation)",
        ),
        error_line=True,
        rank=8,
        examples=("##[error]GitHub Actions has encountered an internal error when running your job.",),
        counter_examples=("##[error]expected 'An internal error' but was 'ok'",),
    ),
    Rule(
        id="action.download",
        failure_class=FailureClass.INFRA_TRANSIENT,
        strength=Strength.TERMINAL,
        match=(
            r"^Failed to download (?:action|archive) 'https://[^'\n]{1,400}'",
            r"^Failed to resolve action download info",
            r"^Action 'https://[^'\n]{1,400}' download has timed out",
        ),
        unless=(r"\b404\b",),
        steps=_SETUP,
        error_line=True,
        rank=9,
        examples=(
            "##[error]Failed to download archive 'https://codeload.github.com/acme/lint/tar.gz/0a1b2c' after 3 attempts.",
            "##[error]Failed to download action 'https://api.github.com/repos/acme/lint/tarball/0a1b2c'.",
            "##[error]Failed to resolve action download info. Error: Service Unavailable",
        ),
        counter_examples=(
            "##[warning]Failed to download action 'https://api.github.com/repos/acme/lint/tarball/0a1b2c'. Retrying",
            "##[error]Failed to download archive 'https://codeload.github.com/acme/gone/tar.gz/v9'. 404 (Not Found)",
        ),
    ),
    Rule(
        id="runner.pod_not_online",
        failure_class=FailureClass.INFRA_TRANSIENT,
        strength=Strength.TERMINAL,
        match=(r"\bpod failed to come online\b",),
        error_line=True,
        rank=9,
        examples=("##[error]Error: pod failed to come online with error: Error: Pod ci-7 is unhealthy: Pending",),
        counter_examples=("the pod failed to come online in the previous deployment, see the chart",),
    ),
    Rule(
        id="runner.container_start",
        failure_class=FailureClass.INFRA_TRANSIENT,
        strength=Strength.WEAK,
        match=(
            r"^Failed to initialize container \S+",
            r"^One or more containers failed to start",
        ),
        steps=_SETUP,
        error_line=True,
        rank=1,
        examples=("##[error]One or more containers failed to start.",),
        counter_examples=("test: One or more containers failed to start",),
    ),
    Rule(
        id="jenkins.node_lost",
        failure_class=FailureClass.INFRA_TRANSIENT,
        strength=Strength.TERMINAL,
        match=(
            r"^FATAL: (?:java\.io\.IOException: )?(?:hudson\.remoting\.|command execution failed|Unable to delete script file)",
            r"^Agent went offline during the build",
        ),
        rank=8,
        examples=("FATAL: hudson.remoting.RequestAbortedException: java.nio.channels.ClosedChannelException",),
        counter_examples=("	at hudson.remoting.UserRequest.perform(UserRequest.java:54)",),
    ),
    Rule(
        id="gitlab.system_failure",
        failure_class=FailureClass.INFRA_TRANSIENT,
        strength=Strength.TERMINAL,
        match=(r"^ERROR: Job failed \(system failure\): ",),
        unless=(r"(?i)no space left",),
        rank=8,
        examples=("ERROR: Job failed (system failure): prepare environment: waiting for pod running",),
        counter_examples=("ERROR: Job failed: exit code 1",),
    ),
    Rule(
        id="gitlab.image_pull",
        failure_class=FailureClass.INFRA_TRANSIENT,
        strength=Strength.TERMINAL,
        match=(
            r"^ERROR: Job failed: failed to pull image \"[^\"\n]+\" .*(?:timeout|Timeout|EOF|connection reset|\b50[0234]\b)",
        ),
        rank=8,
        examples=(
            (
                'ERROR: Job failed: failed to pull image "r.example.org/ci:1" with specified policies [always]: net/http: '
                "TLS handshake timeout"
            ),
        ),
        counter_examples=(
            (
                'ERROR: Job failed: failed to pull image "r.example.org/ci:1" with specified policies [always]: manifest '
                "unknown"
            ),
        ),
    ),
    Rule(
        id="job.time_limit",
        failure_class=FailureClass.UNKNOWN,
        suspected=FailureClass.FLAKY_PROBABLE,
        strength=Strength.TERMINAL,
        match=(
            r"^The (?:job|action|operation)\b.{0,200} has (?:exceeded the maximum execution time|timed out after)",
            r"^ERROR: Job failed: execution took longer than ",
        ),
        rank=6,
        examples=(
            "##[error]The job running on runner GitHub Actions 4 has exceeded the maximum execution time of 360 minutes.",
            "##[error]The action 'Integration' has timed out after 30 minutes.",
        ),
        counter_examples=("assert message == 'request has timed out after 3 tries'",),
    ),
    Rule(
        id="job.canceled",
        failure_class=FailureClass.UNKNOWN,
        suspected=FailureClass.CANCELLED,
        strength=Strength.TERMINAL,
        match=(r"^The operation was canceled\.", r"^A task was canceled\."),
        error_line=True,
        rank=5,
        examples=("##[error]The operation was canceled.",),
        counter_examples=("context: The operation was canceled.",),
    ),
)
