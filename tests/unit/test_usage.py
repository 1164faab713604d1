"""How the command line answers what was typed wrongly, and how it writes on any terminal."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from roadbed import __version__
from roadbed.cli import usage
from roadbed.cli.main import app
from roadbed.cli.output import fail
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.suggestions import did_you_mean
from roadbed.kernel.terminal import escape_unencodable
from roadbed.usecases.errors import UnknownUseCaseError

Typed = Callable[..., tuple[int, str, str]]
GROUPS = [str(group.name) for group in app.registered_groups]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["roadbed", *arguments])
        with pytest.raises(SystemExit) as end:
            usage.run(app)
        assert isinstance(end.value.code, int)
        return end.value.code, *capsys.readouterr()

    return run


def test_the_version_is_printed(typed: Typed) -> None:
    assert typed("--version") == (0, f"roadbed {__version__}\n", "")


@pytest.mark.parametrize("verb", ["", *GROUPS])
@pytest.mark.parametrize("columns", ["80", "40", "1"])
def test_no_line_of_help_is_cut_off(
    verb: str, columns: str, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    code, told, _ = typed(*filter(None, [verb]), "--help")
    assert code == 0
    # The usage line says of arguments that there may be several.
    assert "..." not in told.replace("[ARGS]...", "")
    assert max(map(len, told.splitlines())) <= max(int(columns), 60)


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["relase"], "There is no verb 'relase'. Did you mean 'release'?"),
        (["release", "pln"], "There is no verb 'pln'. Did you mean 'plan'?"),
        (["doctor", "--jsn"], "There is no option '--jsn'. Did you mean '--json'?"),
        (["zzzzzz"], "There is no verb 'zzzzzz'."),
        (["road-map"], "There is no verb 'road-map'."),  # an old verb is not proposed
    ],
)
def test_a_wrong_word_is_answered_with_the_one_that_was_meant(
    arguments: list[str], meant: str, typed: Typed
) -> None:
    code, told, problem = typed(*arguments)
    assert (code, told) == (2, "")
    assert problem.splitlines()[0] == meant
    assert "--help` shows" in problem


@pytest.mark.parametrize(
    "arguments",
    [["relase"], ["doctor", "--jsn"], ["submit"], ["inbox", "away"], ["demo", "--rounds", "99"]],
)
def test_a_wrong_use_is_one_json_object_if_json_is_asked_for(
    arguments: list[str], typed: Typed
) -> None:
    code, told, problem = typed(*arguments, "--json")
    assert (code, told) == (2, "")
    content = json.loads(problem)
    assert (content["code"], content["type"]) == ("usage_wrong", "urn:roadbed:problem:usage_wrong")
    assert content["detail"]
    assert content["remedy"].startswith("`roadbed ")


def test_a_problem_has_the_fields_that_it_has_over_http(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = UnknownUseCaseError("inqiries", known=["inquiries", "returns"])
    monkeypatch.setattr(sys, "argv", ["roadbed", "trust", "inqiries", "--json"])
    assert fail(error).exit_code == 1
    problem = json.loads(capsys.readouterr().err)
    assert problem == {
        "type": "urn:roadbed:problem:usecase_unknown",
        "code": "usecase_unknown",
        "detail": "There is no use case 'inqiries' here. Did you mean 'inquiries'?",
        "remedy": error.remedy,
    }


def test_what_follows_two_hyphens_is_no_option(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["roadbed", "submit", "--", "--json"])
    fail(RoadbedError("It failed.", "Do it again."))
    assert capsys.readouterr().err == "It failed.\nDo it again.\n"


def test_only_a_close_name_is_meant() -> None:
    known = ["inquiries", "returns", "Returns-2"]
    assert str(did_you_mean("inqiries", known)) == " Did you mean 'inquiries'?"
    assert str(did_you_mean("RETURNS", known)) == " Did you mean 'returns'?"
    assert did_you_mean("quarantine", known) == ""
    assert did_you_mean("x", []) == ""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_no_encoding_of_a_terminal_makes_a_line_fail(encoding: str) -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding=encoding)
    escape_unencodable(stream)
    text = '{"text": "Größe → 🎉"}'
    stream.write(text)
    stream.flush()
    assert json.loads(written.getvalue().decode(encoding)) == json.loads(text)


def test_the_command_line_starts_without_what_only_some_verbs_need() -> None:
    program = "import roadbed.cli.main, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    loaded = set(done.stdout.split())
    assert not loaded & {"numpy", "scipy", "psycopg", "pydantic", "asyncpg", "rich"}
