"""Use-case folders: declared, loaded, checked, written."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from roadbed import Answer, Budget, Pod, Unsure, UseCase
from roadbed.models import TextClassifier
from roadbed.usecases import scaffold
from roadbed.usecases.check import check
from roadbed.usecases.errors import UseCaseError
from roadbed.usecases.loader import folders as find_folders
from roadbed.usecases.loader import load
from tests.conftest import DECIDE, ROUTING, Folders

POD = Pod(domain_lead="ana", engineer="ben", data_specialist="chi", risk_partner="dev")


class Inquiry(BaseModel):
    text: str


class Routing(BaseModel):
    queue: str


class Two(BaseModel):
    queue: str
    urgency: int


class Empty(BaseModel):
    pass


def declare(**changes: object) -> UseCase:
    usual: dict[str, object] = {
        "purpose": "Send each inquiry to its team",
        "input": Inquiry,
        "output": Routing,
        "pod": POD,
        "risk_limit": 0.02,
    }
    name = changes.pop("name", "support")
    return UseCase(name, **(usual | changes))  # type: ignore[arg-type]


class TestDeclaring:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("name", "Support Desk"),
            ("name", 7),
            ("purpose", "triage"),
            ("input", dict),
            ("output", Empty),
            ("pod", Pod(domain_lead="", engineer="b", data_specialist="c", risk_partner="d")),
            ("pod", None),
            ("risk_limit", 0),
            ("risk_limit", 1),
            ("risk_limit", float("nan")),
            ("risk_limit", True),
            ("certainty", 1),
            ("certainty", 0.3),
            ("deadline_seconds", 0),
            ("budget", Budget(per_task=-1, per_month=5)),
            ("budget", Budget(per_task=1, per_month=5, currency="euro")),
        ],
    )
    def test_each_mistake_is_found_and_says_how_to_mend_it(self, field: str, value: object) -> None:
        with pytest.raises(UseCaseError) as caught:
            declare(**{field: value})
        assert {problem.field for problem in caught.value.problems} == {field}
        assert all(item.remedy for item in caught.value.problems)

    def test_all_mistakes_are_found_at_once(self) -> None:
        with pytest.raises(UseCaseError) as caught:
            declare(name="A B", purpose="", risk_limit=2, certainty=2, pod=None)
        assert {problem.field for problem in caught.value.problems} == {
            "name",
            "purpose",
            "risk_limit",
            "certainty",
            "pod",
        }

    @pytest.mark.parametrize(
        "decider",
        [
            7,
            Inquiry,
            lambda only: only,
            TextClassifier(text="body", label="queue"),
            TextClassifier(text="text", label="team"),
        ],
    )
    def test_what_is_no_decider_is_refused(self, decider: object) -> None:
        with pytest.raises(UseCaseError) as caught:
            declare().decider(decider)  # type: ignore[call-overload]
        assert caught.value.problems[0].field == "decider"

    def test_a_classifier_cannot_fill_more_than_its_label(self) -> None:
        with pytest.raises(UseCaseError, match="urgency"):
            declare(output=Two).decider(TextClassifier(text="text", label="queue"))

    def test_there_is_one_decider(self) -> None:
        usecase = declare()
        usecase.decider(lambda inquiry, context: Unsure(reason=f"{inquiry}{context}"))
        with pytest.raises(UseCaseError, match="two deciders"):
            usecase.decider(lambda inquiry, context: Unsure(reason=f"{inquiry}{context}"))
        assert repr(usecase) == "UseCase('support')"

    def test_the_public_names_are_there_and_no_others(self) -> None:
        import roadbed
        import roadbed.models

        assert {getattr(roadbed, name) for name in roadbed.__all__} >= {Answer, Budget, UseCase}
        with pytest.raises(AttributeError):
            roadbed.Nothing  # noqa: B018
        with pytest.raises(AttributeError):
            roadbed.models.Nothing  # noqa: B018


class TestLoading:
    def test_the_hash_follows_what_shapes_a_decision_and_nothing_else(
        self, folders: Folders
    ) -> None:
        folder = folders.write(examples="")
        first = load(folder).folder_hash
        (folder / "examples" / "more.jsonl").write_text("")
        (folder / ".hidden").write_text("x")
        assert load(folder).folder_hash == first
        (folder / "prompts").mkdir()
        (folder / "prompts" / "system.md").write_text("Be brief.")
        assert load(folder).folder_hash != first

    def test_a_folder_is_found_alone_or_among_others(self, folders: Folders) -> None:
        folder = folders.write()
        folders.write(name="other")
        assert find_folders(folder) == [folder]
        assert [item.name for item in find_folders(folders.parent)] == ["other", "triage"]


class TestChecking:
    def test_a_sound_folder_is_sound(self, folders: Folders) -> None:
        lines = '{"input": {"text": "a"}, "output": {"queue": "b"}}\n\n'
        result = check(folders.write(examples=lines * 3, rules="before: []\n"))
        assert (result.problems, result.examples) == ((), 3)
        assert result.loaded is not None

    def test_mistakes_in_code_rules_and_examples_are_found_together(self, folders: Folders) -> None:
        folder = folders.write(
            rules="before:\n  - {name: a, when: 'output.queue == 1', route: review, reason: b}\n"
            "  - {name: a, when: 'input.text +', route: review, reason: b}\n"
            "  - {name: a, when: 'true', route: automatic, reason: b}\n  - nonsense\n"
        )
        (folder / "usecase.py").write_text(
            ROUTING.format(name="triage", deadline=5).replace("0.02", "5") + DECIDE
        )
        result = check(folder)
        assert len(result.problems) == 5
        text = "\n".join(map(str, result.problems))
        assert "usecase.py:15: A risk limit of 5" in text
        assert text.count("rules.yaml") == 4

    def test_each_example_that_does_not_fit_is_named_by_line_up_to_twenty(
        self, folders: Folders
    ) -> None:
        bad = ['{"input": {"text": 7}, "output": null}', "{", "[]", '{"input": {}}']
        result = check(folders.write(examples="\n".join(bad * 6)))
        assert len(result.problems) == 21
        assert [problem.line for problem in result.problems[:4]] == [1, 2, 3, 4]
        assert "4 more examples" in str(result.problems[-1].problem)

    def test_a_name_that_stands_twice_in_an_example_is_told(self, folders: Folders) -> None:
        twice = '{"input": {"text": "a", "text": "b"}, "output": null}'
        [problem] = check(folders.write(examples=twice)).problems
        assert "the name 'text' stands twice" in str(problem)

    @pytest.mark.parametrize(
        ("code", "line", "says"),
        [
            ("x = (", 17, "cannot read"),
            ("1 / 0", 17, "ZeroDivisionError"),
            ("import nothing_of_that_name", 17, "ModuleNotFoundError"),
            ("raise SystemExit(1)", 17, "SystemExit"),
            ("", 11, "no decider"),
            ("usecase.decider(7)", 17, "no decider"),
            (
                DECIDE + "other = UseCase('b', purpose='another one of them', input=Inquiry, "
                "output=Routing, pod=usecase.pod, risk_limit=0.02)",
                None,
                "2 use cases",
            ),
        ],
    )
    def test_code_that_cannot_be_used_is_named_by_line(
        self, folders: Folders, code: str, line: int | None, says: str
    ) -> None:
        result = check(folders.write(code))
        assert len(result.problems) == 1
        assert says in str(result.problems[0].problem)
        if line:
            assert result.problems[0].line in {line, line - 1}

    @pytest.mark.parametrize(
        ("effect", "says"),
        [
            ("", "missing 1 required keyword-only argument: 'effect'"),
            (", effect='reversible'", "is called reversible"),
        ],
    )
    def test_a_wrong_call_is_named_by_its_own_line_also_by_a_relative_path(
        self, folders: Folders, monkeypatch: pytest.MonkeyPatch, effect: str, says: str
    ) -> None:
        folder = folders.write(
            DECIDE
            + "\nfrom roadbed.connectors import Webhook\n"
            + f"usecase.action('ticket', Inquiry, to=Webhook('https://a.example/b'){effect})\n"
        )
        wrong = (folder / "usecase.py").read_text().splitlines().index(
            f"usecase.action('ticket', Inquiry, to=Webhook('https://a.example/b'){effect})"
        ) + 1
        monkeypatch.chdir(folder.parent)
        for named in (folder, Path(folder.name)):
            [problem] = check(named).problems
            assert says in str(problem.problem)
            assert problem.line == wrong

    def test_what_is_not_there_is_said(self, tmp_path: Path) -> None:
        assert "no such folder" in str(check(tmp_path / "none").problems[0].problem)
        (tmp_path / "empty").mkdir()
        assert "no usecase.py" in str(check(tmp_path / "empty").problems[0].problem)

    @pytest.mark.parametrize("text", ["before: [", "a: b: c", "sideways: []", "- 1", "\tx: 1"])
    def test_rules_that_are_none_are_named(self, folders: Folders, text: str) -> None:
        result = check(folders.write(rules=text))
        assert result.problems
        assert all(
            problem.file and problem.file.name == "rules.yaml" for problem in result.problems
        )


class TestScaffold:
    def test_an_empty_folder_runs(self, tmp_path: Path) -> None:
        scaffold.write_empty(tmp_path / "my-desk", person="ana")
        assert check(tmp_path / "my-desk").problems == ()

    def test_nothing_is_overwritten_and_names_must_do_for_addresses(self, tmp_path: Path) -> None:
        scaffold.write_empty(tmp_path / "desk", person="ana")
        for name in ("desk", "Desk!", "d" * 61):
            with pytest.raises(scaffold.ScaffoldError):
                scaffold.write_empty(tmp_path / name, person="ana")

    @pytest.mark.parametrize(
        "name", ["", ".", "..", "../x", "a/b", "/x", "a/", "./a", "a\\b", "a\n", "\x00", "a" * 300]
    )
    def test_a_name_that_is_a_path_or_too_long_has_no_folder(
        self, tmp_path: Path, name: str
    ) -> None:
        with pytest.raises(scaffold.ScaffoldError) as raised:
            scaffold.folder_of(tmp_path, name)
        assert "cannot stand in an address" in str(raised.value)
        assert "at most 60 characters" in raised.value.remedy
        assert len(str(raised.value)) < 200

    def test_a_root_that_cannot_hold_a_folder_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(scaffold.ScaffoldError, match="Not a directory"):
            scaffold.write_empty(tmp_path / "file" / "desk", person="ana")

    def test_a_folder_lies_in_the_root_and_its_name_is_one_that_a_use_case_may_have(
        self, tmp_path: Path
    ) -> None:
        for name in ("desk", "my-desk-2", "d" * 60):
            assert scaffold.folder_of(tmp_path, name) == tmp_path / name
            assert declare(name=name).name == name


PROMPTED = """
from roadbed import Budget
from roadbed.models import Price, Prompted

usecase.budget = Budget(per_task=0.01, per_month=5, currency="EUR")
usecase.decider(
    Prompted("route.md", model="openai:x", price=Price(input=1, output=1, currency="{currency}"))
)
"""


class TestPromptedFolders:
    def test_a_new_one_is_sound_without_a_key(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        scaffold.write_prompted(tmp_path / "my-desk", person="ana")
        result = check(tmp_path / "my-desk")
        assert result.problems == ()
        assert result.loaded is not None
        assert "{text}" in result.loaded.declared.prompts["route.md"]

    @pytest.mark.parametrize("text", [None, "  \n"])
    def test_a_prompt_that_is_missing_or_empty_is_found_where_it_is_named(
        self, folders: Folders, text: str | None
    ) -> None:
        folder = folders.write(PROMPTED.format(currency="EUR"))
        (folder / "prompts").mkdir()
        (folder / "prompts" / "other.md").write_text("x")
        if text is not None:
            (folder / "prompts" / "route.md").write_text(text)
        (problem,) = check(folder).problems
        assert "prompts/route.md" in str(problem.problem)
        assert "other.md" in str(problem.remedy)
        assert problem.file == folder / "usecase.py"
        assert problem.line
        assert "Prompted(" in (folder / "usecase.py").read_text().splitlines()[problem.line]

    def test_a_price_in_another_currency_than_the_budget_is_found(self, folders: Folders) -> None:
        folder = folders.write(PROMPTED.format(currency="USD"))
        (folder / "prompts").mkdir()
        (folder / "prompts" / "route.md").write_text("Route it.")
        (problem,) = check(folder).problems
        assert "counts in USD, the budget in EUR" in str(problem.problem)
