"""The configuration of who is let in, and how: alike in the file, the environment and flags."""

from pathlib import Path

import pytest

from molva.config import Config, ConfigRefused, load
from molva.terms.admission import Access


def loaded(tmp_path: Path, table: str = "", flags: object = None, **environment: str) -> Config:
    """Load from a file, an environment and flags."""
    file = tmp_path / "molva.toml"
    file.write_text(table, encoding="utf-8")
    given = flags if isinstance(flags, dict) else {}
    return load({"file": file, **given}, environment)


def test_the_network_is_not_let_in_unless_asked(tmp_path: Path) -> None:
    config = loaded(tmp_path)
    assert (config.lan, config.host, config.access) == (False, "127.0.0.1", Access.OPEN)
    assert (config.cert, config.key, config.join_code, config.server_name) == (None,) * 4


def test_lan_takes_every_interface_and_a_code_unless_told(tmp_path: Path) -> None:
    for config in (
        loaded(tmp_path, "lan = true"),
        loaded(tmp_path, MOLVA_LAN="1"),
        loaded(tmp_path, flags={"lan": True}),
    ):
        assert (config.lan, config.host, config.access) == (True, "::", Access.CODE)
    told = loaded(tmp_path, 'lan = true\nhost = "10.0.0.1"\naccess = "accounts"')
    assert (told.host, told.access) == ("10.0.0.1", Access.ACCOUNTS)


SETTINGS = {
    "access": ("code", Access.CODE),
    "join_code": ("kOde-o1 il", "K0DE0111"),
    "server_name": ("Класс 5", "Класс 5"),
}


@pytest.mark.parametrize("key", SETTINGS)
def test_each_is_set_in_three_ways_and_the_later_wins(tmp_path: Path, key: str) -> None:
    text, value = SETTINGS[key]
    assert getattr(loaded(tmp_path, f'{key} = "{text}"'), key) == value
    variable = {f"MOLVA_{key.upper()}": text}
    other = {"access": "open", "join_code": "other-1", "server_name": "Other"}[key]
    assert getattr(loaded(tmp_path, f'{key} = "{other}"', **variable), key) == value
    variable = {f"MOLVA_{key.upper()}": other}
    assert getattr(loaded(tmp_path, flags={key: text}, **variable), key) == value


def test_a_certificate_comes_with_its_key(tmp_path: Path) -> None:
    both = loaded(tmp_path, 'cert = "~/a.pem"', MOLVA_KEY="b.pem")
    assert (both.cert, both.key) == (Path.home() / "a.pem", Path("b.pem"))
    for flags in ({"cert": Path("a")}, {"key": Path("a")}):
        with pytest.raises(ConfigRefused) as refused:
            loaded(tmp_path, flags=flags)
        assert refused.value.reason == "config.pair"


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ('access = "closed"', "config.value"),
        ("access = true", "config.value"),
        ('lan = "maybe"', "config.value"),
        ('join_code = ""', "config.join_code"),
        ('join_code = "a-b-c-d-e"', "config.join_code"),
        ('join_code = "------------"', "config.join_code"),
        ('join_code = "кодовое"', "config.join_code"),
        ('join_code = "abc def!"', "config.join_code"),
        ('server_name = " "', "config.value"),
        ('server_name = "a\\u001bb"', "config.value"),
        (f'server_name = "{"x" * 41}"', "config.value"),
        ('cert = ""\nkey = ""', "config.value"),
        ("cert = 5\nkey = 5", "config.value"),
        ('name = "x"', "config.unknown"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, table: str, reason: str) -> None:
    with pytest.raises(ConfigRefused) as refused:
        loaded(tmp_path, table)
    assert refused.value.reason == reason


def test_a_code_of_digits_alone_needs_no_quotes(tmp_path: Path) -> None:
    assert loaded(tmp_path, "join_code = 20260301").join_code == "20260301"
