"""The doctor asks each configured provider, and says what to do."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from vendors.accounts import Accounts, accounts
from vendors.serving import KEY, Refusal, another_host

from services.cli.finding import Finding
from services.cli.provider_checks import check_providers
from services.cli.settings import Settings

KEYED = ["deepgram", "groq", "elevenlabs", "cartesia", "openai", "sarvam"]


@pytest.fixture
async def vendors() -> AsyncIterator[Accounts]:
    async with accounts() as vendors:
        yield vendors


async def found(settings: Settings) -> dict[str, Finding]:
    return {finding.what: finding async for finding in check_providers(settings)}


def keyed(url: str, key: str = KEY) -> Settings:
    given = {f"{name}_url": url for name in (*KEYED, "ollama", "coqui")}
    return Settings(**given, **{f"{name}_api_key": key for name in KEYED})  # type: ignore[arg-type]


async def test_every_provider_whose_key_is_good_answers(vendors: Accounts) -> None:
    findings = await found(keyed(vendors.url))
    assert {name: f.verdict for name, f in findings.items()} == {
        name: "ok" for name in (*KEYED, "ollama", "coqui")
    }


async def test_a_rejected_key_is_named_with_the_place_where_another_is_made(
    vendors: Accounts,
) -> None:
    findings = await found(keyed(vendors.url, "wrong"))
    for name in KEYED:
        assert findings[name].says == "the key is rejected"
        assert f"PARTYLINE_{name.upper()}_API_KEY" in findings[name].remedy
        assert "wrong" not in str(findings[name])


async def test_a_redirect_does_not_carry_keys_elsewhere(vendors: Accounts) -> None:
    async with another_host() as (elsewhere, came):
        vendors.refusal = Refusal(307, {}, {"Location": f"http://{elsewhere}/"})
        findings = await found(keyed(vendors.url))
    assert not came
    assert all("refuses" in finding.says for finding in findings.values())


@pytest.mark.parametrize(
    ("status", "says"), [(429, "quota"), (503, "out of order"), (404, "refuses")]
)
async def test_what_a_vendor_says_is_told_in_words(
    vendors: Accounts, status: int, says: str
) -> None:
    vendors.refusal = Refusal(status, {})
    findings = await found(keyed(vendors.url))
    assert all(says in finding.says for finding in findings.values())
    assert all(finding.verdict == "fails" for finding in findings.values())


async def test_a_provider_that_cannot_be_reached_says_which_address_to_check() -> None:
    findings = await found(Settings(groq_api_key=KEY, groq_url="http://127.0.0.1:1"))
    assert findings["groq"].verdict == "fails"
    assert "PARTYLINE_GROQ_URL" in findings["groq"].remedy


async def test_what_is_not_set_is_said_once_and_fails_nothing() -> None:
    (finding,) = (await found(Settings())).values()
    assert finding.verdict == "note"
    assert "PARTYLINE_DEEPGRAM_API_KEY" in finding.remedy


async def test_a_model_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    findings = await found(
        Settings(whisper_model=str(tmp_path), piper_voices=str(tmp_path / "none"))
    )
    assert findings["whisper model"].verdict == "ok"
    assert findings["piper voices"].verdict == "fails"
