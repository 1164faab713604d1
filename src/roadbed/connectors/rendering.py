"""Rendering of templates for a receiver. A missing field refuses the delivery and is named."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.usecases import placeholders
from roadbed.usecases.destinations import DeliveryRequest, RefusedError

_PLAIN = re.compile(r"[\x21-\x7e]{1,200}")


def facts_of(request: DeliveryRequest, **more: object) -> Mapping[str, object]:
    """What a connector's templates may name: the delivery's facts, ``key`` and ``content``."""
    return {**request.facts, "key": request.key, "content": request.content, **more}


def text(template: str, facts: Mapping[str, object]) -> str:
    """The template as text. Raises ``RefusedError`` with the missing field's name."""
    try:
        return placeholders.render(template, facts)
    except ValueError as error:
        raise RefusedError(
            stored_sentence("It cannot be written: %(error)s.", error=error)
        ) from error


# Any: the result has the shape of the template.
def shape(template: object, facts: Mapping[str, Any]) -> Any:
    """A JSON shape with every template filled. Raises ``RefusedError``, as ``text``."""
    try:
        return placeholders.filled(template, facts)
    except ValueError as error:
        raise RefusedError(
            stored_sentence("It cannot be written: %(error)s.", error=error)
        ) from error


def path(template: str, facts: Mapping[str, object]) -> str:
    """A URL's path and query; every field is percent-encoded. Raises ``RefusedError``.

    A field that would make a step up (``..``) out of the path, or leave a step empty, is refused:
    neither can be encoded.
    """
    try:
        filled = template
        for name in set(placeholders.fields(template)):
            value = quote(placeholders.render(f"{{{name}}}", facts), safe="")
            filled = filled.replace(f"{{{name}}}", value)
    except ValueError as error:
        raise RefusedError(
            stored_sentence("It cannot be written: %(error)s.", error=error)
        ) from error
    declared = template.partition("?")[0].split("/")
    for step, wanted in zip(filled.partition("?")[0].split("/"), declared, strict=False):
        if step in (".", "..") or (wanted and not step):
            raise RefusedError(
                stored_sentence("A field is empty, . or .., and would lead to another address.")
            )
    return filled


def encoded(content: object) -> bytes:
    """JSON as it is sent. Raises ``RefusedError`` for what JSON cannot carry."""
    try:
        written = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return written.encode("utf-8")
    except (ValueError, TypeError) as error:
        raise RefusedError(
            stored_sentence("The content cannot be written as JSON: %(error)s.", error=error)
        ) from error


def header_key(key: str) -> str:
    """The key as a header can carry it: itself, or its hash if it is long or has other signs."""
    if _PLAIN.fullmatch(key):
        return key
    return "sha256-" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def template_problems(name: str, shaped: object) -> Iterator[str]:
    """One sentence for each template in ``shaped`` that can never be filled."""
    if isinstance(shaped, str):
        try:
            placeholders.fields(shaped)
        except ValueError as error:
            yield f"{name}: {error}. Write fields as {{output.queue}}."
    elif isinstance(shaped, Mapping):
        for key, value in shaped.items():
            yield from template_problems(f"{name}.{key}", value)
    elif isinstance(shaped, list | tuple):
        for value in shaped:
            yield from template_problems(name, value)


def secret_problems(name: str, value: str | None) -> Iterator[str]:
    """A secret stands in the environment; a setting only names it."""
    if value is not None and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value) is None:
        yield f"{name} is no name of an environment variable. Put the secret there and name it."
