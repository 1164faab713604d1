"""Each lock file has the declared requirements with their dependencies, and nothing else."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
LOCKS = ROOT / "requirements"
DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# As requirements/compile.sh makes them; `build` has what builds Roadbed, the others Roadbed's own.
EXTRAS = {
    "base": [],
    "llm": ["llm"],
    "embed": ["embed"],
    "mcp": ["mcp"],
    "dev": ["dev", "llm", "embed", "mcp"],
    "bench": ["bench"],
}
NAMES = ["build", *EXTRAS]

PIN = re.compile(r"([a-z0-9-]+)==(\S+)((?: +--hash=sha256:[0-9a-f]{64})+)")
BY_HAND = "it was edited by hand: requirements/compile.sh makes it"
HERE: dict[str, str] = {key: str(value) for key, value in default_environment().items()}
# What is needed on the Python that made the locks has a line on every other one too.
MAKER = HERE | {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.11.0",
    "python_version": "3.11",
    "sys_platform": "linux",
}


def asked_for(name: str) -> list[Requirement]:
    """The project's requirements for a lock."""
    project = DECLARED["project"]
    if name == "build":
        return [Requirement(text) for text in DECLARED["build-system"]["requires"]]
    texts = list(project["dependencies"])
    for extra in EXTRAS[name]:
        texts += project["optional-dependencies"][extra]
    return [Requirement(text) for text in texts]


def joined(lock: Path) -> list[str]:
    """The lines of a lock without comments, one per package."""
    lines = lock.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def pins(lock: Path) -> dict[str, Version]:
    matches = [PIN.fullmatch(line) for line in joined(lock)]
    return {match[1]: Version(match[2]) for match in matches if match}


class Walk:
    """Follows requirements through a lock, by the metadata of the installed packages."""

    def __init__(self, locked: dict[str, Version], environment: dict[str, str]) -> None:
        self.locked = locked
        self.environment = environment
        self.seen: set[tuple[str, str]] = set()
        self.faults: list[str] = []
        self.unknown: set[str] = set()

    def follow(self, requirements: Iterable[Requirement], *, by: str, extra: str = "") -> None:
        for requirement in requirements:
            marker = requirement.marker
            if marker and not marker.evaluate(self.environment | {"extra": extra}):
                continue
            name = canonicalize_name(requirement.name)
            version = self.locked.get(name)
            if version is None:
                self.faults.append(f"{by} asks for {requirement}, which has no line")
            elif not requirement.specifier.contains(version, prereleases=True):
                self.faults.append(f"{by} asks for {requirement}, the line says {version}")
            else:
                for asked in ("", *sorted(requirement.extras)):
                    self._enter(name, version, extra=asked)

    def _enter(self, name: str, version: Version, *, extra: str) -> None:
        if (name, extra) in self.seen:
            return
        self.seen.add((name, extra))
        try:
            package = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            self.unknown.add(name)
            return
        if Version(package.version) != version:
            self.faults.append(f"{name}: the line says {version}, installed is {package.version}")
            return
        requirements = [Requirement(text) for text in package.requires or []]
        self.follow(requirements, by=f"{name}[{extra}]" if extra else name, extra=extra)


def faults(name: str, folder: Path) -> Iterator[str]:
    """Missing, superfluous and changed lines of a lock in ``folder``."""
    lock = folder / f"{name}.txt"
    if listed(folder).get(lock.name) != hashlib.sha256(lock.read_bytes()).hexdigest():
        yield BY_HAND
    for line in joined(lock):
        if not PIN.fullmatch(line):
            yield f"{line.partition(' ')[0]} is no pin with hashes"
    locked = pins(lock)
    here, maker = Walk(locked, HERE), Walk(locked, MAKER)
    for walk in (here, maker):
        walk.follow(asked_for(name), by="Roadbed")
    yield from here.faults
    if not here.unknown | maker.unknown:  # the bench's packages are not there for tests
        reached = {package for package, _ in here.seen | maker.seen}
        yield from (f"nothing asks for {package}" for package in sorted(locked.keys() - reached))


def listed(folder: Path) -> dict[str, str]:
    """The digests that compile.sh left."""
    lines = (folder / "locks.sha256").read_text(encoding="utf-8").splitlines()
    return {lock: digest for digest, lock in (line.split() for line in lines)}


@pytest.mark.parametrize("name", NAMES)
def test_a_lock_holds_what_is_declared_and_nothing_else(name: str) -> None:
    assert list(faults(name, LOCKS)) == []


def test_every_lock_is_looked_at() -> None:
    assert {lock.stem for lock in LOCKS.glob("*.txt")} == set(NAMES)
    assert listed(LOCKS).keys() == {f"{name}.txt" for name in NAMES}


def test_only_what_the_bench_adds_is_left_unlooked_at() -> None:
    for name in NAMES:
        walk = Walk(pins(LOCKS / f"{name}.txt"), HERE)
        walk.follow(asked_for(name), by="Roadbed")
        only_bench = pins(LOCKS / "bench.txt").keys() - pins(LOCKS / "dev.txt").keys()
        assert walk.unknown <= (only_bench if name == "bench" else set()), "make .venv/.dev"


def test_what_is_built_with_is_declared_twice_alike() -> None:
    lines = (LOCKS / "build.in").read_text(encoding="utf-8").splitlines()
    assert lines == DECLARED["build-system"]["requires"]


def test_all_locks_fit_into_one_environment() -> None:
    versions: dict[str, set[Version]] = {}
    for name in NAMES:
        for package, version in pins(LOCKS / f"{name}.txt").items():
            versions.setdefault(package, set()).add(version)
    assert {package: several for package, several in versions.items() if len(several) > 1} == {}


Edit = Callable[[str], str]


def without(package: str) -> Edit:
    return lambda text: re.sub(rf"(?m)^{package}==(.*\\\n)+.*\n", "", text)


def at_version(package: str, version: str) -> Edit:
    return lambda text: re.sub(rf"(?m)^{package}==\S+", f"{package}=={version}", text)


def added(package: str, version: str) -> Edit:
    return lambda text: f"{text}{package}=={version} \\\n    --hash=sha256:{'0' * 64}\n"


def less_one_hash(package: str) -> Edit:
    return lambda text: re.sub(rf"(?m)^({package}==\S+ \\\n) .*\\\n", r"\1", text)


def without_hashes(package: str) -> Edit:
    return lambda text: re.sub(rf"(?m)^({package}==\S+) (.*\\\n)+.*\n", r"\1\n", text)


def planted(folder: Path, name: str, edit: Edit, *, digests: bool) -> list[str]:
    """The faults of an edited copy, with updated digests if ``digests``."""
    for file in [*LOCKS.glob("*.txt"), LOCKS / "locks.sha256"]:
        (folder / file.name).write_bytes(file.read_bytes())
    lock = folder / f"{name}.txt"
    before = lock.read_text(encoding="utf-8")
    lock.write_text(edit(before), encoding="utf-8")
    assert lock.read_text(encoding="utf-8") != before, "nothing was edited"
    if digests:
        told = listed(folder) | {lock.name: hashlib.sha256(lock.read_bytes()).hexdigest()}
        lines = "".join(f"{digest}  {file}\n" for file, digest in told.items())
        (folder / "locks.sha256").write_text(lines, encoding="utf-8")
    return list(faults(name, folder))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "edit", [added("never-heard-of", "1.0"), less_one_hash("[a-z0-9-]+"), lambda text: text[1:]]
)
def test_a_lock_edited_by_hand_is_found(tmp_path: Path, name: str, edit: Edit) -> None:
    assert BY_HAND in planted(tmp_path, name, edit, digests=False)


@pytest.mark.parametrize(
    ("name", "edit", "complaint"),
    [
        ("build", without("setuptools"), "Roadbed asks for setuptools>=77, which has no line"),
        ("base", without("fastapi"), "Roadbed asks for fastapi>=0.120, which has no line"),
        ("base", without("psycopg-binary"), "psycopg[binary] asks for psycopg-binary"),
        ("base", without("h11"), "uvicorn asks for h11"),
        ("llm", without("argon2-cffi"), "Roadbed asks for argon2-cffi>=25.1, which has no line"),
        ("llm", without("tiktoken"), "pydantic-ai-slim[openai] asks for tiktoken"),
        ("dev", without("coverage"), "pytest-cov asks for coverage[toml]"),
        ("bench", without("langgraph"), "Roadbed asks for langgraph>=1.0, which has no line"),
        ("base", added("never-heard-of", "1.0"), "nothing asks for never-heard-of"),
        ("base", added("pytest", metadata.version("pytest")), "nothing asks for pytest"),
        ("base", without_hashes("fastapi"), f"fastapi=={metadata.version('fastapi')} is no pin"),
        ("base", at_version("fastapi", "0.119"), "Roadbed asks for fastapi>=0.120"),
        ("base", at_version("pydantic-core", "3.0"), "pydantic asks for pydantic-core=="),
        ("dev", at_version("coverage", "7.1"), "pytest-cov asks for coverage[toml]"),
        ("dev", at_version("ruff", "999.0"), "ruff: the line says 999.0, installed is"),
    ],
)
def test_a_lock_that_does_not_fit_is_found(
    tmp_path: Path, name: str, edit: Edit, complaint: str
) -> None:
    told = planted(tmp_path, name, edit, digests=True)
    assert BY_HAND not in told
    assert [fault for fault in told if complaint in fault], told
