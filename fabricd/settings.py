"""Typed settings of the daemon, read from one TOML file, and where the files that ship with fabricd are.

Read by the daemon and the fabricd command; handed on as values. Must not know what the settings are used for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fabricd.errors import InputError
from fabricd.toml_file import problems_of, read_toml

Role = Literal["viewer", "operator", "admin"]
Positive = Annotated[float, Field(gt=0)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ReconcileSettings(_Frozen):
    """How devices are checked and repaired. Durations are seconds."""

    sweep_interval: Positive = 60.0
    """Every device is checked once in this time, at a phase of its own."""
    concurrency: Annotated[int, Field(ge=1, le=10_000)] = 64
    """Devices worked on at the same time."""
    retry_first: Positive = 1.0
    """Wait before a failed device is tried again; doubles with every failure, with jitter."""
    retry_max: Positive = 300.0
    """The longest such wait."""
    max_deleted_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """A plan that deletes more than this share of what fabricd owns on a device is held for a person's word."""
    flap_count: Annotated[int, Field(ge=2)] = 5
    """A path repaired this often within flap_period is marked unstable and left alone."""
    flap_period: Positive = 600.0
    """See flap_count."""
    windows: tuple[str, ...] = ()
    """When drift may be repaired: 'MINUTE HOUR DAY MONTH WEEKDAY +DURATION_MINUTES' in local time; none: always. A new
    revision is always rolled out."""
    journal_keep: Annotated[int, Field(ge=1_000)] = 1_000_000
    """Journal records kept; older ones are pruned."""
    document_max_bytes: Annotated[int, Field(ge=1_024)] = 32 << 20
    """Largest document that may be submitted."""
    cabling_interval: Annotated[float, Field(ge=0)] = 600.0
    """The cabling of the fabrics is held against what devices hear by LLDP once in this time, each device being read at
    a phase of its own; 0: never."""
    watch_changes: bool = True
    """Subscribe to change notifications of devices that offer them."""


class NorthboundSettings(_Frozen):
    """Where users are served, and who they may be."""

    unix_socket: Path = Path("/run/fabricd/fabricd.sock")
    """Whoever may open this socket (see unix_mode) is an admin."""
    unix_mode: Annotated[int, Field(ge=0, le=0o777)] = 0o660
    """File permissions of the socket."""
    tcp_address: str = ""
    """host:port to serve on as well; empty: not at all. Needs the three TLS files."""
    tls_certificate: Path | None = None
    """PEM file with the server's certificate chain."""
    tls_key: Path | None = None
    """PEM file with its private key."""
    tls_client_ca: Path | None = None
    """PEM file with the authorities that sign clients' certificates."""
    roles: dict[str, Role] = Field(default_factory=dict)
    """Role by the common name or a subject alternative name of the client's certificate. Others get nothing."""
    insecure: bool = False
    """Serve TCP in plain text and treat everyone as an admin. For a laboratory only."""
    max_message_bytes: Annotated[int, Field(ge=1 << 20)] = 80 << 20
    """Largest request taken from the wire; above document_max_bytes, so that a large document gets a clear answer."""

    @model_validator(mode="after")
    def _tcp_is_secured(self) -> Self:
        if not self.tcp_address:
            return self
        files = (self.tls_certificate, self.tls_key, self.tls_client_ca)
        if self.insecure and any(files):
            raise ValueError("insecure and TLS files exclude each other")
        if not self.insecure and not all(files):
            raise ValueError(
                "tcp_address needs tls_certificate, tls_key and tls_client_ca (or insecure = true in a laboratory)"
            )
        return self


class TelemetrySettings(_Frozen):
    """What the daemon tells of itself."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Records below this level are not logged."""
    log_format: Literal["auto", "json", "text"] = "auto"
    """auto: native journald fields under systemd, otherwise one JSON object a line."""
    metrics_address: str = "127.0.0.1:9639"
    """host:port of the Prometheus endpoint; empty: none. Port 0 picks a free one."""


class ModelSettings(_Frozen):
    """Model sets and the threads that work on them."""

    threads: Annotated[int, Field(ge=1, le=64)] = 2
    """Schema workers; about one a core."""
    sets: dict[str, Path] = Field(default_factory=dict)
    """Further model sets by name: a folder of YANG modules each. 'managed' is built in."""


class Settings(_Frozen):
    """Everything in fabricd.toml. Relative paths are relative to that file."""

    state_directory: Path = Path("/var/lib/fabricd")
    """The store lives here. Must exist and be writable."""
    inventory: Path = Path("inventory.toml")
    """The devices."""
    profiles: Path | None = None
    """A folder of device profiles in addition to those that ship with fabricd; same name wins over those."""
    reconcile: ReconcileSettings = ReconcileSettings()
    northbound: NorthboundSettings = NorthboundSettings()
    telemetry: TelemetrySettings = TelemetrySettings()

    models: ModelSettings = ModelSettings()


def load_settings(file: Path) -> Settings:
    """Read fabricd.toml. Raises InputError naming every wrong key, or the line that is not TOML."""
    try:
        settings = Settings.model_validate(read_toml(file))
    except ValidationError as error:
        raise InputError.of(problems_of(error, file)) from error
    return _anchored(settings, file.resolve().parent)


def _anchored(settings: Settings, folder: Path) -> Settings:
    def at(path: Path) -> Path:
        return folder / path

    north = settings.northbound
    return settings.model_copy(
        update={
            "state_directory": at(settings.state_directory),
            "inventory": at(settings.inventory),
            "profiles": settings.profiles and at(settings.profiles),
            "northbound": north.model_copy(
                update={
                    "unix_socket": at(north.unix_socket),
                    "tls_certificate": north.tls_certificate and at(north.tls_certificate),
                    "tls_key": north.tls_key and at(north.tls_key),
                    "tls_client_ca": north.tls_client_ca and at(north.tls_client_ca),
                }
            ),
            "models": settings.models.model_copy(
                update={"sets": {name: at(path) for name, path in settings.models.sets.items()}}
            ),
        }
    )


def data_folder(name: Literal["yang", "config"]) -> Path:
    """The folder `name` that ships with fabricd: inside the installed package, or beside it in a source tree."""
    package = Path(__file__).resolve().parent
    installed = package / "data" / name
    return installed if installed.is_dir() else package.parent / name


def settings_reference() -> list[tuple[str, Any, str]]:
    """(dotted key, default, description) of every setting: what config/fabricd.toml is held against."""
    return list(_reference(Settings, ""))


def _reference(model: type[BaseModel], prefix: str) -> list[tuple[str, Any, str]]:
    rows: list[tuple[str, Any, str]] = []
    for name, info in model.model_fields.items():
        default = info.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            rows += _reference(type(default), f"{prefix}{name}.")
        else:
            rows.append((prefix + name, default, " ".join((info.description or "").split())))
    return rows
