"""One GitHub among several, as `CICATRIX_HOSTS` lists them."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic.alias_generators import to_camel


class HostEntry(BaseModel):
    """One item of the list. Each host has credentials of its own: a token never goes to another host."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)

    name: str = Field(min_length=1, max_length=253)
    api_url: str
    web_url: str = ""
    log_hosts: tuple[str, ...] | None = None
    log_networks: tuple[str, ...] = ()
    ca_file: Path | None = None
    api_version: str | None = None
    token: SecretStr | None = None
    token_file: Path | None = None
    app_id: str | None = None
    app_private_key_file: Path | None = None
    app_installation_id: str | None = None

    @model_validator(mode="after")
    def _one_credential(self) -> HostEntry:
        given = [name for name in ("token", "token_file", "app_id") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"host {self.name} has {' and '.join(given)}: keep one of them")
        if (self.app_id is None) != (self.app_private_key_file is None):
            raise ValueError(f"host {self.name} needs both appId and appPrivateKeyFile, or neither")
        return self
