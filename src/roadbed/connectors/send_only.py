"""Send-only connectors: receivers without look-up and without compensation."""

from __future__ import annotations

from typing import ClassVar

from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.usecases.destinations import DeliveryRequest, EgressClient, RefusedError, Sent


class SendOnly:
    """The part of ``Connector`` for a receiver that can only be sent to."""

    __slots__ = ()
    can_look_up: ClassVar[bool] = False
    can_compensate: ClassVar[bool] = False

    async def look_up(self, request: DeliveryRequest, egress: EgressClient) -> Sent | None:
        raise RefusedError(
            stored_sentence(
                "%(destination)s cannot be queried. Look there.", destination=request.destination
            )
        )

    async def compensate(self, request: DeliveryRequest, sent: Sent, egress: EgressClient) -> Sent:
        raise RefusedError(
            stored_sentence(
                "%(destination)s cannot undo an effect. A person has to.",
                destination=request.destination,
            )
        )
