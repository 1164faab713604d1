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


class DemoModelError(RoadbedError):
    """The packages that speak to language models are not installed."""

    code = "demo_model_missing"

    def __init__(self) -> None:
        super().__init__(
            "The demo with a language model needs the extra llm, which is not installed.",
            "Run `make llm`, or leave out --with-model.",
        )


class DemoServerError(RoadbedError):
    """The server the demo started did not come up or stayed down."""

    code = "demo_server_failed"

    def __init__(self, detail: str) -> None:
        super().__init__(
            f"The demo's server does not answer: {detail}.",
            "Its log is the file .roadbed/demo.log here; `roadbed doctor` checks the database.",
        )


class DemoPortError(RoadbedError):
    """The port that was asked for is not free."""

    code = "demo_port_taken"

    def __init__(self, port: int) -> None:
        super().__init__(
            f"The demo cannot listen on port {port}: another program does, or it is not allowed.",
            "End that program, choose another port with --port, or leave --port out: "
            "the demo then finds a free one.",
        )
