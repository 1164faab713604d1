"""Releases: every release, one release with its evidence, and the buttons that move it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from roadbed.access import by_release, needs, require, viewer_of
from roadbed.console import chips, formatting, release_charts, tables
from roadbed.console import export as exports
from roadbed.console.pages import app_of, form_of, person_of, readable_of, usecase_page
from roadbed.console.tables import Cell, Column, DataTable
from roadbed.exports.model import CellKind
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import later
from roadbed.kernel.sentences import sentence
from roadbed.people.model import named
from roadbed.people.permissions import Permission, Viewer
from roadbed.releases import presentation, report_presentation, sign_offs
from roadbed.releases.errors import UnknownReleaseError
from roadbed.releases.lifecycle import UNDER_WAY
from roadbed.statuses import status_of
from roadbed.versions.model import Release, SignOff

_BACK = {
    "shadow": later(
        "The candidate stops answering at once. The live version never stopped deciding."
    ),
    "canary": later("Every task goes to the live version at once. Decisions in progress finish."),
    "live": later(
        "The version before decides every task at once, with its own proof. "
        "Deliveries that were sent stay sent."
    ),
}

_MOST_ROWS = 200


def _name(row: Release) -> str:
    told = {
        "number": row.number,
        "reason": formatting.stored(row.reason or "") or _("no reason given"),
    }
    return _("Release %(number)s: %(reason)s") % told


def _against(row: Release) -> Cell:
    if not (row.version_number and row.base_number):
        return Cell(text="–")
    path = f"/usecases/{row.use_case}/versions/{row.base_number}..{row.version_number}"
    return Cell(text=_("against %(number)s") % {"number": row.base_number}, link=path)


TABLE: DataTable[Release] = DataTable(
    name="releases",
    key=lambda row: row.id,
    link=lambda row: f"/releases/{row.id}",
    sorts=("release", "version", "planned", "live", "ended", "by", "state"),
    sort="-release",
    columns=(
        Column(name="release", title=later("Release"), value=_name, order=lambda row: row.number),
        Column(
            name="state",
            title=later("State"),
            value=lambda row: chips.RELEASES[row.step].word,
            show=lambda row: Cell(chip=chips.RELEASES[row.step]),
        ),
        Column(
            name="version",
            title=later("Version"),
            kind=CellKind.WHOLE,
            value=lambda row: row.version_number,
        ),
        Column(
            name="against",
            title=later("Compared with"),
            kind=CellKind.WHOLE,
            value=lambda row: row.base_number,
            show=_against,
        ),
        Column(
            name="planned",
            title=later("Planned"),
            kind=CellKind.MOMENT,
            value=lambda row: row.planned_at,
        ),
        Column(
            name="live", title=later("Live"), kind=CellKind.MOMENT, value=lambda row: row.live_at
        ),
        Column(
            name="ended", title=later("Ended"), kind=CellKind.MOMENT, value=lambda row: row.ended_at
        ),
        Column(name="by", title=later("By"), value=lambda row: row.author),
        Column(name="ending", title=later("Why it ended"), value=lambda row: row.ended_why),
        Column(
            name="number",
            title=later("Number"),
            kind=CellKind.WHOLE,
            value=lambda row: row.number,
            shown=False,
        ),
        Column(name="id", title=later("Id"), value=lambda row: row.id, shown=False),
    ),
)


_STEPS = ("gate", "shadow", "canary", "promote")


class NotSaidError(RoadbedError):
    """A required field of a form is missing."""

    code = "request_invalid"


@needs(Permission.VIEW)
async def releases(request: Request) -> HTMLResponse:
    """The current release, all releases, and a form to plan one."""
    person_of(request)
    return await _releases(request)


@needs(Permission.VIEW)
async def export(request: Request) -> Response:
    """The releases of a view as a file."""
    app, name = app_of(request), request.path_params["name"]
    app.service(name)
    rows = await app.releases.history(name, _MOST_ROWS)
    return await exports.export_all(request, TABLE, rows, use_case=name)


@needs(Permission.RELEASE)
async def plan(request: Request) -> Response:
    """Begin a release."""
    person, name = person_of(request), request.path_params["name"]
    form = await form_of(request)
    app_of(request).service(name)
    try:
        planned = await app_of(request).releases.plan(
            name, actor=person, reason=form.get("reason", "").strip()
        )
    except RoadbedError as error:
        return await _releases(request, error, {"reason": form.get("reason", "")})
    return RedirectResponse(f"/releases/{planned.id}", status_code=303)


@needs(Permission.RELEASE, Permission.SIGN)
async def roll_back(request: Request) -> Response:
    """Roll back; then show the release that was rolled back, if it is served here."""
    person, name = person_of(request), request.path_params["name"]
    served = name in app_of(request).deployments.names()
    form = await form_of(request)
    try:
        rolled_back = await app_of(request).releases.roll_back(name, actor=person, why=_why(form))
    except RoadbedError as error:
        if not served:
            raise
        return await _releases(request, error, {"back": form.get("why", "")})
    to = f"/releases/{rolled_back.id}" if rolled_back and served else "/"
    return RedirectResponse(to, status_code=303)


@needs(Permission.RELEASE)
async def recertify(request: Request) -> Response:
    """Certify the live version again; then show its release."""
    person, name = person_of(request), request.path_params["name"]
    app_of(request).service(name)
    try:
        recertified = await app_of(request).releases.recertify(name, actor=person)
    except RoadbedError as error:
        return await _releases(request, error)
    return RedirectResponse(f"/releases/{recertified.id}", status_code=303)


@needs(Permission.RETIRE)
async def retire(request: Request) -> Response:
    """End a use case, its name typed and a reason given."""
    person, name = person_of(request), request.path_params["name"]
    app_of(request).service(name)
    form = await form_of(request)
    try:
        why = _why(form)
        if form.get("name", "").strip() != name:
            raise NotSaidError(
                sentence("This is not its name."),
                sentence("Type %(name)s to retire it.", name=name),
            )
        await app_of(request).releases.retire(name, actor=person, why=why)
    except RoadbedError as error:
        typed = {"name": form.get("name", ""), "retire": form.get("why", "")}
        return await _releases(request, error, typed)
    return RedirectResponse(f"/usecases/{name}/releases", status_code=303)


@needs(Permission.VIEW, by=by_release)
async def release(request: Request) -> HTMLResponse:
    """One release."""
    person, candidate = person_of(request), await served_release(request)
    asked, read = request.query_params.get("confirm", ""), request.query_params.get("read")
    if asked in ("approve", "refuse") and read is not None:
        try:
            sign_offs.check(candidate, person, read, asked)
        except RoadbedError as error:
            return await _release(request, candidate, error)
    return await _release(request, candidate)


@needs(Permission.RELEASE, Permission.SIGN, by=by_release)
async def act(request: Request) -> Response:
    """Run a release step or record a sign-off; an error is shown beside the buttons."""
    person_of(request)
    candidate = await served_release(request)
    form = await form_of(request)
    try:
        await _act(request, candidate, form)
    except RoadbedError as error:
        return await _release(request, await served_release(request), error, form)
    return RedirectResponse(f"/releases/{candidate.id}", status_code=303)


async def _act(request: Request, candidate: Release, form: Mapping[str, str]) -> None:
    service, person = app_of(request).releases, person_of(request)
    what = form.get("what", "")
    said = what in ("approve", "refuse", "take-back")
    require(request, Permission.SIGN if said else Permission.RELEASE, candidate.use_case)
    if what == "open-reviews":
        app, whole = app_of(request), await service.whole(candidate.id)
        await app.reviewer_checks.ask_about(app.service(candidate.use_case), whole)
    elif what in _STEPS:
        await getattr(service, what)(candidate.id, actor=person)
    elif what in ("approve", "refuse"):
        await service.sign(
            candidate.id,
            person=person,
            verdict="approve" if what == "approve" else "refuse",
            content=form.get("content", ""),
            role=form.get("role") or None,
            note=form.get("note", "").strip() or None,
        )
    elif what == "take-back":
        await service.withdraw_sign_off(candidate.id, person=person)
    elif what == "withdraw":
        await service.withdraw(candidate.id, actor=person, why=_why(form))
    else:
        raise NotSaidError(
            sentence("This is not an action of a release."), sentence("Use a button of its page.")
        )


async def _releases(
    request: Request, error: RoadbedError | None = None, typed: Mapping[str, str] | None = None
) -> HTMLResponse:
    app, name, person = app_of(request), request.path_params["name"], person_of(request)
    service = app.service(name)
    roles = await app.releases.roles(name, person)
    current = await app.releases.current(name)
    history = await app.releases.history(name, _MOST_ROWS)
    view = tables.read(TABLE, request.query_params)
    part = tables.page_of(TABLE, view, history)
    live = next((release for release in history if release.step == "live"), None)
    return await usecase_page(
        request,
        "releases.html",
        name,
        status_of(error) if error else 200,
        problem=_problem_text(error),
        current=current,
        history=history,
        table=tables.shown(TABLE, view, part, path=f"/usecases/{name}/releases", paged=True),
        live=presentation.name(live) if live else None,
        retired=service.retired,
        typed=typed or {},
        **moving(current, roles, viewer_of(request)) if current else {},
        **back(current or live),
    )


async def _release(
    request: Request,
    shown: Release,
    error: RoadbedError | None = None,
    form: Mapping[str, str] | None = None,
) -> HTMLResponse:
    app, person = app_of(request), person_of(request)
    service = app.service(shown.use_case)
    roles = await app.releases.roles(shown.use_case, person)
    pod = asdict((service.live.loaded or service.loaded).declared.pod)
    return await usecase_page(
        request,
        "release.html",
        shown.use_case,
        status_of(error) if error else 200,
        problem=_problem_text(error),
        release=shown,
        confirming=_confirming(
            _still(form, shown) if error else request.query_params.get("confirm"),
            viewer_of(request),
            shown,
            roles,
        ),
        note=form.get("note", "") if form else "",
        typed={"withdraw": form.get("why", "")} if form else {},
        **moving(shown, roles, viewer_of(request)),
        **back(shown),
        **signing(shown, pod, roles, person),
        **gate(shown),
        **trial(shown),
    )


def _still(form: Mapping[str, str] | None, release: Release) -> str | None:
    """The act that a form failed to do, unless the release is not what was read any more."""
    if form is None or form.get("content", release.content) != release.content:
        return None
    return form.get("what")


def _confirming(
    asked: str | None, viewer: Viewer, release: Release, roles: Collection[str]
) -> str | None:
    """The act that is asked to be confirmed, if the reader can do it now."""
    mine, _why_not = presentation.may_sign(release, roles, viewer.name)
    possible = {"approve", "refuse"} if mine else set()
    if release.next == "promote" and release.waits_for is None:
        possible |= {"promote"} if viewer.may(release.use_case, Permission.RELEASE) else set()
    return asked if asked in possible else None


async def served_release(request: Request) -> Release:
    """A release as its viewer may read it; one that is not served here is like a missing one."""
    app = app_of(request)
    candidate = await app.releases.get(request.path_params["release_id"])
    if candidate.use_case not in app.deployments.names():
        raise UnknownReleaseError(candidate.id)
    return await readable_of(request).release(candidate)


def _why(form: Mapping[str, str]) -> str:
    if not (why := form.get("why", "").strip()):
        raise NotSaidError(
            sentence("There is no reason."), sentence("Give a reason; other people read it.")
        )
    return why


def _problem_text(error: RoadbedError | None) -> str | None:
    return f"{error.problem} {error.remedy}" if error else None


def signing(
    release: Release, pod: Mapping[str, str], roles: Collection[str], person: str
) -> dict[str, object]:
    """Required and given sign-offs, and those that the reader with ``roles`` may give."""
    mine, cannot = presentation.may_sign(release, roles, person)
    given = [off for off in release.sign_offs if off.withdrawn_at is None]
    return {
        "signs": [
            *(_signed(sign_off) for sign_off in release.sign_offs),
            *(_nobody(role, pod.get(role)) for role in presentation.unanswered_roles(release)),
        ],
        "my_roles": mine,
        "cannot": cannot,
        "my_word": release.step in UNDER_WAY
        and any(sign_off.person == person for sign_off in given),
    }


def _signed(sign_off: SignOff) -> dict[str, Any]:
    approved = sign_off.verdict == "approve"
    sign = "✓" if approved else "×"
    told = _("%(person)s approved") if approved else _("%(person)s refused")
    if not sign_off.counts:
        sign = "–"
        told = (
            _("%(person)s approved, which does not count: %(why)s")
            if approved
            else _("%(person)s refused, which does not count: %(why)s")
        )
    told %= {"person": sign_off.person, "why": _(str(sign_off.why_not))}
    until = sign_off.expires_at if sign_off.counts else None
    return {
        "role": named([sign_off.role]),
        "sign": sign,
        "word": told,
        "at": sign_off.given_at,
        "until": until,
        "note": sign_off.note,
    }


def _nobody(role: str, person: str | None) -> dict[str, Any]:
    word = _("nobody yet; %(person)s can") % {"person": person} if person else _("nobody yet")
    nothing = {"at": None, "until": None, "note": None}
    return {"role": named([role]), "sign": "○", "word": word, **nothing}


def moving(release: Release, roles: Collection[str], viewer: Viewer) -> dict[str, object]:
    """The sentence, the release steps and the next step."""
    mine, _why_not = presentation.may_sign(release, roles, viewer.name)
    reviews = release.waits_for == "labels" and viewer.may(release.use_case, Permission.REVIEW)
    free = release.next in presentation.VERBS and release.waits_for is None
    return {
        "called": presentation.name(release),
        "told": presentation.sentence(release),
        "asked": presentation.needed_from_reader(release, mine, reviews=reviews),
        "reviews": reviews,
        "steps": presentation.steps(release),
        "verb": presentation.verb(release) if free else None,
        "may_gate": release.step == "gated",
        "may_withdraw": release.step in ("planned", "gated"),
    }


def back(release: Release | None) -> dict[str, object]:
    """Whether it can be rolled back, and what that does."""
    said = _BACK.get(release.step, "") if release else ""
    if release and release.step == "live" and release.base is None:
        said = ""  # nothing was live before it
    return {"may_roll_back": bool(said), "back_said": said and _(said)}


def gate(release: Release) -> dict[str, object]:
    """The report of the gate as tables and a plot."""
    shown = release.gate or {}
    rows = report_presentation.differences(shown)
    return {
        "planned": report_presentation.plan_limits(release.plan),
        "gate_said": report_presentation.gate_summary(shown) if shown else "",
        "criteria": [
            report_presentation.criterion_row(criterion, shown)
            for criterion in report_presentation.criteria(shown)
        ],
        "differences": rows,
        "beside": report_presentation.side_by_side(shown),
        "proof_said": (shown.get("proof") or {}).get("says", ""),
        "declares": shown.get("declares", []),
        "gate_plot": release_charts.differences(rows),
        "fixed": report_presentation.cases(shown, "fixed"),
        "broken": report_presentation.cases(shown, "broken"),
        "unknown_cases": report_presentation.unknown_cases(shown),
    }


def trial(release: Release) -> dict[str, object]:
    """The newest reading of shadow or canary as a table and a plot."""
    newest = report_presentation.current_trial(release)
    rows = report_presentation.trial_checks(newest)
    return {
        "trial_said": _sentence(presentation.trial_progress(release)),
        "agreement": report_presentation.agreement(newest),
        "trial_beside": report_presentation.side_by_side(newest),
        "evidence": rows,
        "evidence_plot": release_charts.evidence(rows),
        "differing": report_presentation.differing(release),
    }


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}." if text else ""


ROUTES = (
    Route("/usecases/{name}/releases", releases),
    Route("/usecases/{name}/releases/export.{format}", export),
    Route("/usecases/{name}/releases", plan, methods=["POST"]),
    Route("/usecases/{name}/roll-back", roll_back, methods=["POST"]),
    Route("/usecases/{name}/recertify", recertify, methods=["POST"]),
    Route("/usecases/{name}/retire", retire, methods=["POST"]),
    Route("/releases/{release_id}", release),
    Route("/releases/{release_id}", act, methods=["POST"]),
)
