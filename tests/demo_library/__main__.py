"""``python -m tests.demo_library``: write the documents of the demo's library again."""

from __future__ import annotations

from pathlib import Path

import roadbed
from tests.demo_library.contents import documents

FOLDER = Path(roadbed.__file__).parent / "demo" / "library" / "documents"


def main() -> None:
    """Write each document below ``FOLDER``."""
    for path, content in documents().items():
        file = FOLDER / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        print(f"{len(content):8,} {path}")


if __name__ == "__main__":
    main()
