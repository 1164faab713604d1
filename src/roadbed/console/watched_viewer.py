"""A viewer that remembers what a page asked of it, so that another viewer may get the same page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from roadbed.people.model import Role
from roadbed.people.permissions import Permission, Viewer

_FIELDS = tuple(one.name for one in fields(Viewer))


class WatchedViewer(Viewer):
    """Answers like ``viewer`` and remembers every answer.

    A page that was rendered for it is right for whoever would have given the same answers. A field
    that is read counts as a question; so does a method that is not repeated here, by the fields
    that it reads.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(**{name: getattr(viewer, name) for name in _FIELDS})
        object.__setattr__(self, "_viewer", viewer)
        object.__setattr__(self, "_answers", {})

    def __getattribute__(self, name: str) -> object:
        value = super().__getattribute__(name)
        if name in _FIELDS:
            answers = super().__getattribute__("__dict__").get("_answers")
            if answers is not None:
                answers[name, ()] = value
        return value

    def answers_hold_for(self, other: Viewer) -> bool:
        """Whether ``other`` would have answered the same."""
        answers: dict[tuple[str, tuple[object, ...]], object] = self.__dict__["_answers"]
        return all(
            _answer(other, question, about) == answer
            for (question, about), answer in answers.items()
        )

    def roles_in(self, use_case: str) -> frozenset[Role]:
        roles: frozenset[Role] = self._asked("roles_in", use_case)
        return roles

    def sees(self, use_case: str) -> bool:
        return bool(self._asked("sees", use_case))

    def may(self, use_case: str, permission: Permission) -> bool:
        return bool(self._asked("may", use_case, permission))

    def in_scope(self, permission: Permission) -> bool:
        return bool(self._asked("in_scope", permission))

    def everywhere(self, permission: Permission) -> bool:
        return bool(self._asked("everywhere", permission))

    def somewhere(self, permission: Permission) -> bool:
        return bool(self._asked("somewhere", permission))

    def visible(self, use_cases: Iterable[str]) -> list[str]:
        return list(self._asked("visible", tuple(use_cases)))

    def _asked(self, question: str, *about: object) -> Any:
        answer = _answer(self.__dict__["_viewer"], question, about)
        self.__dict__["_answers"][question, about] = answer
        return answer


def _answer(viewer: Viewer, question: str, about: tuple[object, ...]) -> object:
    held = getattr(viewer, question)
    return held(*about) if about else held


class WatchedName:
    """The name of a watched viewer for a template: who the viewer is counts once it is used."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer

    def __str__(self) -> str:
        return self._viewer.name

    def __eq__(self, other: object) -> bool:
        return self._viewer.name == other

    def __hash__(self) -> int:
        return hash(self._viewer.name)
