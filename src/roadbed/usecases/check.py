"""Folder check: finds all mistakes in a use-case folder, with file, line and remedy."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from roadbed.kernel.sentences import Sentence, figure, sentence
from roadbed.people.permissions import as_name, is_name
from roadbed.scoring.function_scorer import FunctionScorer
from roadbed.scoring.scorers import Score
from roadbed.usecases.business_rules import read_rules
from roadbed.usecases.decider import needs_of
from roadbed.usecases.errors import Problem, UseCaseError
from roadbed.usecases.loader import LoadedUseCase, load, raised_at, read_examples
from roadbed.usecases.parsing import written
from roadbed.usecases.samples import model_problems
from roadbed.usecases.validation import ROLES

_MOST_PER_FILE = 20
_MOST_SCORED = 50  # examples a scorer is tried on


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """The result of a check. ``loaded`` is ``None`` if the code cannot be used."""

    folder: Path
    loaded: LoadedUseCase | None
    problems: tuple[Problem, ...]
    examples: int


def check(folder: Path) -> Checked:
    """Check code, rules and examples; a mistake in one does not hide those in the others."""
    if not folder.is_dir():
        missing = Problem(
            file=folder,
            problem=sentence("There is no such folder."),
            remedy=sentence("`roadbed new NAME` writes one."),
        )
        return Checked(folder=folder, loaded=None, problems=(missing,), examples=0)
    problems: list[Problem] = []
    loaded = None
    try:
        loaded = load(folder)
    except UseCaseError as error:
        code = folder / "usecase.py"
        problems += _located(code, error.problems, raised_at(code, error))
    try:
        read_rules(folder / "rules.yaml")
    except UseCaseError as error:
        problems += [problem for problem in error.problems if problem not in problems]
    examples = 0
    if loaded:
        problems += _located(folder / "usecase.py", tuple(_pod_problems(loaded)))
        problems += _located(folder / "usecase.py", tuple(_needs_problems(loaded)))
        problems += _located(folder / "usecase.py", tuple(_model_problems(loaded)))
        checked = list(_example_problems(loaded))
        examples = sum(problem is None for problem in checked)
        problems += _shortened([problem for problem in checked if problem is not None])
        problems += _located(folder / "usecase.py", tuple(_scorer_problems(loaded)))
    return Checked(folder=folder, loaded=loaded, problems=tuple(problems), examples=examples)


def _needs_problems(loaded: LoadedUseCase) -> Iterator[Problem]:
    declared = loaded.declared
    needs = needs_of(declared.trainable or declared.function)
    for name in needs.prompts:
        if not declared.prompts.get(name, "").strip():
            yield Problem(
                field="decider",
                problem=sentence(
                    "The decider asks with prompts/%(name)s, which is missing or empty.", name=name
                ),
                remedy=sentence(
                    "Write the file, or name one that is there: %(prompts)s.",
                    prompts=", ".join(declared.prompts) or sentence("there is none yet"),
                ),
            )
    budget = declared.budget
    if budget and needs.currency and needs.currency != budget.currency:
        yield Problem(
            field="decider",
            problem=sentence(
                "The decider counts in %(currency)s, the budget in %(other)s.",
                currency=needs.currency,
                other=budget.currency,
            ),
            remedy=sentence("Give both in one currency; costs are not converted."),
        )


def _pod_problems(loaded: LoadedUseCase) -> Iterator[Problem]:
    """People of the pod who can never sign in, because no account can have their name."""
    for role in ROLES:
        name = getattr(loaded.declared.pod, role)
        if not is_name(name):
            yield Problem(
                field="pod",
                problem=sentence(
                    "Nobody can sign in as %(name)r, the %(role)s.",
                    name=name,
                    role=sentence(role.replace("_", " ")),
                ),
                remedy=sentence(
                    "Write a name such as %(name)r: a to z, 0 to 9, and inside '.', '_' and "
                    "'-'. The name in full goes into `roadbed user add NAME --display`.",
                    name=as_name(name),
                ),
            )


def _model_problems(loaded: LoadedUseCase) -> Iterator[Problem]:
    """Models that do not read back the stored value."""
    declared = loaded.declared
    yield from model_problems("input", "input", declared.input)
    yield from model_problems("output", "output", declared.output)
    for kind in declared.actions.values():
        yield from model_problems("action", f"action {kind.name!r}", kind.arguments)


def _example_problems(loaded: LoadedUseCase) -> Iterator[Problem | None]:
    for _path, _line, item in read_examples(loaded):
        yield item if isinstance(item, Problem) else None


def _scorer_problems(loaded: LoadedUseCase) -> Iterator[Problem]:
    """The first problem of a scorer on the folder's own examples."""
    scorer = loaded.declared.scorer
    items = [example for _, _, example in islice(read_examples(loaded), _MOST_SCORED)]
    known = [
        (written(example.input), written(example.output))
        for example in items
        if not isinstance(example, Problem) and example.output is not None
    ]
    for number, (content, output) in enumerate(known):
        other = known[number - 1][1]
        own, there, back = (
            scorer.score(*pair, content)
            for pair in ((output, output), (output, other), (other, output))
        )
        if said := _scorer_problem(own, there, back, own_code=isinstance(scorer, FunctionScorer)):
            yield Problem(field="scorer", problem=said[0], remedy=said[1])
            return


def _scorer_problem(
    own: Score, there: Score, back: Score, *, own_code: bool
) -> tuple[Sentence, Sentence] | None:
    if own.loss is None:
        return (
            sentence("The scorer cannot score an example: %(why)s", why=own.why),
            sentence("Correct the function."),
        )
    if own.loss != 0.0:
        return (
            sentence(
                "The scorer gives the right output itself a loss of %(loss)s.",
                loss=figure(f"{own.loss:g}"),
            ),
            sentence("Give what is right a loss of 0."),
        )
    if own_code and there.loss != back.loss:
        return (
            sentence(
                "The scorer is not symmetric: %(there)s one way, %(back)s the other.",
                there=figure(str(there.loss)),
                back=figure(str(back.loss)),
            ),
            sentence("Give both ways the same loss: it also compares two people's answers."),
        )
    return None


def _shortened(problems: list[Problem]) -> list[Problem]:
    if len(problems) <= _MOST_PER_FILE:
        return problems
    rest = len(problems) - _MOST_PER_FILE
    return [
        *problems[:_MOST_PER_FILE],
        Problem(
            file=problems[0].file,
            line=problems[_MOST_PER_FILE].line,
            problem=sentence("%(rest)s more examples cannot be used.", rest=rest),
            remedy=sentence("Correct these first."),
        ),
    ]


def _located(path: Path, problems: tuple[Problem, ...], raised: int | None = None) -> list[Problem]:
    """The same problems with the line of the keyword each is about.

    ``raised`` is the line that was running. Outside ``UseCase(…)`` it is the call that is wrong.
    """
    lines, declaration = _keyword_lines(path)
    if raised is not None and raised not in declaration:
        lines = {"": raised}
    return [
        problem
        if problem.line
        else dataclasses.replace(
            problem,
            file=problem.file or path,
            line=lines.get(problem.field or "", lines.get("", 1)),
        )
        for problem in problems
    ]


def _keyword_lines(path: Path) -> tuple[dict[str, int], range]:
    """The line of each keyword of ``UseCase(…)``, of the call under ``""``, and all its lines."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return {}, range(0)
    lines: dict[str, int] = {}
    declaration = range(0)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node) == "UseCase":
            lines[""] = node.lineno
            declaration = range(node.lineno, (node.end_lineno or node.lineno) + 1)
            lines |= {keyword.arg: keyword.value.lineno for keyword in node.keywords if keyword.arg}
            if node.args:
                lines["name"] = node.args[0].lineno
        elif isinstance(node, ast.Call) and _called(node) == "decider":
            lines["decider"] = node.lineno
    return lines, declaration


def _called(node: ast.Call) -> str:
    return str(getattr(node.func, "attr", None) or getattr(node.func, "id", ""))
