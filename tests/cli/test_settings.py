"""Settings: from options and the environment, checked, and never shown in the clear."""

from pathlib import Path

import pytest

from services.cli.settings import BadSetting, Settings, from_environment, variable


def test_an_option_wins_over_its_variable() -> None:
    settings = from_environment({"port": 9000, "host": None}, {"PARTYLINE_PORT": "8000"})
    assert (settings.port, settings.host) == (9000, "127.0.0.1")


def test_a_vendors_own_name_of_a_key_counts() -> None:
    settings = from_environment({}, {"GROQ_API_KEY": "secret-key"})
    assert settings.provider_keys() == {"groq_api_key": "secret-key"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PARTYLINE_PORT", "eighty"),
        ("PARTYLINE_MEDIA_AUTH", "perhaps"),
        ("PARTYLINE_ROOM", "1.5"),
        ("PARTYLINE_BUSY_MS", "-5"),
    ],
)
def test_a_bad_value_names_its_variable_and_not_the_value(name: str, value: str) -> None:
    with pytest.raises(BadSetting) as raised:
        from_environment({}, {name: value})
    assert name in str(raised.value)
    assert value not in str(raised.value)


def test_secrets_and_credentials_are_never_shown() -> None:
    settings = Settings(
        groq_api_key="hush", twilio_auth_token="hush", nats="nats://hush@host:4222", data=Path("x")
    )
    assert "hush" not in repr(settings)
    assert settings.shown()["nats"] == "nats://***@host:4222"


def test_unknown_variables_are_left_alone() -> None:
    assert from_environment({}, {"PARTYLINE_SOMETHING_ELSE": "1"}) == Settings()


def test_every_setting_has_a_variable_of_its_own() -> None:
    names = [variable(name) for name in Settings.__struct_fields__]
    assert len(set(names)) == len(names)


def keys_file(tmp_path: Path, text: str, mode: int = 0o600) -> dict[str, str]:
    file = tmp_path / "keys"
    file.write_text(text)
    file.chmod(mode)
    return {"PARTYLINE_KEYS_FILE": str(file)}


def test_keys_are_read_from_a_file_of_ones_own(tmp_path: Path) -> None:
    environment = keys_file(tmp_path, '# mine\n\nexport GROQ_API_KEY="g-1"\nDEEPGRAM_API_KEY=d-1\n')
    settings = from_environment({}, environment)
    assert settings.provider_keys() == {"groq_api_key": "g-1", "deepgram_api_key": "d-1"}


def test_what_the_environment_says_comes_before_the_file(tmp_path: Path) -> None:
    environment = keys_file(tmp_path, "GROQ_API_KEY=of-the-file")
    settings = from_environment({}, environment | {"GROQ_API_KEY": "of-the-environment"})
    assert settings.groq_api_key == "of-the-environment"


def test_a_file_of_keys_that_others_can_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="chmod 600"):
        from_environment({}, keys_file(tmp_path, "GROQ_API_KEY=g-1", mode=0o640))


def test_a_line_that_is_no_key_is_named_by_its_number_alone(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=":2: not of the form") as refused:
        from_environment({}, keys_file(tmp_path, "GROQ_API_KEY=g-1\nsecret words"))
    assert "secret" not in str(refused.value)
