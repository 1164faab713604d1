"""The budget of a use case over HTTP."""

from __future__ import annotations

import dataclasses

from fastapi import APIRouter, Request
from starlette.responses import Response

from roadbed.access import needs
from roadbed.api.deps import app_of, as_json, person_of, usecase_of
from roadbed.people.permissions import Permission

router = APIRouter()


@router.get("/usecases/{name}/budget")
@needs(Permission.VIEW)
async def budget(name: str, request: Request) -> Response:
    """The budget, the spending and the alerts to the pod; amounts are decimal text."""
    person_of(request)
    declared = usecase_of(request, name).budget
    periods = await app_of(request).budgets.report(name, declared)
    return as_json(
        {"budget": dataclasses.asdict(declared) if declared else None, "periods": periods}
    )
