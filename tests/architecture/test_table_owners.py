"""Each table has one owner: the package whose ``queries.sql`` writes it. Others ask the owner.

Migrations are exempt: they move every table. SQL in Python is found by ``test_hygiene.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "roadbed"
OWNERS = {
    "assistants": "chat_account chat_reply chat_request",
    "audit": "audit_bundle audit_checkpoint audit_entry audit_handover audit_pending audit_tile",
    "budgets": "budget_alert budget_aside budget_charge",
    "decisions": "comparison decision process",
    "deliveries": "circuit delivery delivery_attempt",
    "examples": "example",
    "guarantee": "certificate notice running_audit running_gap running_mark weak_example",
    "halts": "halt",
    "improvement": "proposal",
    "insight": "background_failure",
    "intake": "in_flight task",
    "knowledge": (
        "access_group_member document document_change document_family document_fingerprint "
        "document_part document_report document_version family_settlement fetched_page "
        "gap_decision gap_report passage passage_conflict removed_version source_content "
        "roadbed_vectors "  # all tables of that schema
        "source_piece uploaded_file vector_collection"
    ),
    "outcomes": "outcome",
    "people": "absence identity membership person sign_in token",
    "recovery": "restoration roadbed",
    "releases": "release sign_off stage_event",
    "reviews": "held_verdict label measure review verdict",
    "usecases": "use_case",
    "work": "job",
    "versions": "artifact behaviour version",
}
OWNER = {table: package for package, tables in OWNERS.items() for table in tables.split()}
# `DO UPDATE` belongs to its INSERT; `FOR UPDATE` writes nothing.
WRITES = re.compile(
    r"\bINSERT\s+INTO\s+(\w+)|(?<!DO )(?<!FOR )(?<!KEY )\bUPDATE\s+(?:ONLY\s+)?(\w+)"
    r"|\bDELETE\s+FROM\s+(?:ONLY\s+)?(\w+)|\bMERGE\s+INTO\s+(\w+)|\bTRUNCATE\s+(?:TABLE\s+)?(\w+)",
    re.IGNORECASE,
)


def writes(root: Path) -> Iterator[tuple[str, str, str]]:
    """Package, statement and table of every write in the ``queries.sql`` files under ``root``."""
    for path in sorted(root.rglob("queries.sql")):
        package = path.relative_to(root).parts[0]
        parts = re.split(r"^-- name: (\w+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        for name, text in zip(parts[1::2], parts[2::2], strict=True):
            statement = " ".join(re.sub(r"--[^\n]*|'[^']*'", " ", text).split())
            for match in WRITES.finditer(statement):
                yield package, name, next(table for table in match.groups() if table).lower()


def second_writers(root: Path) -> list[str]:
    return [
        f"{package}/queries.sql {name} writes {table}, which {OWNER.get(table, 'nobody')} owns"
        for package, name, table in writes(root)
        if OWNER.get(table) != package
    ]


def test_each_table_has_one_owner_that_writes_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert second_writers(SOURCE) == []
    stated = list(writes(SOURCE))
    assert {table for _, _, table in stated} == set(OWNER), "a table is owned but never written"
    with capsys.disabled():
        print(f"\n{len(stated)} writes in SQL, {len(OWNER)} tables, no second writer")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE review SET closed_at = now() WHERE id = %(id)s",
        "WITH gone AS (\n    DELETE FROM in_flight RETURNING task_id\n)\nSELECT task_id FROM gone",
        "insert into audit_entry (kind) values ('seen')",
        "MERGE INTO task USING item ON task.id = item.id WHEN MATCHED THEN DELETE",
        "INSERT INTO unknown_table (id) VALUES (%(id)s)",
    ],
)
def test_a_second_writer_is_found(tmp_path: Path, statement: str) -> None:
    package = tmp_path / "insight"
    package.mkdir()
    queries = package / "queries.sql"
    queries.write_text(f"-- name: sly\n-- Why.\n{statement}\n", encoding="utf-8")
    (report,) = second_writers(tmp_path)
    assert report.startswith("insight/queries.sql sly writes ")


def test_what_only_locks_or_reads_is_no_write(tmp_path: Path) -> None:
    package = tmp_path / "insight"
    package.mkdir()
    (package / "queries.sql").write_text(
        "-- name: hold\n-- DELETE FROM review would be one.\nSELECT id FROM review FOR UPDATE\n"
        "-- name: share\nSELECT id FROM review FOR NO KEY UPDATE OF review\n"
        "-- name: kept\nINSERT INTO background_failure (job) VALUES ('UPDATE review')\n"
        "ON CONFLICT (job) DO UPDATE SET job = excluded.job\n",
        encoding="utf-8",
    )
    assert second_writers(tmp_path) == []
