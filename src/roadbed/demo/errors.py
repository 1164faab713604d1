"""Why the demo cannot be played."""

from __future__ import annotations

from roadbed.kernel.errors import RoadbedError


class DemoDataError(RoadbedError):
    """The requested data set does not exist."""

    code = "demo_data_missing"

    def __init__(self, name: str, place: object) -> None:
        super().__init__(
            f"The data set {name!r} is not at {place}.",
            "Use `--data sample`, or set ROADBED_DATA_DIR to the folder that has it.",
        )


class DemoServerError(RoadbedError):
    """The server the demo started did not come up or stayed down."""

    code = "demo_server_failed"

    def __init__(self, detail: str) -> None:
        super().__init__(
            f"The demo's server does not answer: {detail}.",
            "See its output above; `roadbed doctor` checks the database.",
        )
