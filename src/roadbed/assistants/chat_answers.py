"""The text of an answer in a chat, with its links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from roadbed.assistants.chat_requests import ChatLink
from roadbed.assistants.replies import OPEN, AssistantReply, passage_link
from roadbed.kernel.json import flat
from roadbed.kernel.sentences import sentence
from roadbed.knowledge.libraries import Libraries
from roadbed.knowledge.records import StoredPassage
from roadbed.usecases.library import Library

_CITED = 4  # with the receipt, as many buttons as a message may have


async def chat_answer(
    reply: AssistantReply,
    libraries: Libraries,
    library: Library | None,
    *,
    person: str,
    address: str,
    public: bool,
    later: bool,
) -> tuple[str, Sequence[ChatLink]]:
    """What is shown to ``person``, who asked; ``later``: the answer follows by itself.

    Where others read it too (``public``), a person of an access group gets a link instead of an
    answer: it may quote what the others may not read.
    """
    receipt = ChatLink(label=str(sentence("Receipt")), url=reply.receipt)
    if reply.output is None:
        follows = sentence("The answer comes here, if that is within half an hour.")
        told = f"{reply.told} {follows}" if later and reply.state in OPEN else str(reply.told)
        return told, [receipt]
    groups = await libraries.access.of(reply.use_case, person)
    if public and groups:
        hidden = sentence("The answer may quote what not everybody here may read. Open it:")
        return str(hidden), [receipt]
    citations = reply.citations[:_CITED]
    ids = [citation.passage for citation in citations if citation.passage]
    passages: Mapping[str, StoredPassage] = {}
    if library is not None and ids:
        passages = await libraries.cited(reply.use_case, library, ids, groups=groups)
    lines, links = [reply.text or flat(reply.output), *reply.notes, ""], [receipt]
    for citation in citations:
        place = ", ".join(filter(None, (citation.document, citation.place)))
        lines.append(
            str(sentence("%(place)s (version %(version)s)", place=place, version=citation.version))
        )
        if (passage := passages.get(citation.passage)) is not None:
            url = passage_link(address, reply.use_case, passage)
            links.append(ChatLink(label=place, url=url))
            if passage.note is not None:
                lines.append(str(passage.note))
    return "\n".join([*lines, str(reply.told)]), links
