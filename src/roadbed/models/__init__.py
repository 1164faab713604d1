"""Built-in deciders. Names load on first use: scikit-learn takes its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roadbed.models.text.classifier import TextClassifier

__all__ = ["TextClassifier"]


def __getattr__(name: str) -> object:
    if name != "TextClassifier":
        raise AttributeError(f"module 'roadbed.models' has no attribute {name!r}")
    from roadbed.models.text.classifier import TextClassifier

    return TextClassifier
