"""Releases over HTTP: plan, gate, sign off, promote, roll back."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from roadbed.access import by_release, needs
from roadbed.api.deps import app_of, as_json, json_object, person_of, readable_of, usecase_of
from roadbed.api.problems import RequestError, text_field, unknown_fields
from roadbed.people.permissions import Permission
from roadbed.releases.errors import UnknownReleaseError
from roadbed.versions.model import Release

router = APIRouter()
_MOST = 1000
_HASH_LENGTH = 64
_VERDICTS = ("approve", "refuse")


def _text(what: str, most: int = _MOST) -> dict[str, Any]:
    return {"type": "string", "maxLength": most, "description": what}


def _body(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "required": list(required),
    }
    return {
        "requestBody": {
            "required": bool(required),
            "content": {"application/json": {"schema": schema}},
        }
    }


@router.get("/usecases/{name}/releases")
@needs(Permission.VIEW)
async def releases(
    name: str, request: Request, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> Response:
    """Releases, newest first, the current one, and their versions."""
    person_of(request)
    usecase_of(request, name)
    app, readable = app_of(request), readable_of(request)
    current = await app.releases.current(name)
    return as_json(
        {
            "current": current and await readable.release(current),
            "releases": await readable.releases(await app.releases.history(name, most=limit)),
            "versions": await readable.versions(name, await app.deployer.versions(name, limit)),
        }
    )


@router.post(
    "/usecases/{name}/releases",
    openapi_extra=_body(
        reason=_text("Why; people will read it."),
        version=_text("An earlier version, by number or id; else the newest.", 80),
    ),
)
@needs(Permission.RELEASE)
async def plan(name: str, request: Request) -> Response:
    """Plan a release: this fixes its criteria."""
    person = person_of(request)
    usecase_of(request, name)
    body = await _read(request, {"reason", "version"}, "Send a reason, a version, or nothing.")
    planned = await app_of(request).releases.plan(
        name,
        actor=person,
        reason=text_field(body, "reason", most=_MOST),
        version=text_field(body, "version", most=80) or None,
    )
    return await _told(request, planned, 201)


@router.get("/releases/{release_id}")
@needs(Permission.VIEW, by=by_release)
async def release(release_id: str, request: Request) -> Response:
    """One release: its plan, the gate's report, who signed what, the newest reading."""
    person_of(request)
    return await _told(request, await _served(request, release_id))


@router.post("/releases/{release_id}/withdraw", openapi_extra=_body(("why",), why=_text("Why.")))
@needs(Permission.RELEASE, by=by_release)
async def withdraw(release_id: str, request: Request) -> Response:
    """End a candidate before it is live."""
    person = person_of(request)
    candidate = await _served(request, release_id)
    why = await _why(request)
    gone = await app_of(request).releases.withdraw(candidate.id, actor=person, why=why)
    return await _told(request, gone)


@router.post(
    "/releases/{release_id}/sign-offs",
    openapi_extra=_body(
        ("verdict", "content"),
        verdict={"enum": list(_VERDICTS)},
        content=_text("The release's `content`, as you read it.", _HASH_LENGTH),
        role=_text("In which role, if you have several.", 80),
        note=_text("Why, in your words."),
    ),
)
@needs(Permission.SIGN, by=by_release)
async def sign(release_id: str, request: Request) -> Response:
    """Approve or refuse exactly this content."""
    person = person_of(request)
    body = await _read(
        request, {"verdict", "content", "role", "note"}, "Send verdict, content, role and note."
    )
    verdict, content = body.get("verdict"), text_field(body, "content", most=_HASH_LENGTH)
    if verdict not in _VERDICTS:
        raise RequestError(
            f"{str(verdict)[:60]!r} is no verdict.", f"Say {' or '.join(_VERDICTS)}."
        )
    if not content:
        raise RequestError(
            "There is no content.", "Read the release, and send the hash of what you read."
        )
    candidate = await _served(request, release_id)
    signed = await app_of(request).releases.sign(
        candidate.id,
        person=person,
        verdict=verdict,
        content=content,
        role=text_field(body, "role", most=80) or None,
        note=text_field(body, "note", most=_MOST) or None,
    )
    return await _told(request, signed, 201)


@router.delete("/releases/{release_id}/sign-offs/mine")
@needs(Permission.SIGN, by=by_release)
async def take_back(release_id: str, request: Request) -> Response:
    """Withdraw your own sign-off."""
    person = person_of(request)
    candidate = await _served(request, release_id)
    free = await app_of(request).releases.withdraw_sign_off(candidate.id, person=person)
    return await _told(request, free)


@router.post(
    "/usecases/{name}/roll-back",
    openapi_extra=_body(("why",), why=_text("Why."), to=_text("A version; else the last one.", 80)),
)
@needs(Permission.RELEASE, Permission.SIGN)
async def roll_back(name: str, request: Request) -> Response:
    """Return to the previous version now. It needs no approval and works with a broken folder."""
    person = person_of(request)
    body = await _read(request, {"why", "to"}, "Send why, and a version if you have one in mind.")
    rolled_back = await app_of(request).releases.roll_back(
        name, actor=person, why=_reason(body), to=text_field(body, "to", most=80) or None
    )
    return await _told(request, rolled_back)


@router.post("/usecases/{name}/recertify", openapi_extra=_body())
@needs(Permission.RELEASE)
async def recertify(name: str, request: Request) -> Response:
    """Certify the live version again; the same behaviour needs no new sign-off."""
    person = person_of(request)
    usecase_of(request, name)
    await _read(request, set(), "Send nothing.")
    return await _told(request, await app_of(request).releases.recertify(name, actor=person))


@router.post("/usecases/{name}/retire", openapi_extra=_body(("why",), why=_text("Why.")))
@needs(Permission.RETIRE)
async def retire(name: str, request: Request) -> Response:
    """End a use case: no new tasks; what waits is still reviewed and delivered."""
    person = person_of(request)
    await app_of(request).releases.retire(name, actor=person, why=await _why(request))
    return as_json({"use_case": name, "stage": "retired"})


@router.post("/releases/{release_id}/open-reviews", openapi_extra=_body())
@needs(Permission.RELEASE, by=by_release)
async def open_reviews(release_id: str, request: Request) -> Response:
    """Open a review of each answer of the candidate that its gate could not judge."""
    await _read(request, set(), "Send nothing.")
    candidate, app = await _served(request, release_id), app_of(request)
    whole = await app.releases.whole(candidate.id)
    opened = await app.reviewer_checks.ask_about(app.service(candidate.use_case), whole)
    return as_json({"release": candidate.id, "opened": opened})


# After those with names of their own, which it would take for verbs.
@router.post("/releases/{release_id}/{verb}", openapi_extra=_body())
@needs(Permission.RELEASE, by=by_release)
async def step(
    release_id: str, verb: Literal["gate", "shadow", "canary", "promote"], request: Request
) -> Response:
    """Take the next step; any other one is refused."""
    person = person_of(request)
    await _read(request, set(), "Send nothing.")
    candidate = await _served(request, release_id)
    moved: Release = await getattr(app_of(request).releases, verb)(candidate.id, actor=person)
    return await _told(request, moved)


async def _told(request: Request, release: Release | None, status: int = 200) -> Response:
    shown = release and await readable_of(request).release(release)
    return as_json({"release": shown}, status)


async def _served(request: Request, release_id: str) -> Release:
    """A release of a use case served here; another one answers like a missing one."""
    app = app_of(request)
    candidate = await app.releases.get(release_id)
    if candidate.use_case not in app.deployments.names():
        raise UnknownReleaseError(release_id)
    return candidate


async def _read(request: Request, known: set[str], remedy: str) -> dict[str, Any]:
    body = await json_object(request) if await request.body() else {}
    unknown_fields(body, known, remedy)
    return body


async def _why(request: Request) -> str:
    return _reason(await _read(request, {"why"}, "Send why."))


def _reason(body: dict[str, Any]) -> str:
    why = text_field(body, "why", most=_MOST).strip()
    if not why:
        raise RequestError("There is no reason.", 'Send {"why": "…"}; people will read it.')
    return why
