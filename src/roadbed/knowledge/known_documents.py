"""What is known of the documents that somebody may read: scopes, versions and owners."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from roadbed.knowledge.access import may_read
from roadbed.knowledge.contradictions import of_one_time
from roadbed.knowledge.copies import StoredContent, copies
from roadbed.knowledge.precedence import OrderedVersion, Precedence
from roadbed.knowledge.records import StoredPassage
from roadbed.knowledge.removed_versions import removed_of
from roadbed.knowledge.rows import CoversRow, NewerRemovedRow
from roadbed.knowledge.scope import Catalogue, scope_of
from roadbed.usecases.decider import RemovedVersion
from roadbed.usecases.library import Library


@dataclass(frozen=True, slots=True)
class KnownDocuments:
    """What is known of readable documents, and the change after which it is not right any more.

    Of documents with the same content only the one that answers is known.

    ``dated`` gives the date, number or period that a document says, by its id; ``families`` the
    family of each that is not alone, ``owners`` the organizations of its first page, ``removed`` a
    newer version that was deleted.
    """

    change: tuple[int, str]
    catalogue: Catalogue
    precedence: Precedence
    dated: Mapping[str, str]
    families: Mapping[str, str]
    owners: Mapping[str, tuple[str, ...]]
    removed: Mapping[str, RemovedVersion]

    def may_contradict(self, one: StoredPassage, other: StoredPassage) -> bool:
        """Whether two passages are of documents that speak of the same thing at the same time."""
        first, second = one.document_id, other.document_id
        family = self.families.get(first, first)
        owners, others = self.owners.get(first, ()), self.owners.get(second, ())
        return (
            first != second
            and family != self.families.get(second, second)
            and (not owners or not others or bool(set(owners) & set(others)))
            and (one.kind, other.kind) == ("text", "text")
            and of_one_time(one.path, other.path)
        )


def known_documents(
    change: tuple[int, str],
    library: Library,
    rows: Sequence[CoversRow],
    removed: Sequence[NewerRemovedRow],
    groups: Collection[str],
) -> KnownDocuments:
    """What ``groups`` may know, from the rows of a library at the time of ``change``."""
    readable = [row for row in rows if may_read(library, row["path"], row["access_group"], groups)]
    copied = copies(
        StoredContent(
            document_id=row["id"],
            path=row["path"],
            content=row["content_hash"],
            format=row["format"],
            added_at=row["added_at"],
            is_left_out=row["left_out"],
        )
        for row in readable
        if row["kind"] != "variant"  # it answers where a question names it
    )
    readable = [row for row in readable if not row["left_out"] and row["id"] not in copied]
    scopes = [scope_of(row["id"], row["path"], row["cover"] or "") for row in readable]
    return KnownDocuments(
        change=change,
        catalogue=Catalogue.of(scopes),
        precedence=Precedence.of(
            [
                OrderedVersion(
                    document_id=row["id"],
                    path=row["path"],
                    family=row["family"],
                    rank=row["rank"],
                    dated=row["dated"],
                    is_variant=row["kind"] == "variant",
                )
                for row in readable
                if row["family"] is not None and row["rank"] is not None
            ],
            copied,
        ),
        dated={row["id"]: row["dated"] for row in readable if row["dated"] is not None},
        families={
            row["id"]: row["family"]
            for row in readable
            if row["family"] is not None and row["kind"] != "separate"
        },
        owners={scope.document_id: scope.names for scope in scopes},
        removed=removed_of(removed, library, groups),
    )
