"""The Trust page, and the card of weak spots."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import HTMLResponse

from roadbed.access import needs
from roadbed.console import charts, chips
from roadbed.console.pages import app_of, readable_of, usecase_page
from roadbed.guarantee.report import TrustReport
from roadbed.people.permissions import Permission


@needs(Permission.VIEW)
async def trust(request: Request) -> HTMLResponse:
    """The guarantee, its evidence, and the conditions that would end it."""
    app = app_of(request)
    report = await _report(request)
    detail = (report.proof or {}).get("detail", {})
    return await usecase_page(
        request,
        "trust.html",
        report.use_case,
        report=report,
        chip=chips.of_use_case(app.service(report.use_case)),
        detail=detail,
        looked_at=_limit(request.query_params.get("limit"), report.risk_limit),
        curve_plot=charts.risk_coverage(
            detail.get("curve", []),
            limit=report.risk_limit,
            threshold=None if report.cautious else report.threshold,
        ),
        audit_plot=charts.audit(report.audit.path, limit=report.risk_limit),
        calibration_plot=charts.calibration(detail.get("calibration", [])),
    )


def _limit(asked: str | None, declared: float) -> float:
    """The limit whose effect is shown first: that of the address, or the declared one."""
    try:
        limit = float(asked or "")
    except ValueError:
        return declared
    return limit if 0.0 <= limit <= 1.0 else declared


async def _report(request: Request) -> TrustReport:
    """The report; its notices as they are now, for marking one as seen is not in the audit log."""
    app, name = app_of(request), request.path_params["name"]
    service = app.service(name)
    live = service.live
    report = await app.kept_figures.read(
        "trust",
        name,
        lambda: app.reports.report(service),
        about=(live.id, live.certificate, live.state, live.threshold, live.cautious, live.rate),
    )
    report = replace(report, notices=await app.notices.list(name))
    return await readable_of(request).trust(report)


@needs(Permission.VIEW)
async def weak(request: Request) -> HTMLResponse:
    """Where the live version fails: for the people who use its answers; prints on one sheet."""
    report = await _report(request)
    detail = (report.proof or {}).get("detail", {})
    return await usecase_page(request, "weak.html", report.use_case, report=report, detail=detail)
