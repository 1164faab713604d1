"""Witnesses of the audit log: sends checkpoints to a URL or by mail."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from pydantic import SecretStr

from roadbed.audit.model import Checkpoint
from roadbed.audit.witness import Send
from roadbed.connectors.egress import EgressPool, url_problem
from roadbed.connectors.mail import Email
from roadbed.kernel.settings import Settings
from roadbed.usecases.destinations import DeliveryRequest, RefusedError, TemporaryError

_PASSWORD = "ROADBED_AUDIT_MAIL_PASSWORD"  # noqa: S105 - the name of one
_MAIL_SECONDS = 3600.0
_DEADLINE_SECONDS = 30.0


def secrets(settings: Settings) -> Mapping[str, str]:
    """The secrets of an ``EgressPool`` for witnesses; it has no secrets of connectors."""
    password = settings.audit_mail_password
    return {_PASSWORD: password.get_secret_value()} if password is not None else {}


def witnesses(settings: Settings, network: EgressPool) -> Mapping[str, tuple[float, Send]]:
    """How each witness of ``settings`` is reached, and after how many seconds again at most."""
    senders: dict[str, tuple[float, Send]] = {}
    if settings.audit_url is not None:
        senders["url"] = (
            settings.audit_witness_seconds,
            _to_url(settings, settings.audit_url, network),
        )
    if settings.audit_mail is not None:
        seconds = max(_MAIL_SECONDS, settings.audit_witness_seconds)
        senders["mail"] = seconds, _by_mail(settings, settings.audit_mail, network)
    return senders


def _to_url(settings: Settings, url: SecretStr, network: EgressPool) -> Send:
    address, private = url.get_secret_value(), settings.audit_private

    async def send(checkpoint: Checkpoint) -> None:
        if (problem := url_problem(address)) is not None:
            raise RefusedError(f"ROADBED_AUDIT_URL cannot be sent to: {problem}.")
        if address.startswith("http:") and not private:
            raise RefusedError(
                "ROADBED_AUDIT_URL is not encrypted. Use https, or ROADBED_AUDIT_PRIVATE=true "
                "inside your own network."
            )
        answer = await network.attempt(_DEADLINE_SECONDS).request(
            "POST",
            address,
            headers={"Content-Type": "text/plain; charset=utf-8"},
            content=checkpoint.note.encode(),
            private=private,
        )
        if not 200 <= answer.status < 300:
            raise TemporaryError(f"The witness at ROADBED_AUDIT_URL answered {answer.status}.")

    return send


def _by_mail(settings: Settings, to: str, network: EgressPool) -> Send:
    mail = Email(
        host=settings.audit_mail_host or "",
        port=settings.audit_mail_port,
        sender=settings.audit_mail_sender or "",
        to=to,
        subject="Audit checkpoint of {content.size} entries: keep this message",
        text="{content.note}",
        username=settings.audit_mail_username,
        password=_PASSWORD if settings.audit_mail_password is not None else None,
        tls=settings.audit_mail_tls,
        private=settings.audit_private,
    )

    async def send(checkpoint: Checkpoint) -> None:
        if problems := mail.problems():
            raise RefusedError(f"ROADBED_AUDIT_MAIL_…: {' '.join(problems)}")
        await mail.send(_request(checkpoint), network.attempt(_DEADLINE_SECONDS))

    return send


def _request(checkpoint: Checkpoint) -> DeliveryRequest:
    key = hashlib.sha256(checkpoint.note.encode()).hexdigest()
    return DeliveryRequest(
        id=key,
        key=key,
        use_case="",
        task_id="",
        destination="witness",
        kind="checkpoint",
        content={"size": checkpoint.size, "note": checkpoint.note},
        facts={},
        attempt=1,
    )
