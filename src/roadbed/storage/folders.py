"""The folders of an installation, beside its database."""

from __future__ import annotations

from pathlib import Path

from roadbed.kernel.settings import Settings
from roadbed.storage.embedded import default_home


def audit_folder(settings: Settings) -> Path:
    """The folder outside the database with the copy of the audit log's checkpoints."""
    if settings.audit_dir is not None:
        return settings.audit_dir
    if settings.home is not None:
        return settings.home.with_name(f"{settings.home.name}-audit")
    return default_home(Path.cwd(), "audit")


def versions_folder(settings: Settings) -> Path:
    """Where versions are written out that are not the folder on disk."""
    if settings.home is None:
        return default_home(Path.cwd(), "versions")
    return settings.home.with_name(f"{settings.home.name}-versions")


def indexes_folder(settings: Settings) -> Path:
    """Where the search indexes of this machine are; each can be built anew from the database."""
    if settings.home is None:
        return default_home(Path.cwd(), "indexes")
    return settings.home.with_name(f"{settings.home.name}-indexes")
