from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from cicatrix.flows.context import Context
from cicatrix.github import AppCredentials, GitHub, Host
from cicatrix.simulator import SimTransport
from tests.stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture
def app_context(stage: Stage) -> Context:
    """A context whose identity is an App of its own: `cicatrix[bot]`."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    public = (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )
    stage.world.app(app_id=7, slug="cicatrix", public_key_pem=public)
    github = GitHub(
        Host(),
        AppCredentials("7", private),
        transport=SimTransport(stage.world),
        now=lambda: stage.world.now,
        sleep=stage.world.advance,
        jitter=lambda: 0.5,
    )
    return replace(stage.ctx, github=github)
