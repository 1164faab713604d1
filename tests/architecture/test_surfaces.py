"""API, command line and console call a capability by one noun, which is also its module."""

from __future__ import annotations

from pathlib import Path

import pytest

import roadbed

PACKAGE = Path(roadbed.__file__).parent
NOUNS = {
    *("account", "audit", "backups", "budgets", "chat", "deliveries", "documents", "gaps", "halts"),
    *("inbox", "incidents", "jobs", "labels", "mcp"),
    *("notebooks", "notices", "outcomes", "people", "proposals"),
    *("questions", "receipts", "releases"),
    *("reviews", "sign_in", "status", "tasks", "timeline", "trust", "use_cases", "versions"),
}
# What the modules of a surface share.
SHARED = {
    "api": {"app", "bodies", "deps", "problems", "renamed"},
    "cli": {
        *(
            "document_texts",
            "identity",
            "long_running",
            "main",
            "output",
            "release_texts",
            "renamed",
            "server",
        ),
        *("sockets", "usage"),
    },
    "console": {
        *("document_table", "export", "tables"),
        *("app", "charts", "chips", "citations", "components", "formatting", "forms", "languages"),
        *(
            "live",
            "navigation",
            "pages",
            "palette",
            "release_cases",
            "release_charts",
            "renamed",
            "terms",
            "static_files",
        ),
        "watched_viewer",
    },
}


@pytest.mark.parametrize("surface", SHARED)
def test_every_module_of_a_surface_is_a_noun_of_all_three(surface: str) -> None:
    modules = {path.stem for path in (PACKAGE / surface).glob("*.py")} - {"__init__"}
    assert modules - NOUNS == SHARED[surface]
