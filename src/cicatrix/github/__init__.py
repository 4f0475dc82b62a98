"""TALKS: the REST endpoints of GitHub that we use, wire models, credentials, and errors by "did it take effect?"."""

from cicatrix.github.client import GitHub
from cicatrix.github.credentials import AppCredentials, Credentials, Secret, TokenCredentials
from cicatrix.github.errors import Deferred, Diagnostics, GitHubError, NotSent, Refused, Unanswered
from cicatrix.github.exchange import LOG_TEMPLATE, Exchange, Sent
from cicatrix.github.host import LOG_HOSTS, Host
from cicatrix.github.payloads import Annotation
from cicatrix.github.table import BOUNDS, Bounds, FollowUp, Step, follow_up, retry_after
from cicatrix.github.writes import Accepted

__all__ = [
    "BOUNDS",
    "LOG_HOSTS",
    "LOG_TEMPLATE",
    "Accepted",
    "Annotation",
    "AppCredentials",
    "Bounds",
    "Credentials",
    "Deferred",
    "Diagnostics",
    "Exchange",
    "FollowUp",
    "GitHub",
    "GitHubError",
    "Host",
    "NotSent",
    "Refused",
    "Secret",
    "Sent",
    "Step",
    "TokenCredentials",
    "Unanswered",
    "follow_up",
    "retry_after",
]
