"""Errors: why a delivery cannot be resolved."""

from __future__ import annotations

from roadbed.kernel.errors import RoadbedError


class UnknownDeliveryError(RoadbedError):
    """No delivery of this id, or none that the caller may see."""

    code = "delivery_unknown"

    def __init__(self, delivery_id: str) -> None:
        super().__init__(
            f"There is no delivery {delivery_id[:60]!r} here.", "Take its id from the list."
        )


class UnknownDestinationError(RoadbedError):
    """No delivery to this destination exists."""

    code = "destination_unknown"

    def __init__(self, destination: str) -> None:
        super().__init__(
            f"There is no delivery to {destination[:60]!r} here.",
            "Take the name of a destination from the list of deliveries.",
        )


class DeliveryStateError(RoadbedError):
    """The delivery is not in a state in which it can be resolved in this way."""

    code = "delivery_state"

    def __init__(self, delivery_id: str, state: str, wanted: str) -> None:
        super().__init__(
            f"The delivery {delivery_id} is {state}; this needs a delivery that is {wanted}.",
            "Read it again; another person may have resolved it.",
        )


class ApprovalError(RoadbedError):
    """An approval that does not count."""

    code = "approval_invalid"
