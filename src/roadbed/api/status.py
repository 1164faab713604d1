"""The status: whether tasks are decided and deliveries sent, for monitors and people."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from roadbed.access import listing, needs
from roadbed.api.deps import app_of, as_json
from roadbed.people.permissions import Permission

router = APIRouter()


@router.get("/status")
@needs(Permission.VIEW, by=listing)
async def status(request: Request) -> Response:
    """``running``, or ``restored`` while everything is halted because the database is a copy."""
    standing = app_of(request).recovery.standing
    return as_json(
        {
            "state": "running" if standing is None else "restored",
            "says": "Work goes on." if standing is None else standing.sentence,
        }
    )
