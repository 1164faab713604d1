"""Every kind of action item: one click on *My work* shows the button that answers it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import pytest

from roadbed.app import App
from roadbed.kernel.settings import Settings
from tests import release_steps
from tests.browser.chromium import CHROMIUM
from tests.browser.test_console import signed_in
from tests.browser.test_releases import SHORT
from tests.conftest import Folders, Site, serving

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: sudo apt-get install chromium"),
]
_BUDGET = 'usecase.budget = Budget(per_task=0.1, per_month=10, currency="EUR")'
_DELIVERY = """INSERT INTO delivery (id, use_case, task_id, destination, kind, state,
    needs_approval, attempt, next_at, look_first, created_at, take_back, revised, restored,
    outdated, key, content, content_hash)
    SELECT 'dlv_1', 'triage', id, 'queue', 'result', %(state)s, true, 0, now(), false, now(),
    false, false, false, false, id, %(content)s, repeat('a', 64) FROM task"""
_LONG = '{"output": {"queue": "even"}, "text": "' + "a long line of content. " * 400 + '"}'
Cause = Callable[[App], Awaitable[object]]


def _sql(statement: str, **facts: object) -> Cause:
    return lambda app: app.database.fetch(statement, facts)


async def _halted(app: App) -> None:
    await app.halts.halt("triage", actor="ben", reason="looks wrong")
    await app.halts.resume("triage", actor="dev")


async def _gated(app: App) -> None:
    release = await app.releases.plan("triage", actor="ben")
    await app.releases.gate(release.id, actor="ben")


async def _undrilled(app: App) -> None:
    await release_steps.live(app)
    await app.database.fetch(
        "UPDATE use_case SET registered_at = registered_at - interval '99 days'", {}
    )


async def _delivery(app: App, state: str) -> None:
    await app.database.fetch("UPDATE task SET reference = false", {})
    await app.database.fetch("UPDATE review SET blind = false", {})
    await app.database.fetch(_DELIVERY, {"state": state, "content": _LONG})


# Kind: what causes an item, and the button that answers it.
_KINDS: Mapping[str, tuple[Cause, str]] = {
    "review": (_sql("SELECT 1"), "#item button[data-verdict]"),
    "second_look": (_sql("UPDATE review SET outcome = 'out_1'"), "#item button[data-verdict]"),
    "overdue_label": (
        _sql("""WITH late AS (UPDATE review SET blind = true, opened_at = now() - interval '99 days'
            RETURNING task_id) UPDATE task SET reference = true FROM late WHERE id = task_id"""),
        "#item button[data-verdict]",
    ),
    "disagreement": (
        _sql("""INSERT INTO measure (task_id, use_case, kind, made_at)
            SELECT task_id, use_case, 'lead', now() FROM review"""),
        "#item button[data-verdict]",
    ),
    "new_label": (
        _sql("""INSERT INTO held_verdict (id, review_id, task_id, use_case, kind, new_kind,
            may_approve, labels, reviewer, given_at) SELECT 'hld_1', id, task_id, use_case,
            'correct', false, false, '[{"field": "queue", "value": "refnds"}]', 'rev', now()
            FROM review"""),
        "button[name=new]",
    ),
    "resume": (_halted, "#resume button"),
    "sign_off": (_gated, "#act button[value=approve]"),
    "release_step": (
        lambda app: app.releases.plan("triage", actor="ben"),
        "#act button[data-key=m]",
    ),
    "drill": (_undrilled, "[aria-labelledby=stop] form button"),
    "budget": (
        _sql("""INSERT INTO budget_part (use_case, period, part, cap, allotted, reserved, spent)
            VALUES ('triage', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM'), 0, 10, 10, 0, 8.5)
            ON CONFLICT (use_case, period, part) DO UPDATE SET spent = 8.5"""),
        "#budget figure",
    ),
    "held_delivery": (lambda app: _delivery(app, "held"), ".decide button[value=approve]"),
    "stuck_delivery": (lambda app: _delivery(app, "failed"), ".decide button[name=what]"),
    "suggestion": (
        _sql("""INSERT INTO proposal (id, use_case, kind, title, reason, support, cases,
            fingerprint, rank, state, made_at, patch) SELECT 'prp_1', 'triage', 'rule', 'A rule',
            'r', '{"cases": 40, "right": 40, "wrong_now": 40, "low": 0.9, "high": 1.0}',
            jsonb_agg(jsonb_build_object('task_id', null, 'input', 'a long input ' || n,
                'before', jsonb_build_object('queue', 'a'),
                'after', jsonb_build_object('queue', 'b'),
                'right', jsonb_build_object('queue', 'b'))),
            'f', 1, 'open', now(), '{"when": "true", "set": null}'
            FROM generate_series(1, 40) AS n"""),
        "button[value=accept]",
    ),
    "contradiction": (
        _sql("""INSERT INTO example (id, use_case, input, output, purpose, reference, origin,
            content_hash, born_at) SELECT 'exm_' || n, 'triage', '{"text": "7"}',
            jsonb_build_object('queue', n), 'learn', false, 'folder', 'x' || n, now()
            FROM generate_series(1, 2) AS n"""),
        "ul.examples li",
    ),
}


@pytest.fixture
async def site(settings: Settings, folders: Folders, url: str) -> AsyncIterator[Site]:
    """A use case with one waiting task and a budget."""
    release_steps.write(folders, rollout=SHORT, more=f"from roadbed import Budget\n{_BUDGET}")
    async with serving(settings, url) as served:
        _, decided = await served.app.decisions.submit(
            "triage", {"text": "number 7"}, key=None, source={"surface": "test", "by": "shop"}
        )
        if decided is not None:
            await decided
        yield served


@pytest.mark.parametrize("kind", _KINDS)
async def test_the_button_that_answers_is_on_the_first_screen(site: Site, kind: str) -> None:
    cause, button = _KINDS[kind]
    await cause(site.app)
    viewer = await site.app.people.viewer("ana")
    [item] = [one for one in await site.app.inbox.items(viewer, ["triage"]) if one.kind == kind]
    async with signed_in(site) as page:
        for width, height in ((1440, 900), (390, 844)):
            await page.set_viewport_size({"width": width, "height": height})
            await page.goto(f"{site.address}/")
            await page.locator(f"main a[href='{item.link}']").first.click()
            await page.wait_for_load_state()
            place = page.locator(button).first
            await place.wait_for()
            box = await place.bounding_box()
            assert box is not None
            assert box["y"] >= 0, (width, box)
            assert box["y"] + min(box["height"], 48) <= height, (width, box)
