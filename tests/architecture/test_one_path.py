"""One evaluation path: one caller of a decider, and no second way to compare answers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.test_hygiene import SOURCE, python_files

PACKAGE = SOURCE / "roadbed"
# Files that call deciders. Wrappers and implementations pass calls on.
CALL_DECIDERS = ("executors/in_process.py",)
DEMO = ("demo/folder/usecase.py", "demo/ask/usecase.py", "demo/ask_with_model/usecase.py")
HAND_ON = ("usecases/patches.py", *DEMO)
ASK_RUNNERS = ("decisions/evaluation.py",)
# Files that hold a decider: declare, load, store, fit or hand it on, or ask whether there is one.
# No other file names one, so no other file can call it in a way that the analysis misses.
HOLD_DECIDERS = (
    *("bootstrap.py", "cli/use_cases.py", "cli/server.py", "console/forms.py"),
    *("console/proposals.py", *DEMO),
    "decisions/evaluation.py",
    *("decisions/model.py", "decisions/decider_runner.py", "decisions/service.py"),
    *("executors/", "usecases/", "improvement/evidence.py", "examples/model.py"),
    *(
        "improvement/prompt_optimization/scoring.py",
        "improvement/prompt_optimization/service.py",
    ),
    *("improvement/training.py", "releases/deployer.py"),
    *("guarantee/certificates.py", "guarantee/threshold_search.py"),
    *("versions/diff/declarations.py", "releases/gate.py"),
    *("versions/identity.py", "versions/deployments.py", "versions/replays.py"),
    *("versions/side_by_side.py", "versions/store.py"),
    *("reviews/reviewer_checks.py", "guarantee/report.py", "guarantee/stress.py"),
)
# Files that hold a runner, which times a decider: they make one and pass it to the evaluation.
HOLD_RUNNERS = (
    *("decisions/evaluation.py", "decisions/service.py"),
    *(
        "decisions/trials.py",
        "improvement/prompt_optimization/scoring.py",
        "examples/service.py",
    ),
    *("versions/replays.py", "versions/side_by_side.py"),
)
# Files that hold the place where a decider works.
HOLD_PLACES = ("executors/", "decisions/decider_runner.py")
# A name, attribute, argument, import or text that refers to one.
_NAMES = {
    "a decider": (re.compile(r"_?(\w+_)?(deciders?|trainable|decide_many)"), HOLD_DECIDERS),
    "a runner": (re.compile(r"_?(\w+_)?(runners?|DeciderRunner)"), HOLD_RUNNERS),
    "where deciders work": (re.compile(r"(Function|Coroutine|Batch|Child)Executor"), HOLD_PLACES),
}

_DECIDERS = {"decider", "trainable"}  # names and attributes that hold one
_OF_DECLARATIONS = {"function"}  # attributes that hold one in a declaration, and others elsewhere
_DECLARATIONS = re.compile(r"declared|usecase|use_case")
_HOLDS_RUNNER = re.compile(r"(^|_|^decider)runners?$", re.IGNORECASE)
_CALLS_LATER = {"partial": 0, "to_thread": 0, "map": 0, "submit": 0, "run_in_executor": 1}


def last_name(node: ast.expr) -> str:
    """``runner`` of ``self.runner``, of ``self.runner(service)`` and of ``runners[name]``."""
    if isinstance(node, ast.Call):
        return last_name(node.func)
    if isinstance(node, ast.Subscript | ast.Await):
        return last_name(node.value)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def assigned(tree: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Target and value of every assignment."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield target, node.value
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            yield node.target, node.value


class Reading:
    """The names in one file that refer to a decider or a runner."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.deciders = set(_DECIDERS)
        self.runners = {
            argument.arg
            for argument in ast.walk(tree)
            if isinstance(argument, ast.arg)
            and argument.annotation is not None
            and last_name(argument.annotation) == "DeciderRunner"
        }
        for _ in range(3):  # a name of a name of a name
            for target, value in assigned(tree):
                if isinstance(target, ast.Name):
                    self.deciders |= {target.id} if self.is_decider(value) else set()
                    self.runners |= {target.id} if self.is_runner(value) else set()

    def is_decider(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            return node.id in self.deciders
        if not isinstance(node, ast.Attribute):
            return False
        declares = _DECLARATIONS.search(last_name(node.value)) is not None
        return node.attr in _DECIDERS or (node.attr in _OF_DECLARATIONS and declares)

    def is_runner(self, node: ast.expr) -> bool:
        name = last_name(node)
        return bool(_HOLDS_RUNNER.search(name)) or name in self.runners

    def calls_of_deciders(self) -> Iterator[int]:
        """The lines."""
        for node in ast.walk(self.tree):
            named = isinstance(node, ast.Attribute) and node.attr == "decide_many"
            if named or (isinstance(node, ast.Call) and self._calls_one(node)):
                yield node.lineno  # type: ignore[attr-defined]

    def _calls_one(self, node: ast.Call) -> bool:
        if last_name(node.func) == "getattr":
            return any(
                isinstance(given, ast.Constant) and given.value == "decide_many"
                for given in node.args
            )
        if last_name(node.func) in _CALLS_LATER:
            called = node.args[_CALLS_LATER[last_name(node.func)] :][:1]
            return any(self.is_decider(given) for given in called)
        declares = isinstance(node.func, ast.Attribute) and _DECLARATIONS.search(
            last_name(node.func.value)
        )
        return self.is_decider(node.func) and not (declares and node.func.attr == "decider")  # type: ignore[attr-defined]

    def calls_of_runners(self) -> Iterator[int]:
        """The lines, also where ``ask`` is only passed on."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute) and node.attr == "ask":
                if self.is_runner(node.value):
                    yield node.lineno
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                timed = any(keyword.arg == "seconds" for keyword in node.keywords)
                if node.func.attr == "ask" and timed and not self.is_runner(node.func.value):
                    yield node.lineno


def names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of all that is named: variables, attributes, arguments, imports and texts."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name) | ast.Name(id=name) | ast.Constant(value=str(name)):
                yield node.lineno, name
            case ast.arg(arg=name) | ast.keyword(arg=str(name)):
                yield node.lineno, name
            case ast.alias(name=name):
                yield node.lineno, name.rpartition(".")[2]


def functions_of(tree: ast.AST) -> Iterator[int]:
    """Lines that read a ``function`` which is not the object's own, as a scorer's is."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "function":
            own = isinstance(node.value, ast.Name) and node.value.id == "self"
            yield from () if own else (node.lineno,)


def second_callers(root: Path) -> list[str]:
    """Every place below ``root`` that calls a decider, or asks a runner, and must not."""
    results = []
    for path, tree in python_files(root):
        name, reading = path.relative_to(root).as_posix(), Reading(tree)
        for what, (pattern, holders) in _NAMES.items():
            if not name.startswith(holders):
                lines = [line for line, word in names(tree) if pattern.fullmatch(word)]
                results += [f"{name}:{line} names {what}" for line in lines]
        if not name.startswith(HOLD_DECIDERS):
            results += [f"{name}:{line} names a decider" for line in functions_of(tree)]
        if not name.startswith((*CALL_DECIDERS, *HAND_ON)):
            results += [f"{name}:{line} calls a decider" for line in reading.calls_of_deciders()]
        if not name.startswith(ASK_RUNNERS):
            results += [f"{name}:{line} asks a runner" for line in reading.calls_of_runners()]
    return results


def test_only_one_place_calls_a_decider_and_only_one_asks_for_it() -> None:
    assert second_callers(PACKAGE) == []


def test_each_of_the_two_does_so_once_at_most_per_kind_of_decider() -> None:
    def readings(name: str) -> Reading:
        return Reading(ast.parse((PACKAGE / name).read_text(encoding="utf-8")))

    [place], [asking] = CALL_DECIDERS, ASK_RUNNERS
    assert len(list(readings(place).calls_of_deciders())) == 3  # batches, functions, coroutines
    assert len(list(readings(asking).calls_of_runners())) == 1


CALLS = [
    ("answers = live.decider.decide_many(inputs)", "calls a decider"),
    ("ask = service.live.decider.decide_many", "calls a decider"),
    ("answers = getattr(fitted, 'decide_many')(inputs)", "calls a decider"),
    ("answer = version.decider(input, context)", "calls a decider"),
    ("answer = declared.function(input, context)", "calls a decider"),
    ("answer = await loaded.declared.function(input, context)", "calls a decider"),
    ("ask = live.decider\nalias = ask\nanswer = alias(input, context)", "calls a decider"),
    ("def judge(decider): return decider(1, 2)", "calls a decider"),
    ("if ask := live.decider: ask(1, 2)", "calls a decider"),
    ("found = await asyncio.to_thread(declared.function, input, context)", "calls a decider"),
    ("later = partial(live.decider, input)", "calls a decider"),
    ("answers = map(live.decider, inputs)", "calls a decider"),
    ("loop.run_in_executor(None, declared.function, input, context)", "calls a decider"),
    ("answer = await runner.ask(live, task, seconds=1.0)", "asks a runner"),
    ("answer = await self._runner(service).ask(live, task, seconds=1.0)", "asks a runner"),
    ("own = DeciderRunner(declared)\nanswer = await own.ask(live, task, **more)", "asks a runner"),
    ("async def judge(place: DeciderRunner): await place.ask(1, 2)", "asks a runner"),
    ("found = await self._runners[name][1].ask(live, task)", "asks a runner"),
    ("answer = await whatever.ask(live, task, seconds=2.0)", "asks a runner"),
    ("ask = runner.ask\nanswer = await ask(live, task, seconds=2.0)", "asks a runner"),
    ("await partial(runner.ask, live, task)()", "asks a runner"),
]


def planted(root: Path, package: str, code: str) -> Path:
    indented = "\n".join(f"    {line}" for line in code.splitlines())
    (root / package).mkdir(parents=True)
    file = root / package / "planted.py"
    file.write_text(f"async def planted():\n{indented}\n")
    return file


@pytest.mark.parametrize(("code", "what"), CALLS)
def test_a_second_caller_is_found(tmp_path: Path, code: str, what: str) -> None:
    file = planted(tmp_path, "trust", code)
    assert [line for line in second_callers(tmp_path) if what in line]
    # Where it belongs it is none.
    [allowed] = {"calls a decider": CALL_DECIDERS, "asks a runner": ASK_RUNNERS}[what]
    (tmp_path / allowed).parent.mkdir()
    file.rename(tmp_path / allowed)
    assert not [line for line in second_callers(tmp_path) if what in line]


@pytest.mark.parametrize(
    "code",
    [
        "held = {'now': live.decider}\nanswer = held['now'](1, 2)",
        "answers = [ask(1, 2) for ask in (version.decider for version in versions)]",
        "for ask in [version.decider for version in versions]: ask(1, 2)",
        "ask, x = live.decider, 1\nanswer = ask(x, 2)",
        "self.call = live.decider\nanswer = self.call(1, 2)",
        "self._decider = given\nanswer = self._decider(1, 2)",
        "answer = candidate_decider(1, 2)",
        "answer = deciders[0](1, 2)",
        "answer = getattr(live, 'decider')(1, 2)",
        "answer = live.decider.__call__(1, 2)",
        "answer = (live.decider or other)(1, 2)",
        "answer = (lambda ask: ask(1, 2))(live.decider)",
        "threading.Thread(target=live.decider, args=(1, 2)).start()",
        "answer = methodcaller('decide_many', inputs)(fitted)",
        "match live.decider:\n    case ask: ask(1, 2)",
        "answer = loaded.function(1, 2)",
        "declared = loaded.declared\nanswer = declared.function(1, 2)",
        "await self._runner._within(place, task, 1.0)",
        "from roadbed.executors import in_process as e\ne.FunctionExecutor('x').put(call)",
    ],
)
@pytest.mark.parametrize("package", ["trust", "models", "api"])
def test_who_does_not_hold_a_decider_cannot_name_one(
    tmp_path: Path, package: str, code: str
) -> None:
    planted(tmp_path, package, code)
    assert second_callers(tmp_path)


def test_every_file_that_may_hold_one_does() -> None:
    parsed = list(python_files(PACKAGE))
    for what, (pattern, holders) in _NAMES.items():
        naming = {
            path.relative_to(PACKAGE).as_posix()
            for path, tree in parsed
            if any(pattern.fullmatch(word) for _, word in names(tree)) or list(functions_of(tree))
        }
        idle = [holder for holder in holders if not any(name.startswith(holder) for name in naming)]
        assert idle == [], f"{idle} no longer name {what}"


@pytest.mark.parametrize(
    "code",
    [
        "usecase.decider(TextClassifier(text='text', label='queue'))",
        "@usecase.decider\ndef decide(inquiry, context): ...",
        "version = LiveVersion(decider=candidate.decider)",
        "kind = is_trainable(live.decider)",
        "fitted = asyncio.to_thread(fit, declared.trainable, examples)",
    ],
)
def test_a_declaration_is_no_call(tmp_path: Path, code: str) -> None:
    (tmp_path / "usecases").mkdir()
    (tmp_path / "usecases" / "innocent.py").write_text(code)
    assert second_callers(tmp_path) == []


@pytest.mark.parametrize(
    "code",
    [
        "async def ask(opened, asked): reply = await opened.ask(asked)",
        "value = self.function(*arguments)",  # a scorer's
    ],
)
def test_another_question_is_no_call(tmp_path: Path, code: str) -> None:
    (tmp_path / "innocent.py").write_text(code)
    assert second_callers(tmp_path) == []


# Whether two answers are the same, or one is right, the declared scorer says: never SQL.
_ANSWER = r"(?:\w+\.)?\"?(?:\w+_)?(?:output|actions|provenance)\"?(?:::\w+)?\b(?!_)"
_COMPARES = r"(?:=|<>|!=|@>|<@|IS\s+(?:NOT\s+)?DISTINCT\s+FROM|(?:NOT\s+)?IN\s*\()"
_NULL = r"(?:NULL|%\(|excluded\.)"
COMPARED = re.compile(
    rf"{_ANSWER}\s*{_COMPARES}\s*(?!{_NULL})|(?:(?<![<>!=]){_COMPARES})\s*{_ANSWER}",
    re.IGNORECASE,
)
_SET = re.compile(
    r"\bSET\b(.*?)(?=\bFROM\b|\bWHERE\b|\bRETURNING\b|\bON\s+CONFLICT\b|;|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_ASSIGNMENT = re.compile(r"(^|,)\s*\w+\s*=(?!=)")


def comparisons(sql: str) -> list[str]:
    """Where a statement compares outputs, actions or sources."""
    bare = re.sub(r"--[^\n]*", "", sql)
    bare = _SET.sub(lambda match: "SET " + _ASSIGNMENT.sub(r"\1 ", match.group(1)), bare)
    return [match.group(0) for match in COMPARED.finditer(bare)]


# What was judged before scorers were declared: equal was right, then and only then.
FIRST_SCORES = {
    "m0007_outcomes.sql: output IS NOT DISTINCT FROM ",
    "m0010_content.sql: verdict.right_output IS NOT DISTINCT FROM ",
    "m0010_content.sql: lead.right_output IS NOT DISTINCT FROM ",
}


def test_no_statement_compares_answers() -> None:
    results = {
        f"{path.name}: {compared}"
        for path in sorted(PACKAGE.rglob("*.sql"))
        for compared in comparisons(path.read_text(encoding="utf-8"))
    }
    assert results - FIRST_SCORES == set()


def test_functions_in_migrations_are_read_too() -> None:
    results = {path.name for path in PACKAGE.rglob("*.sql")}
    assert {"m0013_revisions.sql", "m0018_losses.sql", "queries.sql"} <= results


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 FROM decision JOIN verdict ON decision.output = verdict.right_output",
        "SELECT right_output IS DISTINCT FROM decision.output FROM verdict",
        "SELECT first.right_output IS NOT DISTINCT FROM lead.right_output FROM lead",
        "SELECT 1 WHERE live_output <> candidate_output",
        "SELECT 1 WHERE candidate_actions::text != live_actions::text",
        'SELECT 1 WHERE output @> \'{"queue": "x"}\'',
        "SELECT 1 WHERE item.output = CASE WHEN true THEN decision.output END",
        "SELECT 1 WHERE decision.output IN (SELECT right_output FROM verdict)",
        "SELECT 1 WHERE CASE WHEN verdict.id IS NULL THEN 1 ELSE 2 END = decision.output",
        "UPDATE outcome SET was_right = (outcome.output = decision.output) FROM decision",
        "UPDATE verdict SET agrees = right_output IS NOT DISTINCT FROM decision.output WHERE true",
    ],
)
def test_a_statement_that_does_is_found(sql: str) -> None:
    assert comparisons(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE decision SET output = NULL, actions = NULL, provenance = NULL WHERE id = 'x'",
        "UPDATE verdict\nSET note = NULL,\n    right_output = item.output\nFROM item WHERE true",
        "INSERT INTO x (output) VALUES (%(output)s) ON CONFLICT DO UPDATE SET output = 1",
        "SELECT 1 WHERE decision.output IS NULL OR right_output IS NOT NULL",
        "SELECT 1 -- where output = right_output",
        "SELECT 1 WHERE content_hash = item.shown AND actions_known = true",
        "SELECT decision.output, verdict.right_output FROM verdict WHERE verdict.id = 'x'",
    ],
)
def test_one_that_only_keeps_and_reads_them_does_not(sql: str) -> None:
    assert comparisons(sql) == []
