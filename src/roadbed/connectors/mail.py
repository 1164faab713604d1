"""``Email``: one message over SMTP, to an address that was checked before."""

from __future__ import annotations

import asyncio
import hashlib
import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from typing import BinaryIO, ClassVar, Literal, get_args

from pydantic import SecretStr

from roadbed.connectors import rendering
from roadbed.connectors.send_only import SendOnly
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.usecases.destinations import (
    DeliveryRequest,
    EgressClient,
    RefusedError,
    Sent,
    TemporaryError,
    UnknownOutcomeError,
)

Encryption = Literal["starttls", "tls", "none"]

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}")
_NOT_SIGNED_IN = frozenset({530, 534, 535, 538})
_STEP_SECONDS = 10.0  # for one answer of the server
_MOST_REPLY_BYTES = 1_000_000
_WHOLE_SECONDS = 60.0  # limits a server that sends a byte every few seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Email(SendOnly):
    """Sends one message a delivery.

    ``to``, ``subject`` and ``text`` are templates; ``to`` may list several, comma between.
    ``password`` names an environment variable. The Message-ID comes from the key, so that a
    receiver can tell a repeated message.
    """

    kind: ClassVar[str] = "email"
    key_horizon: ClassVar[timedelta | None] = None

    host: str
    port: int
    sender: str
    to: str
    subject: str
    text: str
    username: str | None = None
    password: str | None = None
    tls: Encryption = "starttls"
    private: bool = False

    def problems(self) -> Sequence[str]:
        return list(self._problems())

    async def send(self, request: DeliveryRequest, egress: EgressClient) -> Sent:
        message = self._message(request, egress)
        login = None
        if self.username is not None and self.password is not None:
            login = (self.username, egress.secret(self.password))
        address = await egress.address(self.host, self.port, private=self.private)
        session = _Session(self, address, login, egress.in_time)
        try:
            async with asyncio.timeout(_WHOLE_SECONDS):
                said = await asyncio.to_thread(session.run, message)
        except BaseException as error:
            # After a timeout the thread must not send anything.
            session.abort()
            if isinstance(error, TimeoutError):
                raise session.failed(stored_sentence("it took too long")) from error
            raise
        return Sent(reference=str(message["Message-ID"]), detail=said)

    def message_id(self, key: str) -> str:
        """The Message-ID of the message with this ``key``."""
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return f"<{digest}@{self.sender.rpartition('@')[2]}>"

    def _message(self, request: DeliveryRequest, egress: EgressClient) -> EmailMessage:
        facts = rendering.facts_of(request)
        # Split before rendering: the value of a field can never add a receiver.
        to = [rendering.text(part.strip(), facts) for part in self.to.split(",")]
        for receiver in to:
            if _ADDRESS.fullmatch(receiver) is None:
                raise RefusedError(
                    stored_sentence(
                        "%(receiver)r is no address that mail can be sent to.",
                        receiver=receiver[:80],
                    )
                )
        subject = rendering.text(self.subject, facts)
        if len(subject.splitlines()) > 1 or subject.endswith(("\r", "\n")):
            raise RefusedError(stored_sentence("The subject would hold a line break."))
        message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
        try:
            message["From"] = self.sender
            message["To"] = ", ".join(to)
            message["Subject"] = subject
            message["Date"] = egress.now()
            message["Message-ID"] = self.message_id(request.key)
            message["Auto-Submitted"] = "auto-generated"
            message.set_content(rendering.text(self.text, facts))
        except (ValueError, UnicodeError) as error:
            raise RefusedError(
                stored_sentence("The message cannot be written: %(error)s.", error=error)
            ) from error
        return message

    def _problems(self) -> Iterator[str]:
        if not self.host or "/" in self.host:
            yield "host is no host name. Write it as mail.example.org."
        if not 0 < self.port < 65_536:
            yield "port is out of range. Use 587 for starttls, 465 for tls."
        if _ADDRESS.fullmatch(self.sender) is None:
            yield "sender is no address. Write it as roadbed@example.org."
        if self.tls not in get_args(Encryption):
            yield f"tls is {self.tls!r}. Use starttls, tls or none."
        if (self.username is None) != (self.password is None):
            yield "username and password go together. Give both, or neither."
        if self.tls == "none" and self.password is not None:
            yield "The password would travel unencrypted. Use starttls or tls."
        if self.tls == "none" and not self.private:
            yield "The mail would travel unencrypted. Use starttls or tls, or private=True."
        yield from rendering.secret_problems("password", self.password)
        for name in ("to", "subject", "text"):
            yield from rendering.template_problems(name, getattr(self, name))


class _Connection(smtplib.SMTP):
    """SMTP to a pinned address; certificates are checked against the host's name."""

    def __init__(self, email: Email, address: str) -> None:
        self._address = address
        self._wrap = ssl.create_default_context() if email.tls == "tls" else None
        super().__init__(
            email.host, email.port, local_hostname=socket.gethostname(), timeout=_STEP_SECONDS
        )

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        made = socket.create_connection((self._address, port), timeout)
        if self._wrap is None:
            return made
        try:
            return self._wrap.wrap_socket(made, server_hostname=host)
        except BaseException:
            made.close()
            raise

    def getreply(self) -> tuple[int, bytes]:
        """As above, but no connection reads more than a megabyte of replies."""
        if self.file is None and self.sock is not None:
            self.file = _Limited(self.sock.makefile("rb"))
        return super().getreply()


class _Limited:
    """The lines of a server: a reply has as many as it likes, and smtplib keeps them all."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = _MOST_REPLY_BYTES

    def readline(self, most: int) -> bytes:
        line = self._file.readline(most)
        self._left -= len(line)
        if self._left < 0:
            raise OSError(f"it replied with more than {_MOST_REPLY_BYTES:,} bytes")
        return line

    def close(self) -> None:
        self._file.close()


class _Session:
    """One SMTP session, in a thread; records its progress."""

    def __init__(
        self,
        email: Email,
        address: str,
        login: tuple[str, SecretStr] | None,
        in_time: Callable[[], None],
    ) -> None:
        self._email = email
        self._in_time = in_time
        self._address = address
        self._login = login
        self._smtp: smtplib.SMTP | None = None
        self._sent = False
        self._aborted = False

    def run(self, message: EmailMessage) -> str:
        """The server's answer to the message. Raises as ``Connector.send``."""
        try:
            self._smtp = _Connection(self._email, self._address)
            return self._talk(self._smtp, message)
        except (TemporaryError, RefusedError):
            raise
        except smtplib.SMTPNotSupportedError as error:
            raise RefusedError(f"{self._email.host}: {error}") from error
        except smtplib.SMTPResponseException as error:
            raise self._answered(error.smtp_code, error.smtp_error) from error
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise self.failed(str(error) or type(error).__name__) from error
        finally:
            if self._smtp is not None:
                self._smtp.close()

    def failed(self, why: str) -> TemporaryError | UnknownOutcomeError:
        """The error for a session that ended at this point."""
        detail = f"{self._email.host}: {why.rstrip('.')}."
        return UnknownOutcomeError(detail) if self._sent else TemporaryError(detail)

    def abort(self) -> None:
        """End the session from outside the thread."""
        self._aborted = True
        connection = self._smtp.sock if self._smtp is not None else None
        if connection is not None:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _talk(self, smtp: smtplib.SMTP, message: EmailMessage) -> str:
        if self._email.tls == "starttls":
            smtp.starttls(context=ssl.create_default_context())
        if self._login is not None:
            smtp.login(self._login[0], self._login[1].get_secret_value())
        smtp.ehlo_or_helo_if_needed()
        self._expect(smtp.mail(self._email.sender), {250})
        for part in str(message["To"]).split(", "):
            # One refused receiver refuses the whole message: either all receivers get it or none.
            self._expect(smtp.rcpt(part), {250, 251})
        if self._aborted:
            raise TemporaryError(stored_sentence("It was given up before anything was sent."))
        self._in_time()
        self._sent = True
        said = self._expect(smtp.data(message.as_bytes()), {250})
        with suppress(smtplib.SMTPException, OSError):
            smtp.quit()
        return said

    def _expect(self, answer: tuple[int, bytes], good: set[int]) -> str:
        if answer[0] not in good:
            raise self._answered(*answer)
        return stored_sentence(
            "It answered %(status)s: %(start)s", status=answer[0], start=_line(answer[1])
        )

    def _answered(self, code: int, said: bytes | str) -> Exception:
        if not 400 <= code < 600:
            return self.failed(
                stored_sentence("it answered %(code)s: %(said)s", code=code, said=_line(said))
            )
        detail = f"{self._email.host} answered {code}: {_line(said)}"
        if code < 500:
            return TemporaryError(detail)
        return RefusedError(detail, cause="sign-in" if code in _NOT_SIGNED_IN else None)


def _line(said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return " ".join(text.split())[:200]
