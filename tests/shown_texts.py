"""Texts in Python that people may read and that are not in the message catalogue.

A constant is such a text if its function returns it or joins it into what it returns, if a table of
a module holds it, or if it looks like words: several of them, or a capital at the beginning.
What a function with ``@speaking(SOURCE)`` returns is stored, so it stays English.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable
from itertools import chain

_LETTERS = re.compile(r"[A-Za-z]{2,}")
_WORDS = re.compile(r"[A-Za-z]\w* +[A-Za-z]|^\W*[A-Z][a-z]")
_NO_TEXT = re.compile(r"[/#?]|\s*<|\w+://|\s*UTC$")  # how an address or a tag begins
# Calls whose constants are messages, tags, patterns, addresses or names.
_CATALOGUE = {"_", "gettext", "ngettext", "several", "later", "Chip", "sentence", "sentences"}
_CATALOGUE |= {"stored_sentence", "stored_sentences", "stored_message", "stored_messages"}
_CODE = {
    "Markup",
    "Route",
    "compile",
    "TypeVar",
    "ParamSpec",
    "getattr",
    "queries",
    "split",
    "startswith",
}
_CODE |= {"removeprefix", "removesuffix", "endswith", "strip", "rstrip", "lstrip", "Path"}
_LOGS = {"debug", "info", "warning", "error", "exception"}
_JOINED = {"join", "format", "replace", "counted"}  # calls whose arguments become text
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def outside(source: str) -> list[str]:
    """The texts of a module that are not in the catalogue, in their order."""
    scan = _Scan()
    scan.body(ast.parse(source).body)
    return scan.told()


def outside_of_errors(source: str, errors: Collection[str]) -> list[str]:
    """The texts that a module puts into ``errors`` and that are not in the catalogue.

    A text is put in directly, by a name of the function or the module, or by a function of it.
    """
    scan = _ErrorScan(errors)
    scan.module(ast.parse(source))
    return scan.told()


def names_of_errors(sources: Iterable[str]) -> set[str]:
    """The subclasses of ``RoadbedError``, and ``Problem``, of which one error is made."""
    classes = [
        node
        for source in sources
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef)
    ]
    names, known = {"RoadbedError"}, set[str]()
    while known != names:
        known = set(names)
        for one in classes:
            bases = {ast.unparse(base).rpartition(".")[2] for base in one.bases}
            names |= {one.name} if bases & known else set()
    return names | {"Problem"}


class _Scan:
    """One walk through a module. ``texts`` are line and text."""

    def __init__(self) -> None:
        self.texts: set[tuple[int, str]] = set()
        self._names: set[str] = set()  # of what the present function shows

    def told(self) -> list[str]:
        """The texts in their order, each once."""
        return list(dict.fromkeys(text.strip() for _, text in sorted(self.texts)))

    def body(self, statements: list[ast.stmt]) -> None:
        """The statements of a module or a class: their tables are shown."""
        for statement in statements:
            match statement:
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    self._function(statement)
                case ast.ClassDef():
                    self.body(statement.body)
                case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
                    self._read(value, shown=isinstance(value, ast.Dict))
                case ast.Expr(value=ast.Call() as call):
                    self._read(call, shown=False)

    def _function(self, function: _Function) -> None:
        if _is_stored(function):
            return
        outer, self._names = self._names, set()
        if isinstance(function, ast.Lambda):
            self._read(function.body, shown=True)
        else:
            statements = function.body[_has_docstring(function) :]
            for statement in statements:
                self._statement(statement)
            self._assigned(statements)
        self._names = outer

    def _assigned(self, statements: list[ast.stmt]) -> None:
        """What was given to the names that are shown, until there is no further one."""
        known: set[str] = set()
        while new := self._names - known:
            known |= new
            for node in chain.from_iterable(map(ast.walk, statements)):
                match node:
                    case ast.Assign(targets=[target], value=value):
                        pairs = [(target, value)]
                        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                            pairs = list(zip(target.elts, value.elts, strict=True))
                    case (
                        ast.AugAssign(target=target, value=value)
                        | ast.NamedExpr(target=target, value=value)
                        | ast.AnnAssign(target=target, value=ast.expr() as value)
                    ):
                        pairs = [(target, value)]
                    case _:
                        continue
                for name, given in pairs:
                    if isinstance(name, ast.Name) and name.id in new:
                        self._read(given, shown=True)

    def _statement(self, statement: ast.AST) -> None:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(statement)
            case ast.Return(value=ast.expr() as value):
                self._read(value, shown=True)
            case ast.Expr(value=ast.Constant()) | ast.Raise() | ast.Assert():
                pass
            case ast.AnnAssign(value=value):
                if value is not None:
                    self._read(value, shown=False)
            case ast.expr():
                self._read(statement, shown=False)
            case ast.match_case():
                for inner in statement.body:
                    self._statement(inner)
            case _:
                for child in ast.iter_child_nodes(statement):
                    self._statement(child)

    def _read(self, node: ast.expr, *, shown: bool) -> None:
        match node:
            case ast.Constant(value=str(text)):
                self._constant(node, text, shown=shown)
            case ast.JoinedStr(values=parts):
                self._joined(parts, shown=shown)
            case ast.Name(id=name):
                self._names |= {name} if shown else set()
            case ast.Lambda():
                self._function(node)
            case ast.Call():
                self._call(node, shown=shown)
            case ast.Yield(value=ast.expr() as value) | ast.YieldFrom(value=value):
                self._read(value, shown=True)
            case _:
                for part in _parts(node):
                    self._read(part, shown=shown)

    def _constant(self, node: ast.expr, text: str, *, shown: bool) -> None:
        if _NO_TEXT.match(text) or not _LETTERS.search(text):
            return
        if shown or _WORDS.search(text):
            self.texts.add((node.lineno, text))

    def _joined(self, parts: list[ast.expr], *, shown: bool) -> None:
        texts = [part.value for part in parts if isinstance(part, ast.Constant)]
        if isinstance(parts[0], ast.Constant) and _NO_TEXT.match(str(texts[0])):
            return
        spoken = shown or any(" " in str(text) for text in texts)
        for part in parts:
            if isinstance(part, ast.FormattedValue):
                self._read(part.value, shown=spoken)
            elif isinstance(part, ast.Constant):
                self._constant(part, str(part.value), shown=spoken)

    def _call(self, call: ast.Call, *, shown: bool) -> None:
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        values = [keyword.value for keyword in call.keywords]
        inner = [*call.args, *values]
        if name in _CATALOGUE:
            inner = [child for child in call.args if not isinstance(child, ast.Constant)]
            for value in values:
                self._read(value, shown=True)
        elif name in _CODE | _LOGS:
            inner = [child for child in inner if not isinstance(child, ast.Constant)]
        elif name == "get":
            inner = [child for child in inner if child is not call.args[0]]
        if isinstance(call.func, ast.Attribute):
            self._read(call.func.value, shown=shown)
        for child in inner:
            self._read(child, shown=name in _JOINED or (name == "get" and shown))


class _ErrorScan(_Scan):
    """One walk through a module that reads what its errors say, and nothing else."""

    def __init__(self, errors: Collection[str]) -> None:
        super().__init__()
        self._errors = errors
        self._calls: set[str] = set()  # of functions that make what an error says

    def module(self, tree: ast.Module) -> None:
        """Every error of a module, then what its names and functions gave to them."""
        self._inside(tree)
        known: set[str] = set()
        while new := self._calls - known:
            known |= new
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef) and node.name in new:
                    self._returned(node)
        self._assigned(tree.body)

    def _inside(self, parent: ast.AST, *, is_error: bool = False) -> None:
        for node in ast.iter_child_nodes(parent):
            match node:
                case ast.ClassDef(name=name):
                    self._inside(node, is_error=name in self._errors)
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    self._inside(node, is_error=is_error)
                    self._assigned(node.body)
                case ast.Call():
                    for text in self._given(node, is_error=is_error):
                        self._read(text, shown=True)
                    self._inside(node, is_error=is_error)
                case _:
                    self._inside(node, is_error=is_error)

    def _given(self, call: ast.Call, *, is_error: bool) -> list[ast.expr]:
        """What a call gives to an error."""
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        if name == "Problem":
            return [word.value for word in call.keywords if word.arg in {"problem", "remedy"}]
        if name in self._errors or (is_error and name == "__init__"):
            return [*call.args, *(word.value for word in call.keywords)]
        return []

    def _returned(self, function: ast.FunctionDef) -> None:
        for node in ast.walk(function):
            if isinstance(node, ast.Return | ast.Yield) and node.value is not None:
                self._read(node.value, shown=True)
        self._assigned(function.body)

    def _call(self, call: ast.Call, *, shown: bool) -> None:
        super()._call(call, shown=shown)
        if shown and isinstance(call.func, ast.Name):
            self._calls.add(call.func.id)


def _parts(node: ast.expr) -> list[ast.expr]:
    """The parts of an expression that may be texts: no keys, no conditions."""
    match node:
        case ast.Compare():
            return []
        case ast.Dict(values=values):
            return values
        case ast.IfExp(body=one, orelse=other):
            return [one, other]
        case ast.Subscript(value=value):
            return [value] if isinstance(value, ast.Dict) else []
        case _:
            children = ast.iter_child_nodes(node)
            return [child for child in children if isinstance(child, ast.expr)]


def _has_docstring(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return ast.get_docstring(function, clean=False) is not None


def _is_stored(function: _Function) -> bool:
    """Whether it speaks the source language, because what it returns is stored."""
    decorators = [] if isinstance(function, ast.Lambda) else function.decorator_list
    return any(ast.unparse(decorator).endswith("speaking(SOURCE)") for decorator in decorators)


_SENTENCE = re.compile(r"[A-Za-z]{2,},? +[a-z]{2,}")  # words in a row, as in a sentence
# Calls that no reader sees: of a program, of a person who declares a use case, or of a statement.
_PROGRAM = {"ValueError", "TypeError", "AssertionError", "RuntimeError", "OSError", "say", "caught"}
_PROGRAM |= {"get_logger", "execute", "compile"} | _LOGS


def sentences_outside(source: str) -> list[str]:
    """The sentences of a module that are not in the catalogue, in their order.

    Any text with several words is one, whatever becomes of it: what is stored is put into a row,
    an object or a list long after it was made. Documentation and what only programs meet is none.
    """
    told: list[tuple[int, str]] = []
    _sentences(ast.parse(source), told)
    return list(dict.fromkeys(text for _, text in sorted(told)))


def _sentences(node: ast.AST, told: list[tuple[int, str]]) -> None:
    inner: Iterable[ast.AST] = ast.iter_child_nodes(node)
    match node:
        case ast.Expr(value=ast.Constant()):
            return
        case ast.FunctionDef(name=name) if name.endswith("problems"):
            return  # of a declaration: `roadbed check` lists them in a terminal
        case ast.Call():
            inner = _parts_of_call(node)
        case ast.JoinedStr(values=parts):
            text = "".join(str(part.value) for part in parts if isinstance(part, ast.Constant))
            inner = [part.value for part in parts if isinstance(part, ast.FormattedValue)]
            told += [(node.lineno, text.strip())] if _SENTENCE.search(text) else []
        case ast.Constant(value=str(text)):
            told += [(node.lineno, text.strip())] if _SENTENCE.search(text) else []
    for child in inner:
        _sentences(child, told)


def _parts_of_call(call: ast.Call) -> Iterable[ast.AST]:
    """What a call is given that may be a text outside the catalogue."""
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    if name in _PROGRAM:
        return []
    if name not in _CATALOGUE:
        return ast.iter_child_nodes(call)
    given = [part for part in call.args if not isinstance(part, ast.Constant)]
    return [*given, *(word.value for word in call.keywords)]
