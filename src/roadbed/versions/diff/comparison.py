"""The comparison of two versions: records, the list of changes and one sentence. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from roadbed.kernel.figures import listed, percent
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import localised, number, several
from roadbed.versions.diff import declarations, texts

Area = Literal["rules", "declaration", "patches", "learning", "threshold"]
Files = Mapping[str, bytes | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedVersion:
    """The parts of a version that are compared.

    ``digests`` names each file of its folder with its hash, ``contents`` those that were read
    (``None``: not stored), ``trained`` its saved state with hashes. ``reasons`` says why a patch
    was accepted, by the patch's id.
    """

    id: str
    number: int
    declaration: Mapping[str, Any]
    digests: Mapping[str, str]
    contents: Files
    trained: Mapping[str, str]
    patches: Sequence[Mapping[str, Any]]
    reasons: Mapping[str, str]
    learned_from: int
    learned_until: datetime | None
    threshold: float | None
    covered: int = 0
    items: int = 0

    @property
    def share(self) -> float | None:
        """The part of the reference sample that is automatic."""
        if self.threshold is None:
            return 0.0 if self.items else None
        return self.covered / self.items if self.items else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One thing that differs. ``sign`` says added, removed or changed; the rest explains it."""

    area: Area
    sign: Literal["+", "-", "~"]
    words: str
    before: str | None = None
    after: str | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """A prompt that differs, word by word."""

    file: str
    sign: Literal["+", "-", "~"]
    pieces: Sequence[texts.Piece]


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """From version ``a`` to version ``b``; ``summary`` is one sentence."""

    a: str
    a_number: int
    b: str
    b_number: int
    summary: str
    changes: Sequence[Change] = ()
    prompts: Sequence[Prompt] = ()
    files: Sequence[texts.FileDifference] = ()


def compare(a: ComparedVersion, b: ComparedVersion) -> Difference:
    """The difference from version ``a`` to version ``b``."""
    changes = [
        *_declaration(a, b),
        *_rules(a, b),
        *_patches(a, b),
        *_learning(a, b),
        *_threshold(a, b),
    ]
    prompts, files = list(_prompts(a, b)), list(_files(a, b))
    return Difference(
        a=a.id,
        a_number=a.number,
        b=b.id,
        b_number=b.number,
        summary=_summary(a, b, changes, prompts, files),
        changes=changes,
        prompts=prompts,
        files=files,
    )


def changed_files(a: Mapping[str, str], b: Mapping[str, str]) -> list[str]:
    """Names of the files whose bytes differ, or that only one of them has."""
    return sorted(name for name in {*a, *b} if a.get(name) != b.get(name))


def _summary(
    a: ComparedVersion,
    b: ComparedVersion,
    changes: Sequence[Change],
    prompts: Sequence[Prompt],
    files: Sequence[texts.FileDifference],
) -> str:
    """``Version 7 differs from version 6 in 2 rules and 512 more examples.``."""
    if a.number == b.number:
        message = _("Version %(version)s beside itself: nothing differs.")
        if b.number == 1:
            message = _(
                "Version %(version)s beside itself: nothing differs. It is the first, so there is "
                "nothing to compare it with."
            )
        return message % {"version": b.number}

    def n(area: Area) -> int:
        return sum(change.area == area for change in changes)

    parts = [
        n("rules") and several("%(n)s rule", "%(n)s rules", n("rules")),
        n("declaration")
        and several(
            "%(n)s part of the declaration", "%(n)s parts of the declaration", n("declaration")
        ),
        n("patches") and several("%(n)s accepted change", "%(n)s accepted changes", n("patches")),
        prompts and several("%(n)s prompt", "%(n)s prompts", len(prompts)),
        n("learning") and _more(a, b),
        n("threshold") and _("its threshold"),
    ]
    named = [part for part in parts if isinstance(part, str)]
    if not named and files:
        named = [several("%(n)s file", "%(n)s files", len(files))]
    if not named:
        same = a.digests == b.digests and a.trained == b.trained
        message = _("Versions %(a)s and %(b)s differ in nothing that words can describe.")
        if same:
            message = _("Versions %(a)s and %(b)s do the same.")
        return message % {"a": a.number, "b": b.number}
    told = {"a": a.number, "b": b.number, "parts": listed(named)}
    if a.share is not None and b.share is not None and n("threshold"):
        now, then = (percent(side.share or 0.0) for side in (b, a))
        message = _(
            "Version %(b)s differs from version %(a)s in %(parts)s; it automates %(now)s of the "
            "reference sample instead of %(before)s."
        )
        return message % {**told, "now": now, "before": then}
    return _("Version %(b)s differs from version %(a)s in %(parts)s.") % told


def _more(a: ComparedVersion, b: ComparedVersion) -> str:
    more = b.learned_from - a.learned_from
    if more == 0:
        return _("being trained again")
    if more > 0:
        return several("%(n)s more example", "%(n)s more examples", more)
    return several("%(n)s fewer example", "%(n)s fewer examples", -more)


def _declaration(a: ComparedVersion, b: ComparedVersion) -> Iterator[Change]:
    for sentence in declarations.declaration_changes(a.declaration, b.declaration):
        yield Change(area="declaration", sign="~", words=sentence)


def _rules(a: ComparedVersion, b: ComparedVersion) -> Iterator[Change]:
    if a.digests.get("rules.yaml") == b.digests.get("rules.yaml"):
        return
    old, new = (declarations.read_rules(side.contents.get("rules.yaml")) for side in (a, b))
    for name in new:
        if name not in old:
            yield Change(
                area="rules",
                sign="+",
                words=_("Rule “%(name)s” added.") % {"name": name},
                after=declarations.describe_rule(new[name]),
            )
    for name in old:
        if name not in new:
            yield Change(
                area="rules",
                sign="-",
                words=_("Rule “%(name)s” removed.") % {"name": name},
                before=declarations.describe_rule(old[name]),
            )
        elif old[name] != new[name]:
            yield Change(
                area="rules",
                sign="~",
                words=_("Rule “%(name)s”: %(changes)s.")
                % {"name": name, "changes": declarations.changed_parts(old[name], new[name])},
                before=declarations.describe_rule(old[name]),
                after=declarations.describe_rule(new[name]),
            )
    if list(old) != list(new) and sorted(old) == sorted(new):
        yield Change(
            area="rules",
            sign="~",
            words=_("The rules are checked in another order; the first match decides."),
        )


def _patches(a: ComparedVersion, b: ComparedVersion) -> Iterator[Change]:
    old, new = ({_key(patch): patch for patch in side.patches} for side in (a, b))
    for sign, present, absent, side in (("+", new, old, b), ("-", old, new, a)):
        for key, patch in present.items():
            if key not in absent and patch.get("kind") != "prompt":
                message = _("%(patch)s: accepted.")
                if sign == "-":
                    message = _("%(patch)s: no longer there.")
                yield Change(
                    area="patches",
                    sign=sign,  # type: ignore[arg-type]  # one of the two above
                    words=message % {"patch": declarations.describe_patch(patch)},
                    reason=side.reasons.get(str(patch.get("id"))) or patch.get("reason"),
                )


def _learning(a: ComparedVersion, b: ComparedVersion) -> Iterator[Change]:
    if a.learned_from != b.learned_from:
        more = b.learned_from - a.learned_from
        words = _("Learned from %(before)s examples, now %(now)s: %(n)s fewer") % {
            "before": number(a.learned_from),
            "now": number(b.learned_from),
            "n": number(-more),
        }
        if more > 0:
            words = _("Learned from %(before)s examples, now %(now)s: %(n)s more") % {
                "before": number(a.learned_from),
                "now": number(b.learned_from),
                "n": number(more),
            }
    elif a.trained != b.trained:
        words = several(
            "Trained again on %(n)s example", "Trained again on %(n)s examples", b.learned_from
        )
    else:
        return
    message = _("%(learned)s.")
    if b.learned_until:
        message = _("%(learned)s, the newest of %(day)s.")
    day = f"{b.learned_until:%Y-%m-%d}" if b.learned_until else ""
    yield Change(area="learning", sign="~", words=message % {"learned": words, "day": day})


def _threshold(a: ComparedVersion, b: ComparedVersion) -> Iterator[Change]:
    if a.threshold == b.threshold and (a.covered, a.items) == (b.covered, b.items):
        return
    if a.threshold is None and b.threshold is None:
        return
    if b.threshold is None:
        message = _("Nothing is automatic any more; before from confidence %(before)s on")
    elif a.threshold is None:
        message = _("Automatic from confidence %(now)s on; before nothing was")
    else:
        message = _("Automatic from confidence %(now)s on, before %(before)s")
    now, before = (
        "" if side.threshold is None else localised(f"{side.threshold:.3f}") for side in (b, a)
    )
    told = {"moved": message % {"now": now, "before": before}}
    message = _("%(moved)s.")
    if b.share is not None or a.share is not None:
        told |= {"now": percent(b.share or 0.0), "before": percent(a.share or 0.0)}
        message = _("%(moved)s; %(now)s of the reference sample instead of %(before)s.")
    yield Change(area="threshold", sign="~", words=message % told)


def _prompts(a: ComparedVersion, b: ComparedVersion) -> Iterator[Prompt]:
    old, new = _effective_prompts(a), _effective_prompts(b)
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if before != after:
            yield Prompt(
                file=name,
                sign="+" if before is None else "-" if after is None else "~",
                pieces=texts.compare_words(before or "", after or ""),
            )


def _effective_prompts(side: ComparedVersion) -> dict[str, str]:
    """The prompts of a version: those of its folder, replaced by accepted ones."""
    stored = {
        name.removeprefix("prompts/"): (side.contents[name] or b"").decode(errors="replace")
        for name in side.digests
        if name.startswith("prompts/") and name.endswith(".md") and name in side.contents
    }
    changed = {
        str(patch.get("file")): str(patch.get("text"))
        for patch in side.patches
        if patch.get("kind") == "prompt"
    }
    return stored | changed


def _files(a: ComparedVersion, b: ComparedVersion) -> Iterator[texts.FileDifference]:
    for name in changed_files(a.digests, b.digests):
        if name.startswith("prompts/") and name.endswith(".md"):
            continue
        before, after = (side.contents.get(name) for side in (a, b))
        lost = (name in a.digests and before is None) or (name in b.digests and after is None)
        if lost:
            sign: Literal["+", "-", "~"] = (
                "+" if name not in a.digests else "-" if name not in b.digests else "~"
            )
            note = _("Its content is missing or damaged; only its hash is known.")
            yield texts.FileDifference(path=name, sign=sign, lines=(), left_out=0, note=note)
        else:
            yield texts.compare_file(name, before, after)


def _key(patch: Mapping[str, Any]) -> str:
    return json.dumps(patch, sort_keys=True, default=str)
