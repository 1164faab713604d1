"""Errors: why a delivery cannot be resolved."""

from __future__ import annotations

from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.sentences import Text, sentence


class UnknownDeliveryError(RoadbedError):
    """No delivery of this id, or none that the caller may see."""

    code = "delivery_unknown"

    def __init__(self, delivery_id: str) -> None:
        super().__init__(
            sentence("There is no delivery %(delivery_id)r here.", delivery_id=delivery_id[:60]),
            sentence("Take its id from the list."),
        )


class UnknownDestinationError(RoadbedError):
    """No delivery to this destination exists."""

    code = "destination_unknown"

    def __init__(self, destination: str) -> None:
        super().__init__(
            sentence("There is no delivery to %(destination)r here.", destination=destination[:60]),
            sentence("Take the name of a destination from the list of deliveries."),
        )


class DeliveryStateError(RoadbedError):
    """The delivery is not in a state in which it can be resolved in this way."""

    code = "delivery_state"

    def __init__(self, delivery_id: str, state: Text, wanted: Text) -> None:
        super().__init__(
            sentence(
                "The delivery %(delivery_id)s is %(state)s; this needs a delivery that is "
                "%(wanted)s.",
                delivery_id=delivery_id,
                state=sentence(state) if isinstance(state, str) else state,
                wanted=wanted,
            ),
            sentence("Read it again; another person may have resolved it."),
        )


class ApprovalError(RoadbedError):
    """An approval that does not count."""

    code = "approval_invalid"
