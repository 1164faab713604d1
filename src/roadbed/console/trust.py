"""The Trust page, the card of weak spots, and notices."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from roadbed.access import by_notice, needs
from roadbed.console import charts
from roadbed.console.pages import app_of, person_of, usecase_page
from roadbed.people.permissions import Permission


@needs(Permission.VIEW)
async def trust(request: Request) -> HTMLResponse:
    """What is promised, on what evidence, and what would end it."""
    app = app_of(request)
    report = await app.reports.report(app.service(request.path_params["name"]))
    detail = (report.proof or {}).get("detail", {})
    return await usecase_page(
        request,
        "trust.html",
        report.use_case,
        report=report,
        detail=detail,
        plot=charts.risk_coverage(
            detail.get("curve", []),
            limit=report.risk_limit,
            threshold=None if report.cautious else report.threshold,
        ),
        audit_plot=charts.audit(report.audit.path, limit=report.risk_limit),
        calibration_plot=charts.calibration(detail.get("calibration", [])),
    )


@needs(Permission.VIEW)
async def weak(request: Request) -> HTMLResponse:
    """Where the live version fails: for the people who use its answers; prints on one sheet."""
    app = app_of(request)
    report = await app.reports.report(app.service(request.path_params["name"]))
    detail = (report.proof or {}).get("detail", {})
    return await usecase_page(request, "weak.html", report.use_case, report=report, detail=detail)


@needs(Permission.NOTICE, by=by_notice)
async def seen(request: Request) -> Response:
    """A notice was read; back to where it stood."""
    await app_of(request).notices.seen(request.path_params["notice_id"], person=person_of(request))
    form = (await request.body()).decode(errors="replace")
    back = form.removeprefix("back=") if form.startswith("back=") else ""
    name = back if back in app_of(request).registry.names() else None
    return RedirectResponse(f"/usecases/{name}/trust" if name else "/", status_code=303)
