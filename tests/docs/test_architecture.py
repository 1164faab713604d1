"""The architecture page shows the packages in the order that ``.importlinter`` holds them to."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ROOT / "src/roadbed"
PAGE = (ROOT / "docs/explanation/architecture.md").read_text(encoding="utf-8")
CONTRACTS = (ROOT / ".importlinter").read_text(encoding="utf-8")
DIAGRAM = re.compile(r"<!-- diagram: layers -->\n```\n(.*?)```", re.DOTALL)
ROW = re.compile(r"^│ ([a-z][a-z ·_]*?) +│", re.MULTILINE)


def layers(contracts: str) -> list[set[str]]:
    """The layers of ``.importlinter``, top to bottom, without those that need not exist."""
    parser = configparser.ConfigParser()
    parser.read_string(contracts)
    lines = parser["importlinter:contract:layers"]["layers"].split("\n")
    rows = [{name.strip(" ()") for name in line.split("|")} for line in lines if line.strip()]
    return [row for row in rows if row != {"__main__"}]


def drawn(page: str) -> list[set[str]]:
    """The rows of the diagram, top to bottom. A row that ends in "·" goes on in the next line."""
    diagram = DIAGRAM.search(page)
    assert diagram is not None, "architecture.md has no diagram of the layers"
    rows: list[set[str]] = []
    goes_on = False
    for cell in ROW.findall(diagram[1]):
        names = {name.strip() for name in cell.split("·")} - {""}
        if goes_on:
            rows[-1] |= names
        else:
            rows.append(names)
        goes_on = cell.endswith("·")
    return rows


def test_the_diagram_has_the_layers_of_the_import_contract() -> None:
    assert drawn(PAGE) == layers(CONTRACTS)


@pytest.mark.parametrize(
    ("planted", "change"),
    [
        ("two layers exchanged", ("    reviews\n    versions\n", "    versions\n    reviews\n")),
        ("a layer missing", ("    recovery\n", "")),
        ("a new layer", ("    kernel\n", "    knowledge\n    kernel\n")),
        ("neighbours separated", ("    models | connectors\n", "    models\n    connectors\n")),
    ],
)
def test_a_difference_from_the_import_contract_is_noticed(
    planted: str, change: tuple[str, str]
) -> None:
    changed = CONTRACTS.replace(*change)
    assert changed != CONTRACTS, planted
    assert drawn(PAGE) != layers(changed), planted


def test_every_package_is_named_on_the_architecture_page() -> None:
    packages = {path.parent.name for path in PACKAGES.glob("*/__init__.py")}
    modules = {path.stem for path in PACKAGES.glob("[a-z]*.py")}
    assert packages | modules == set().union(*drawn(PAGE))


def test_the_paths_name_packages_that_exist() -> None:
    tables = [line for line in PAGE.splitlines() if line.startswith("| ")]
    in_rows = {name for line in tables for name in re.findall(r"`([a-z_]+)`", line)}
    words = {"learn", "judge"}  # purposes of an example
    known = {path.stem for path in PACKAGES.iterdir()}
    assert in_rows - words <= known
