"""Every setting: its variable, its kind, its default and one sentence on it. The only place where they are listed."""

from __future__ import annotations

import contextlib
import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, PrivateAttr, SecretStr, field_validator, model_validator
from pydantic.config import JsonDict
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from cicatrix.core.policy import Environment

from .hosts import HostEntry

DEFAULT_API_URL = "https://api.github.com"
SHORTEST_WINDOW = 180
"""Seconds: a shorter reconcile window could end while a send, token included, is still on its way."""
OFF = frozenset({"", "0", "false", "no", "off"})

ENVIRONMENTS = {
    "": Environment.STAGING,
    "staging": Environment.STAGING,
    "prod": Environment.PROD,
    "production": Environment.PROD,
}


def _listed(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]


def _setting(*variables: str, about: str, default: Any = None, secret: bool = False, ours: bool = True) -> Any:
    extra: JsonDict = {"variables": list(variables), "secret": secret, "ours": ours}
    return Field(default=default, description=about, json_schema_extra=extra)


class Settings(BaseSettings):
    """The checked settings of one process. `origins` says of each where its value came from."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    deploy_env: str = _setting(
        "DEPLOY_ENV",
        default="",
        ours=False,
        about="`prod` or `production` is production, `staging` or nothing is staging, anything else is production too.",
    )
    lawbook_hash: str | None = _setting(
        "LAWBOOK_HASH",
        ours=False,
        about="Pins the deployment's base lawbook: 64 hex digits are its hash, anything else its version label. "
        "On a mismatch reads and dry runs work and writes are refused.",
    )
    repo_allowlist: str | None = _setting(
        "GITHUB_REPO_ALLOWLIST",
        ours=False,
        about='The service\'s access policy: `{"allowlist": [{"owner": "acme", "repo": "x", "branches": ["main"]}]}`. '
        "`*` stands for any text without `/`, `**` for any text. Missing denies every repository, except acme/shop "
        "with GITHUB_API_URL on loopback; malformed keeps the service from starting. A shell asks none: who names the "
        "repository there is the policy.",
    )
    github_token: SecretStr | None = _setting(
        "GITHUB_TOKEN",
        "GH_TOKEN",
        secret=True,
        ours=False,
        about="Token for GITHUB_API_URL's host. It needs `actions: write` for reruns and read rights for the rest.",
    )
    github_api_url: str = _setting(
        "GITHUB_API_URL",
        default=DEFAULT_API_URL,
        ours=False,
        about="Address of GitHub's REST API; alone it makes a list of one host. http is for loopback only.",
    )
    database_url: str | None = _setting(
        "CICATRIX_DATABASE_URL",
        about="Where the ledger is: `sqlite:////absolute/path` or a plain path. Default: `ledger.db` in the user's "
        "state folder, made with rights for that user alone.",
    )
    server: str | None = _setting(
        "CICATRIX_SERVER",
        about="A Cicatrix service that keeps the ledger for workflows. The shell cannot ask one yet: every command "
        "that needs a ledger ends with an error that says so, also with CICATRIX_DATABASE_URL. Its API can be asked.",
    )
    caller_token: SecretStr | None = _setting(
        "CICATRIX_TOKEN",
        secret=True,
        about="The credential with which `cicatrix verify-deployment` asks a deployment: an API key, or a token of its "
        "GitHub. Nothing else uses it.",
    )
    lawbook: Path | None = _setting(
        "CICATRIX_LAWBOOK",
        about="File of the deployment's base lawbook; `--lawbook` is the same. It takes the built-in lawbook's place.",
    )
    hosts: tuple[HostEntry, ...] = _setting(
        "CICATRIX_HOSTS",
        default=(),
        secret=True,
        about="Several GitHub hosts as a JSON list of objects with name, apiUrl, webUrl, logHosts, logNetworks, "
        "caFile, apiVersion and token, tokenFile or appId with appPrivateKeyFile and appInstallationId. GITHUB_TOKEN "
        "goes to the host of GITHUB_API_URL alone.",
    )
    github_app_id: str | None = _setting("CICATRIX_GITHUB_APP_ID", about="Id of the GitHub App to act as.")
    github_app_private_key: SecretStr | None = _setting(
        "CICATRIX_GITHUB_APP_PRIVATE_KEY", secret=True, about="The App's private key, PEM."
    )
    github_app_installation_id: str | None = _setting(
        "CICATRIX_GITHUB_APP_INSTALLATION_ID",
        about="The App's one installation to use; without it the installation of each repository is looked up.",
    )
    allow_classic_token: bool = _setting(
        "CICATRIX_ALLOW_CLASSIC_TOKEN",
        default=False,
        about="Lets a classic personal token work in production, although it cannot be narrowed.",
    )
    redispatch_token: SecretStr | None = _setting(
        "CI_REDISPATCH_TOKEN",
        secret=True,
        ours=False,
        about="The credential that starts a validation when neither the App nor GITHUB_TOKEN may: a fine-grained token "
        "with `contents: write` for repository_dispatch, or `actions: write` for workflow_dispatch.",
    )
    redispatch_token_previous: SecretStr | None = _setting(
        "CI_REDISPATCH_TOKEN_PREVIOUS",
        secret=True,
        ours=False,
        about="The token that CI_REDISPATCH_TOKEN took the place of; tried after it until "
        "CI_REDISPATCH_TOKEN_PREVIOUS_UNTIL, and never after.",
    )
    redispatch_token_previous_until: datetime | None = _setting(
        "CI_REDISPATCH_TOKEN_PREVIOUS_UNTIL",
        ours=False,
        about="When the previous token ends to count, such as `2026-12-01T00:00:00Z`. Without it never.",
    )
    report_key: SecretStr | None = _setting(
        "CICATRIX_REPORT_KEY",
        secret=True,
        about="Key that signs validation reports (HMAC-SHA256), equal in the validation workflow and here. While it is "
        "set no report without this signature counts; without it the dispatch's own nonce signs.",
    )
    git_folder: Path | None = _setting(
        "CICATRIX_GIT_FOLDER",
        about="Folder of our own bare mirrors. Default: `mirrors` in the user's cache folder.",
    )
    ci: str = _setting(
        "CI",
        default="",
        ours=False,
        about="`true` in nearly every CI. There, in GitHub Actions and in the service a rollback leaves as a draft; on "
        "any other machine it is prepared and never leaves.",
    )
    run_checks: bool = _setting(
        "CICATRIX_RUN_CHECKS",
        default=False,
        about="Whether `tick` and `up` may run the repository's own code here (checks, fixes, reproduction of a "
        "cause). The commands `gate`, `heal` and `validate` always run it: whoever types them asks for it.",
    )
    write_interval: float = _setting(
        "CICATRIX_WRITE_INTERVAL", default=1.0, about="Seconds between two writes to GitHub; 0 for load tests."
    )
    reconcile_window: float = _setting(
        "CICATRIX_RECONCILE_WINDOW",
        default=600.0,
        about="Seconds for which the absence of a new attempt proves nothing after a lost answer. Below "
        f"{SHORTEST_WINDOW} it is refused, except with GITHUB_API_URL on loopback.",
    )
    poll_interval: float = _setting(
        "CICATRIX_POLL_INTERVAL", default=15.0, about="Seconds between two looks at a rerun that is under way."
    )
    kill_switch: str = _setting(
        "CICATRIX_KILL_SWITCH",
        default="",
        about="Anything but nothing, 0, false, no and off stops every write to GitHub. Read at start.",
    )
    kill_switch_file: Path | None = _setting(
        "CICATRIX_KILL_SWITCH_FILE",
        about="While this file exists, or cannot be looked for, nothing is written to GitHub. Asked before each write.",
    )
    log_hosts: Names | None = _setting(
        "CICATRIX_LOG_HOSTS",
        about="Names, separated by commas, from which job logs may be fetched; `*.suffix` stands for any name below.",
    )
    log_networks: Names = _setting(
        "CICATRIX_LOG_NETWORKS",
        default=(),
        about="Private networks, separated by commas, that a log host may resolve to, such as `10.1.0.0/16`.",
    )
    ca_file: Path | None = _setting(
        "CICATRIX_CA_FILE", about="Further certificate authorities for the API and the log hosts, PEM."
    )
    api_version: str = _setting(
        "CICATRIX_API_VERSION", default="2022-11-28", about="The `X-GitHub-Api-Version` that is asked for."
    )
    payload: str = _setting(
        "CICATRIX_PAYLOAD",
        default="",
        about="The payload of a dispatch as JSON, for `validate`. It travels in the environment, never in a command.",
    )
    event_path: Path | None = _setting(
        "GITHUB_EVENT_PATH",
        ours=False,
        about="Inside GitHub Actions: the file with the event, where `validate` looks without CICATRIX_PAYLOAD.",
    )
    step_output: Path | None = _setting(
        "GITHUB_OUTPUT",
        ours=False,
        about="Inside GitHub Actions: the file that takes a step's outputs. The runner sets it.",
    )
    step_summary: Path | None = _setting(
        "GITHUB_STEP_SUMMARY",
        ours=False,
        about="Inside GitHub Actions: the file that takes a step's summary, Markdown.",
    )
    config: Path | None = _setting(
        "CICATRIX_CONFIG", about="A TOML file with any of these settings, by the names that `config show` prints."
    )

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)
    _inside_actions: bool = PrivateAttr(default=False)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` gives: it reads every source itself, so that each value's origin is known."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @field_validator("deploy_env", "kill_switch")
    @classmethod
    def _trimmed(cls, value: str) -> str:
        return value.strip()

    @field_validator("redispatch_token_previous_until")
    @classmethod
    def _zoned(cls, value: datetime | None) -> datetime | None:
        return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)

    @field_validator("write_interval")
    @classmethod
    def _interval(cls, value: float) -> float:
        if not 0 <= value <= 3600:
            raise ValueError("must be 0..3600 seconds")
        return value

    @field_validator("poll_interval")
    @classmethod
    def _poll(cls, value: float) -> float:
        if not 0.05 <= value <= 3600:
            raise ValueError("must be 0.05..3600 seconds")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Settings:
        if not 0 <= self.reconcile_window <= 86_400:
            raise ValueError("CICATRIX_RECONCILE_WINDOW must be 0..86400 seconds")
        if self.reconcile_window < SHORTEST_WINDOW and not self.on_loopback:
            raise ValueError(
                f"CICATRIX_RECONCILE_WINDOW is {self.reconcile_window:g} s: below {SHORTEST_WINDOW} s a lost answer "
                "could be taken for a lost request, and the rerun would happen twice"
            )
        if (self.github_app_id is None) != (self.github_app_private_key is None):
            raise ValueError("CICATRIX_GITHUB_APP_ID and CICATRIX_GITHUB_APP_PRIVATE_KEY(_FILE) belong together")
        names = [entry.name.lower() for entry in self.hosts]
        if len(set(names)) < len(names):
            raise ValueError("CICATRIX_HOSTS names one host twice")
        return self

    @property
    def origins(self) -> dict[str, str]:
        """Setting -> `flag`, the variable's name, the file, or `default`."""
        return {name: self._origins.get(name, "default") for name in type(self).model_fields}

    @property
    def environment(self) -> Environment:
        """GE-1: unset or empty is staging, an unknown word is production."""
        return ENVIRONMENTS.get(self.deploy_env.lower(), Environment.PROD)

    @property
    def environment_known(self) -> bool:
        return self.deploy_env.lower() in ENVIRONMENTS

    @property
    def inside_actions(self) -> bool:
        return self._inside_actions

    @property
    def in_ci(self) -> bool:
        """The seed's rule: `CI` or `GITHUB_ACTIONS` is `true`."""
        return self.inside_actions or self.ci.strip().lower() == "true"

    @property
    def ephemeral_ledger(self) -> bool:
        """Inside GitHub Actions without a database or a server: the ledger would die with the runner."""
        return self.inside_actions and self.database_url is None and self.server is None

    @property
    def on_loopback(self) -> bool:
        """Whether GITHUB_API_URL is this machine: a simulated GitHub."""
        name = urlsplit(self.github_api_url).hostname or ""
        if name == "localhost":
            return True
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False

    @property
    def kill_switch_on(self) -> bool:
        return self.kill_switch.lower() not in OFF

    @property
    def write_pause(self) -> timedelta:
        return timedelta(seconds=self.write_interval)

    @property
    def window(self) -> timedelta:
        return timedelta(seconds=self.reconcile_window)

    @property
    def poll(self) -> timedelta:
        return timedelta(seconds=self.poll_interval)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every configured secret in clear: for the redactor and for nothing else."""
        given = [
            self.github_token,
            self.github_app_private_key,
            self.caller_token,
            self.redispatch_token,
            self.redispatch_token_previous,
            self.report_key,
            *(entry.token for entry in self.hosts),
        ]
        found = [item.get_secret_value() for item in given if item is not None]
        for path in (p for entry in self.hosts for p in (entry.token_file, entry.app_private_key_file)):
            with contextlib.suppress(OSError, ValueError):  # whoever needs the file says what is wrong with it
                found += [] if path is None else [path.read_text(encoding="utf-8").strip()]
        return tuple(value for value in found if value)

    @property
    def default_database(self) -> Path:
        """Where the ledger is unless CICATRIX_DATABASE_URL says otherwise."""
        from platformdirs import user_state_path  # noqa: PLC0415 -- reads the environment, so it belongs in here

        return user_state_path("cicatrix") / "ledger.db"

    @property
    def mirrors(self) -> Path:
        """Where our own bare mirrors are kept; they may be deleted at any time."""
        return self.git_folder or self.cache_folder / "mirrors"

    @property
    def cache_folder(self) -> Path:
        """Where the compiled rule set is kept; it may be deleted at any time."""
        from platformdirs import user_cache_path  # noqa: PLC0415 -- reads the environment, so it belongs in here

        return user_cache_path("cicatrix")
