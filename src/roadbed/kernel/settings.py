"""Settings: environment variables ``ROADBED_…``, all optional."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import (
    Field,
    ModelWrapValidatorHandler,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.sentences import joined, sentence

Network: TypeAlias = IPv4Network | IPv6Network
_LONGEST_VALUE = 80  # characters


class SettingsError(RoadbedError):
    """Settings have values that they cannot have.

    ``reasons`` holds the name of each setting, its value, and what is wrong with it.
    """

    code = "settings_invalid"

    def __init__(self, reasons: Sequence[tuple[str, str, str]]) -> None:
        super().__init__(
            joined(
                " ",
                [
                    sentence(
                        "ROADBED_%(name)s cannot be %(value)s: %(reason)s.",
                        name=name.upper(),
                        value=repr(value[:_LONGEST_VALUE]),
                        reason=reason,
                    )
                    for name, value, reason in reasons
                ],
            ),
            sentence(
                "Correct the variable in the environment or unset it. docs/reference/settings.md "
                "says what each setting is for."
            ),
        )


class Settings(BaseSettings):
    """The settings of an installation, listed in ``docs/reference/settings.md``."""

    model_config = SettingsConfigDict(env_prefix="ROADBED_", extra="ignore", frozen=True)

    database_url: SecretStr | None = Field(
        None, description="Your own PostgreSQL (postgresql://…). Unset: the embedded server."
    )
    home: Path | None = Field(
        None,
        description="Where the embedded database lives. Unset: .roadbed/ in the current folder, "
        "or below /var/lib/roadbed when run as root.",
    )
    audit_dir: Path | None = Field(
        None,
        description="Where checkpoints and tiles are written, outside the database. Unset: beside "
        "the embedded database's home, or .roadbed/audit.",
    )
    audit_url: SecretStr | None = Field(
        None, description="Where the newest checkpoint is posted to as text; your witness."
    )
    audit_witness_seconds: float = Field(
        60.0, gt=0, description="How often, at most, a witness gets a new checkpoint."
    )
    audit_mail: str | None = Field(
        None, description="Who gets the newest checkpoint by mail, at most once an hour."
    )
    audit_mail_host: str | None = Field(None, description="The mail server for checkpoints.")
    audit_mail_port: int = Field(587, ge=1, le=65535, description="Its port.")
    audit_mail_sender: str | None = Field(None, description="The address they come from.")
    audit_mail_username: str | None = Field(None, description="Who logs in at the mail server.")
    audit_mail_password: SecretStr | None = Field(None, description="The password for that.")
    audit_mail_tls: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the way to the mail server is encrypted."
    )
    audit_private: bool = Field(
        default=False, description="Whether a witness may stand in a private network: your own."
    )
    usecases: Path = Field(Path("usecases"), description="The folder that holds use-case folders.")
    host: str = Field(
        "127.0.0.1",
        description="Address to listen on; another than loopback needs ROADBED_ADDRESS.",
    )
    port: int = Field(8423, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    data_dir: Path | None = Field(
        None, description="Where the real data sets of demos and benchmarks lie."
    )
    address: str | None = Field(
        None,
        description="Where people reach the console; in messages, links and the Host of requests. "
        "Unset: where this process listens.",
    )
    idle_seconds: float = Field(
        7_200.0, gt=0, description="A browser's session ends when nothing was asked for so long."
    )
    trust_machine_logins: bool = Field(
        default=False,
        description="Whether each login of this machine is one person's: may approve, sign, resume "
        "in the terminal.",
    )
    requests_per_minute: int | None = Field(
        None, ge=1, description="Requests one person may make, in each process. Unset: no limit."
    )
    oidc_issuer: str | None = Field(
        None, description="The identity provider people may sign in at. Unset: none."
    )
    oidc_client_id: str = Field("", description="What the provider calls this Roadbed.")
    oidc_client_secret: SecretStr | None = Field(
        None, description="The provider's secret for it. Unset: a public client, by PKCE alone."
    )
    oidc_claim: str = Field(
        "email",
        description="What leads to a person: `email`, if verified, to the address; any other "
        "claim to the name or, with an `@` in it, to the address.",
    )
    oidc_trust_addresses: bool = Field(
        default=False,
        description="Whether an address counts of which the provider does not say if it is "
        "verified. Only where people cannot choose their own.",
    )
    oidc_create: bool = Field(
        default=False,
        description="Make a person without any role of somebody who is not known yet.",
    )
    senders: int = Field(
        64, ge=1, le=1024, description="Deliveries that one relay sends at the same time."
    )
    drill_hours: float = Field(
        168.0, gt=0, description="How often the relay exercises the stop of each use case."
    )
    library_seconds: float = Field(
        60.0,
        ge=0,
        description="How often the folders of libraries are looked at for changed files; 0: never.",
    )
    library_fetch_seconds: float = Field(
        86_400.0,
        ge=0,
        description="How old a page of a library's list may be before it is asked for changes; "
        "0: any age.",
    )
    max_upload_bytes: int = Field(
        101_000_000, ge=1_000, description="Largest request with uploaded documents, in bytes."
    )
    max_body_bytes: int = Field(1_000_000, ge=1_000, description="Largest request body, in bytes.")
    max_header_bytes: int = Field(
        65_536, ge=1_000, description="Largest request line and headers together, in bytes."
    )
    header_seconds: float = Field(
        10.0, gt=0, description="How long a client may take to send the headers of a request."
    )
    body_seconds: float = Field(
        30.0, gt=0, description="How long a client may take to send the body of a request."
    )
    max_connections: int | None = Field(
        None,
        ge=1,
        description="Connections in each process. Unset, and at most: half the limit of open "
        "files, up to 10,000.",
    )
    connections_per_address: int = Field(
        512,
        ge=1,
        description="Connections from one address, or one IPv6 network of 64 bits; a trusted "
        "proxy may have more.",
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = Field(
        (),
        description="Addresses and networks of proxies whose X-Forwarded-For and "
        "X-Forwarded-Proto count, with commas between. Empty: nobody's.",
    )
    max_in_flight: int = Field(
        10_000,
        ge=1,
        description="Tasks held in memory before new ones are told to wait. One use case may hold "
        "three times what all leave free.",
    )
    embeddings: Literal["auto", "local", "none"] = Field(
        "auto",
        description="The embedding model of classifiers that name none: the local one if the extra "
        "embed is installed (auto), in any case (local), or none.",
    )
    isolation: Literal["process", "none"] = Field(
        "process",
        description="Where deciders run: in child processes, or `none`: inside the server.",
    )
    lease_seconds: float = Field(
        60.0, gt=0, description="How long a process may hold a task before another takes it over."
    )
    careful_seconds: float = Field(
        60.0,
        gt=0,
        description="How long, after a process was killed, every task is admitted before it is "
        "decided.",
    )
    claim_seconds: float = Field(
        900.0, gt=0, description="How long a claimed review is kept for the person who claimed it."
    )

    def public_address(self) -> str:
        """The public address of the console, without a trailing slash."""
        if self.address:
            return self.address.rstrip("/")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @model_validator(mode="wrap")
    @classmethod
    def _told(cls, values: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Wrong values as an error with a remedy. Secrets are texts, which are never wrong."""
        try:
            return handler(values)
        except ValidationError as error:
            raise SettingsError(
                [(str(one["loc"][0]), str(one["input"]), one["msg"]) for one in error.errors()]
            ) from None

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _with_commas(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return [part.strip() for part in value.split(",") if part.strip()]
