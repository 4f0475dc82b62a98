"""Bar 5 of part 2: no kind of secret, in no form, gets past the one redactor."""

from __future__ import annotations

import base64
import time
from urllib.parse import quote

import pytest

from cicatrix.core.encoded_secrets import encoded_spans
from cicatrix.core.redact import REDACTED, redact, redact_lines
from tests.secret_kinds import FORMS, KINDS, Maker, leaks, readable, samples

SEEDS = (1, 2)


def test_the_corpus_is_as_large_as_it_has_to_be() -> None:
    assert len(KINDS) >= 40
    assert {"plain", "json", "url", "base64", "ansi-split", "crlf"} <= set(FORMS)


def test_the_judge_of_leaks_sees_every_secret_that_nobody_masked() -> None:
    for name, sample in samples(SEEDS[0]).items():
        for form, encode in FORMS.items():
            assert leaks(sample, readable(encode(sample))), f"{name}, {form}"


@pytest.mark.shows("PG-4", "TR-2", "C11", "A15")
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("form", FORMS)
def test_nothing_is_left_of_any_kind_of_secret(form: str, seed: int) -> None:
    print(f"seed {seed}")
    left = {}
    for name, sample in samples(seed).items():
        shown = redact(f"2026-11-21T21:05:21.1Z {FORMS[form](sample)}")
        assert REDACTED in shown, name
        assert redact(shown) == shown, name
        if found := leaks(sample, readable(shown)):
            left[name] = found
    assert not left


@pytest.mark.parametrize("form", FORMS)
def test_all_kinds_in_one_text_hide_no_other(form: str) -> None:
    every = samples(9)
    seen = readable(redact("\n".join(f"{place} {FORMS[form](s)}" for place, s in enumerate(every.values()))))
    assert not {name: found for name, sample in every.items() if (found := leaks(sample, seen))}


def test_lines_keep_their_number_when_a_key_of_several_lines_goes() -> None:
    for form in ("plain", "crlf", "base64, wrapped", "ansi-split"):
        for sample in samples(4).values():
            text = f"first\n{FORMS[form](sample)}\nlast"
            shown = redact_lines(text)
            assert shown.count("\n") == text.count("\n")
            assert (shown.split("\n")[0], shown.split("\n")[-1]) == ("first", "last")
            assert not leaks(sample, readable(shown))


def test_our_own_key_keeps_its_id_and_loses_its_secret() -> None:
    sample = samples(1)["cicatrix api key"]
    key_id = sample.text.split("_")[1]
    assert redact(sample.text) == f"X-API-Key cic_{key_id}_{REDACTED}"


# --- what must not be touched


@pytest.mark.parametrize(
    "text",
    [
        "sha512-" + base64.b64encode(bytes(range(64))).decode(),
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "payload " + base64.b64encode(b"an ordinary sentence about nothing in particular").decode(),
        "GET https://ci.example/search?q=" + quote("how to rotate a password & why?", safe=""),
        "100%25 done, 7%20of%20them",
        "docker run -u 1000:1000 image",
        "install -u root file",
        "/home/runner/work/shop/shop/node_modules/package/dist/index.js",
        "test_a_very_long_name_of_a_test_that_nobody_wants_to_type_twice PASSED",
        "machine learning with a password manager",
        "sig=short Signature=valid",
        "cic_ABCDEFGH",
        "the key-value pairs of k8s.io/apimachinery",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_a_secret_in_a_quoted_address_leaves_the_rest_of_the_address() -> None:
    text = "GET https://ci.example/x?next=https%3A%2F%2Frobot%3Ahunter2-hunter2%40git.example%2Fo&n=1"
    assert redact(text) == f"GET https://ci.example/x?next=https%3A%2F%2F{REDACTED}%40git.example%2Fo&n=1"


# --- speed


@pytest.mark.parametrize("unit", ["%41", "YWJj", "PASSWORD%3D", " -u a:", "machine a ", '"auth":"', "A.BCDEFG.", "A1-"])
def test_time_grows_no_faster_than_the_text(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        began = time.process_time()
        redact(text)
        return time.process_time() - began

    small, large = min(seconds(20_000) for _ in range(3)), min(seconds(320_000) for _ in range(2))
    assert large < max(16 * small * 6, 0.25)


def test_the_finder_is_asked_at_most_twice_however_many_runs_there_are() -> None:
    asked: list[int] = []

    def find(plain: bytes) -> tuple[()]:
        asked.append(len(plain))
        return ()

    make = Maker(5)
    text = "\n".join(base64.b64encode(make(30).encode()).decode() + " a%41b" for _ in range(500)).encode()
    assert not list(encoded_spans(text, find))
    assert len(asked) == 2
