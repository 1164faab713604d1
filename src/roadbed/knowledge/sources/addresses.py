"""Addresses: the list of a library, and the path of the document of each. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote, urljoin, urlsplit

import httpx2

from roadbed.connectors.egress import url_problem
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.knowledge.sources.model import Listed

LONGEST_ADDRESS = 2_000  # characters
LONGEST_PATH = 1_000  # characters of the path of a document
_PORTS = {"http": 80, "https": 443}
# Codes of characters that need none: the same page, by RFC 3986, section 6.2.2.2.
_UNRESERVED = re.compile("%(2[DE]|3[0-9]|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])", re.IGNORECASE)
_NOT_IN_PATHS = re.compile(r"[^!-~]")


def listed(text: str) -> tuple[list[Listed], list[str]]:
    """The addresses of a list, each once, and one sentence for each line that is wrong.

    A line is an address; what follows ``#`` at the beginning of a line or after a blank is a
    comment. Two addresses with the same path in the library are a mistake, two equal ones are not.
    """
    by_path: dict[str, tuple[int, Listed]] = {}
    problems = []
    for number, address in _lines(text):
        problem = _problem(address)
        if problem is None:
            page = Listed(path=path_of(address), address=without_fragment(address))
            first, known = by_path.setdefault(page.path, (number, page))
            if known.address == page.address:
                continue
            problem = stored_sentence(
                "its document has the same path as that of line %(line)s", line=first
            )
        problems.append(stored_sentence("line %(line)s: %(problem)s", line=number, problem=problem))
    return [page for _, page in by_path.values()], problems


def path_of(address: str) -> str:
    """The path of the document of a valid address: host, path and query.

    A port is part of it if it is not that of the scheme. A folder has the name ``index.html``.
    """
    url = httpx2.URL(without_fragment(address))
    port = "" if url.port in (None, _PORTS[url.scheme]) else f":{url.port}"
    host = url.raw_host.decode("ascii").rstrip(".")
    path = _UNRESERVED.sub(_plain, url.raw_path.decode("ascii").partition("?")[0])
    name = "index.html" if path.endswith("/") else ""
    query = f"?{url.query.decode('ascii')}" if url.query else ""
    return f"{host}{port}{path}{name}{query}"


def without_fragment(address: str) -> str:
    """The address that is asked: ``#`` and what follows are for browsers."""
    return address.partition("#")[0]


def redirected(address: str, location: str) -> str:
    """The address that a redirect leads to."""
    return without_fragment(urljoin(address, location))


def downgrades(address: str, target: str) -> bool:
    """Whether a redirect leaves an encrypted connection."""
    return urlsplit(address).scheme == "https" and urlsplit(target).scheme != "https"


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        address = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip()
        if address:
            yield number, address


def _problem(address: str) -> str | None:
    if len(address) > LONGEST_ADDRESS or len(address.encode()) > LONGEST_ADDRESS:
        return stored_sentence("it is longer than %(most)s characters", most=LONGEST_ADDRESS)
    if (problem := url_problem(address)) is not None:
        return problem
    path = path_of(address)
    if len(path) > LONGEST_PATH:
        return stored_sentence("it is longer than %(most)s characters", most=LONGEST_PATH)
    segments = re.split(r"[/\\]", unquote(path.partition("?")[0]))
    if ".." in segments or "." in segments or _NOT_IN_PATHS.search(path):
        return stored_sentence("its path is not in its shortest form")
    return None


def _plain(code: re.Match[str]) -> str:
    return chr(int(code[1], 16))
