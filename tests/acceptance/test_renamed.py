"""Verbs and paths of the last release: they work like the new ones, with a notice."""

from __future__ import annotations

import pytest
import typer
from starlette.routing import Route
from typer.main import get_command
from typer.testing import CliRunner

from roadbed.access import declared
from roadbed.api import renamed as api
from roadbed.api.app import create as create_api
from roadbed.cli.main import app as terminal
from roadbed.console import renamed as console
from roadbed.console.app import create as create_console
from tests.browsing import browsing
from tests.conftest import Site

VERBS = [
    ("road", "timeline"),
    ("release renew", "release recertify"),
    ("release judge", "release open-reviews"),
    ("deliver say", "deliver resolve"),
    ("review give", "review verdict"),
]
PARAMETERS = {"{name}": "triage", "{delivery_id}": "dlv_none", "{release_id}": "rel_none"}


def filled(path: str) -> str:
    for name, value in PARAMETERS.items():
        path = path.replace(name, value)
    return path


def command_of(verb: str) -> typer.core.TyperCommand:
    command = get_command(terminal)
    for word in verb.split():
        command = command.commands[word]  # type: ignore[attr-defined]
    return command  # type: ignore[return-value]


@pytest.mark.parametrize(("old", "new"), VERBS)
def test_an_old_verb_takes_the_same_and_is_not_in_the_help(old: str, new: str) -> None:
    before, now = command_of(old), command_of(new)
    assert [item.name for item in before.params] == [item.name for item in now.params]
    assert (before.hidden, now.hidden) == (True, False)


@pytest.mark.parametrize(("old", "new"), VERBS)
def test_an_old_verb_tells_the_new_one_and_does_the_same(
    old: str, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = [item for item in command_of(new).params if item.required]
    arguments = [
        word
        for item in needed
        for word in ([item.opts[0], "x"] if item.param_type_name == "option" else ["x"])
    ]

    def stop(work: object) -> None:
        getattr(work, "close", lambda: None)()
        raise typer.Exit(7)

    for module in ("timeline", "releases", "deliveries", "reviews"):
        monkeypatch.setattr(f"roadbed.cli.{module}.run", stop)
    before = CliRunner().invoke(terminal, [*old.split(), *arguments])
    now = CliRunner().invoke(terminal, [*new.split(), *arguments])
    assert (before.exit_code, now.exit_code) == (7, 7)
    assert before.stderr == (
        f"`roadbed {old}` is `roadbed {new}` now. The old verb works in this release only.\n"
    )
    assert (before.stdout, now.stdout, now.stderr) == ("", "", "")


async def test_an_old_path_of_the_api_answers_with_its_successor(site: Site) -> None:
    methods = {
        route.path: min(route.methods or ())
        for route in create_api().routes
        if isinstance(route, Route)
    }
    for old, new in api.RENAMED.items():
        assert methods[old] == methods[new]
        before = await site.shop.request(methods[old], filled(old))
        now = await site.shop.request(methods[new], filled(new))
        assert before.status_code == now.status_code
        assert before.headers["deprecation"].startswith("@")
        assert before.headers["link"] == f'</v1{filled(new)}>; rel="successor-version"'
        assert "deprecation" not in now.headers
    same = await site.shop.get("/usecases/triage/timeline")
    assert (await site.shop.get("/usecases/triage/road")).json().keys() == same.json().keys()


def test_an_old_path_needs_what_the_new_one_needs() -> None:
    for renamed, routes in (
        (api.RENAMED, create_api().routes),
        (console.RENAMED, create_console().routes),
    ):
        needs = {
            (route.path, method): declared(route)
            for route in routes
            if isinstance(route, Route)
            for method in route.methods or ()
        }
        for old, new in renamed.items():
            was = {key: needed for key, needed in needs.items() if key[0] == old}
            assert was
            assert all(needed == needs[new, method] for (_, method), needed in was.items())


async def test_an_old_page_sends_on_with_method_and_query(site: Site) -> None:
    async with browsing(site) as browser:
        for old, new in console.RENAMED.items():
            for method in ("GET", "POST"):
                answer = await browser.request(
                    method, f"{filled(old)}?a=%2F1", follow_redirects=False
                )
                if answer.status_code == 405:
                    continue
                assert answer.status_code == 308
                assert answer.headers["location"] == f"{filled(new)}?a=%2F1"
        deep = await browser.get("/usecases/triage/incident/inc_1%2F2", follow_redirects=False)
        assert deep.status_code == 404
        assert (await browser.get("/usecases/triage/review")).url.path == "/usecases/triage/reviews"
