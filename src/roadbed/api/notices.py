"""Notices to the pod over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from roadbed.access import by_notice, needs
from roadbed.api.deps import app_of, as_json, person_of, usecase_of
from roadbed.people.permissions import Permission

router = APIRouter()


@router.get("/usecases/{name}/notices")
@needs(Permission.VIEW)
async def notices(
    name: str, request: Request, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> Response:
    """The notices to the pod, newest first; open ones have no ``seen_by``."""
    usecase_of(request, name)
    return as_json({"notices": await app_of(request).notices.list(name, every=True, most=limit)})


@router.post("/notices/{notice_id}/seen")
@needs(Permission.NOTICE, by=by_notice)
async def seen(notice_id: str, request: Request) -> Response:
    """Mark a notice as seen; pages no longer show it."""
    await app_of(request).notices.seen(notice_id, person=person_of(request))
    return as_json({"seen": notice_id})
