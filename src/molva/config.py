"""Configuration: one frozen value, made once from defaults < file < environment < flags.

Owns where settings come from and what they may be. An unknown key or a wrong value refuses to start
and says which: no misspelt setting runs with a default in its place.
"""

import os
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from math import isfinite
from pathlib import Path

import platformdirs

from molva.terms.admission import Access, plain_code
from molva.terms.catalogue import Language, parse_language
from molva.terms.limits import DEFAULT, UNLIMITED, Limits, Rate


class ConfigRefused(ValueError):
    """The configuration is wrong."""

    def __init__(self, reason: str, **values: object) -> None:
        super().__init__(reason, values)
        self.reason = reason
        """A key of the catalogue under `config.`."""
        self.values = values


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What `molva serve` runs with."""

    host: str = "127.0.0.1"
    """Address to listen on; `::` is every interface, and what `lan` takes unless told."""
    port: int = 8888
    """TCP port; 0 takes a free one."""
    data: Path = Path(platformdirs.user_data_dir("molva", appauthor=False))
    """Directory of the database; made if it is missing."""
    file: Path | None = None
    """The TOML file that was read; `molva.toml` in the data directory when it is there."""
    language: Language = Language.ENGLISH
    """Of what the server's terminal shows."""
    quiet: bool = False
    """Whether the terminal shows only start, stop and trouble."""
    lan: bool = False
    """Whether the network is let in and told: all interfaces, TLS, a QR code, an announcement."""
    access: Access = Access.OPEN
    """Who may join; `code` with `lan` unless told."""
    join_code: str | None = None
    """The join code in its plain form; None: one is made and kept in the data directory."""
    cert: Path | None = None
    """A certificate chain for TLS (PEM); None: our own authority's with `lan`, else no TLS."""
    key: Path | None = None
    """Its key (PEM). Either both are given or neither."""
    server_name: str | None = None
    """What the server is called on the network; None: as the machine."""
    limits_on: bool = True
    """False lifts the rates, for benches and tests."""
    limits: Limits = DEFAULT
    """Every bound; the table `[limits]` of the file."""


DEFAULTS = Config()

SETTINGS = (
    *("host", "port", "data", "language", "quiet"),
    *("lan", "access", "join_code", "cert", "key", "server_name"),
)
"""What a file, the environment (`MOLVA_HOST` …) and flags may set alike."""

EVERYWHERE = "::"
"""Every interface, by IPv4 and IPv6."""
NAME_CHARACTERS_MAX = 40
JOIN_CODE_CHARACTERS_MIN = 6


def load(
    flags: Mapping[str, object] | None = None, environment: Mapping[str, str] | None = None
) -> Config:
    """Return the configuration.

    `flags` are those given on the command line (None or absent: not given): the names in
    `SETTINGS`, `file` and `limits_on`. Raises ConfigRefused.
    """
    environment = os.environ if environment is None else environment
    given = {key: value for key, value in (flags or {}).items() if value is not None}
    from_environment = {
        key: environment[f"MOLVA_{key.upper()}"]
        for key in (*SETTINGS, "config")
        if environment.get(f"MOLVA_{key.upper()}")
    }
    named = given.get("file") or from_environment.pop("config", None)
    data = given.get("data") or from_environment.get("data")
    file = _find(Path(str(named)) if named else None, Path(str(data)) if data else DEFAULTS.data)
    table = _read(file) if file is not None else {}
    limits = _limits(table.pop("limits", {}))
    unknown = set(table) - set(SETTINGS)
    if unknown:
        raise ConfigRefused("config.unknown", key=sorted(unknown)[0], file=file)
    language = parse_language(environment.get("LC_ALL") or environment.get("LANG"))
    merged: dict[str, object] = {"language": language, **table, **from_environment, **given}
    limits_on = bool(merged.pop("limits_on", True))
    merged.pop("file", None)
    lan = _flag("lan", merged.get("lan", False))
    cert, key = _path("cert", merged), _path("key", merged)
    if (cert is None) != (key is None):
        raise ConfigRefused("config.pair")
    return Config(
        host=str(merged.get("host", EVERYWHERE if lan else DEFAULTS.host)),
        port=_port(merged.get("port", DEFAULTS.port)),
        data=Path(str(merged.get("data", DEFAULTS.data))).expanduser(),
        file=file,
        language=parse_language(str(merged["language"])),
        quiet=_flag("quiet", merged.get("quiet", False)),
        lan=lan,
        access=_access(merged.get("access", Access.CODE if lan else Access.OPEN)),
        join_code=_join_code(merged.get("join_code")),
        cert=cert,
        key=key,
        server_name=_server_name(merged.get("server_name")),
        limits_on=limits_on,
        limits=limits if limits_on else lifted(limits),
    )


def lifted(limits: Limits) -> Limits:
    """Return the same sizes without rates."""
    rates = {f.name: None for f in fields(Limits) if _is_rate(f.type)}
    return replace(
        limits,
        connections_per_address_max=UNLIMITED.connections_per_address_max,
        **rates,  # type: ignore[arg-type]
    )


def _find(named: Path | None, data: Path) -> Path | None:
    if named is not None:
        if not named.is_file():
            raise ConfigRefused("config.missing", file=named)
        return named
    beside = data / "molva.toml"
    return beside if beside.is_file() else None


def _read(file: Path) -> dict[str, typing.Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigRefused("config.unreadable", file=file, error=error) from error


def _port(value: object) -> int:
    try:
        port = int(str(value))
    except ValueError:
        port = -1
    if isinstance(value, bool) or not 0 <= port <= 65535:
        raise ConfigRefused("config.value", key="port", value=value)
    return port


def _flag(key: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).lower()
    if text in ("1", "true", "yes", "on"):
        return True
    if text in ("0", "false", "no", "off"):
        return False
    raise ConfigRefused("config.value", key=key, value=value)


def _path(key: str, merged: Mapping[str, object]) -> Path | None:
    value = merged.get(key)
    if value is None:
        return None
    if not isinstance(value, str | Path) or not str(value):
        raise ConfigRefused("config.value", key=key, value=value)
    return Path(value).expanduser()


def _access(value: object) -> Access:
    try:
        return Access(str(value))
    except ValueError:
        raise ConfigRefused("config.value", key="access", value=value) from None


def _join_code(value: object) -> str | None:
    if value is None:
        return None
    # A code of digits alone may stand in the file without quotes.
    code = plain_code(str(value))
    if not (code.isascii() and code.isalnum()) or len(code) < JOIN_CODE_CHARACTERS_MIN:
        raise ConfigRefused("config.join_code", least=JOIN_CODE_CHARACTERS_MIN)
    return code


def _server_name(value: object) -> str | None:
    if value is None:
        return None
    text = str(value).strip()
    if not text.isprintable() or not 0 < len(text) <= NAME_CHARACTERS_MAX:
        raise ConfigRefused("config.value", key="server_name", value=value)
    return text


def _is_rate(annotation: object) -> bool:
    return isinstance(annotation, types.UnionType) and Rate in typing.get_args(annotation)


def _limits(table: object) -> Limits:
    if not isinstance(table, dict):
        raise ConfigRefused("config.value", key="limits", value=table)
    kinds = {f.name: f.type for f in fields(Limits)}
    chosen: dict[str, object] = {}
    for key, value in table.items():
        if key not in kinds:
            raise ConfigRefused("config.unknown", key=f"limits.{key}", file="")
        chosen[key] = _limit(key, value, kinds[key])
    try:
        return Limits(**chosen)  # type: ignore[arg-type]
    except ValueError as error:
        raise ConfigRefused("config.relation", error=error) from error


def _limit(key: str, value: object, kind: object) -> object:
    wrong = ConfigRefused("config.value", key=f"limits.{key}", value=value)
    if _is_rate(kind):
        if value == "off":
            return None
        if not isinstance(value, dict) or set(value) != {"per_second", "burst"}:
            raise wrong
        if not all(_number(v) and v > 0 for v in value.values()):
            raise wrong
        return Rate(per_second=float(value["per_second"]), burst=float(value["burst"]))
    if kind is int and (not isinstance(value, int) or isinstance(value, bool)):
        raise wrong
    if not _number(value):
        raise wrong
    return value


def _number(value: object) -> bool:
    # A deadline that is not a number would never come, and would spoil the order of the others.
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
