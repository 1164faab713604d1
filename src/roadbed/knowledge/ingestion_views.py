"""Ingestions as a person may see them, without traces of documents that they may not read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.knowledge.access import is_limited, may_read
from roadbed.knowledge.ingestion_jobs import KIND
from roadbed.knowledge.libraries import Libraries
from roadbed.usecases.library import Library
from roadbed.work.model import Job, JobState

_WHOLE = 100  # shares of a job are percent


async def readable_jobs(libraries: Libraries, jobs: Sequence[Job], *, viewer: str) -> list[Job]:
    """Jobs as ``viewer`` may see them, in their order.

    Of an ingestion, the result lists only documents that the viewer may read. If the library
    declares an access group that the viewer is not in, all counts are left out too, and ``done`` of
    ``total`` is a percentage: the counts would tell how many documents the group has.
    """
    groups: dict[str, frozenset[str]] = {}
    shown = []
    for job in jobs:
        name = job.use_case
        library = libraries.withholding.library(name) if name is not None else None
        if job.kind != KIND or name is None or library is None:
            shown.append(job)
            continue
        if name not in groups:
            groups[name] = await libraries.access.of(name, viewer)
        listed: Any = job.result["unreadable"] if isinstance(job.result, Mapping) else ()
        stored = await libraries.documents.known(name, [one["path"] for one in listed])
        readable = [
            one
            for one in listed
            if may_read(
                library,
                one["path"],
                stored.get(one["path"], {}).get("access_group"),
                groups[name],
            )
        ]
        shown.append(_shown(job, library, groups[name], readable))
    return shown


def _shown(job: Job, library: Library, groups: frozenset[str], readable: Sequence[Any]) -> Job:
    result: Any = job.result
    if isinstance(result, Mapping):
        result = {**result, "unreadable": list(readable)}
    if not is_limited(library, groups):
        return replace(job, result=result)
    if isinstance(result, Mapping):
        result = {"unreadable": list(readable)}
    doing, reason = job.doing, job.reason
    if doing:
        doing = stored_sentence("The documents of the library are read.")
        if job.state is JobState.DONE:
            doing = stored_sentence("The documents of the library were read.")
    if reason:
        reason = stored_sentence(
            "It did not end. The reason is shown to members of all access groups of the library."
        )
    done = job.done * _WHOLE // job.total if job.total else 0
    total = _WHOLE if job.total else None
    return replace(job, result=result, doing=doing, reason=reason, done=done, total=total)
