"""After the demo's rounds: tasks keep arriving, and the next version needs two sign-offs."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Mapping
from pathlib import Path

from roadbed.demo.datasets import Stream
from roadbed.demo.errors import DemoServerError
from roadbed.demo.people import Caller, answer_some

SIGNING_IN = {
    "you": "an engineer",
    "ana": "the domain lead",
    "dev": "the risk partner",
    "admin": "the administrator",
}
PAUSE_SECONDS = 0.5
LEFT_WAITING = 40  # reviews, for the viewer
_LOOK_EVERY = 10  # tasks
_PILOT = "rollout=DIRECT"
_ROLLOUT = "rollout=Rollout(shadow_tasks=50, canary_tasks=100, canary_share=0.2)"


def declare_rollout(folder: Path) -> None:
    """From pilot to production: the next version needs sign-offs, shadow and canary."""
    file = folder / "usecase.py"
    declared = file.read_text(encoding="utf-8").replace(_PILOT, _ROLLOUT)
    file.write_text(declared.replace("import DIRECT, Budget,", "import Budget, Rollout,"), "utf-8")


def write_environment(file: Path, environment: Mapping[str, str]) -> None:
    """The environment for a second terminal on the same database: ``set -a; . FILE``."""
    file.touch(mode=0o600)
    file.write_text(
        "".join(f"{name}={shlex.quote(value)}\n" for name, value in environment.items()), "utf-8"
    )


def told(address: str, codes: Mapping[str, str], folder: Path, environment: Path) -> str:
    """The next steps for the viewer, in order."""
    people = _people(address, codes)
    return (
        "It is in production now: the next version needs a sign-off of ana and one of dev, "
        "50 tasks in shadow\nand 100 as a canary. Inquiries go on arriving, two a second. "
        "docs/tutorial/second-version.md shows the next steps.\n"
        f"The folder, to change or break: {folder}\n"
        f"In a second terminal, first: set -a; . {environment}; set +a\n"
        f"Still serving at {address} (Ctrl-C ends it)\n"
        f"Sign in once, each in a window of its own:\n{people}"
    )


def told_documents(
    address: str,
    use_case: str,
    codes: Mapping[str, str],
    documents: Path | None,
    environment: Path,
) -> str:
    """The next steps for a viewer who asks documents."""
    people = _people(address, codes)
    return (
        f"Ask: {address}/usecases/{use_case}/ask\n"
        f"The documents, to change or break: {documents}\n"
        f"In a second terminal, first: set -a; . {environment}; set +a\n"
        f"Then, after a change: roadbed documents ingest {use_case}\n"
        f"Still serving at {address} (Ctrl-C ends it)\n"
        f"Sign in once, each in a window of its own:\n{people}"
    )


def _people(address: str, codes: Mapping[str, str]) -> str:
    """The links to sign in, a line each."""
    return "\n".join(
        f"  {name}, {what}: {address}/sign-in?code={codes[name]}"
        for name, what in SIGNING_IN.items()
    )


async def keep_arriving(
    address: str, stream: Stream, *, shop_token: str, reviewer_token: str
) -> None:
    """Send further tasks slowly; a colleague answers reviews beyond ``LEFT_WAITING``."""
    every = [stream.seed, *stream.rounds, stream.later]
    truth = {text: label for part in every for text, label in part}
    use_case = stream.use_case
    shop, reviewer = Caller(address, shop_token), Caller(address, reviewer_token)
    try:
        for number, (text, _) in enumerate(stream.later):
            body = {"key": f"later-{number}", "input": {use_case.field: text}}
            await shop.call("POST", f"/usecases/{use_case.name}/tasks", body)
            if number % _LOOK_EVERY == 0:
                await answer_some(reviewer, use_case, truth, leave=LEFT_WAITING)
            await asyncio.sleep(PAUSE_SECONDS)
    except DemoServerError:
        pass  # the supervisor of the server reports that
    finally:
        await shop.close()
        await reviewer.close()
