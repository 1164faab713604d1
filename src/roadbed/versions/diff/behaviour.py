"""What one version does that another does not, in words first. Pure: all it compares is given."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from roadbed.kernel.figures import counted, percent
from roadbed.versions.diff import declarations, rules, texts
from roadbed.versions.diff.sides import Change, Difference, Prompt, Side
from roadbed.versions.diff.summaries import summary


def difference(a: Side, b: Side) -> Difference:
    """What changed from ``a`` to ``b``."""
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
        summary=summary(a, b, changes, prompts, files),
        changes=changes,
        prompts=prompts,
        files=files,
    )


def changed_files(a: Mapping[str, str], b: Mapping[str, str]) -> list[str]:
    """Names of the files whose bytes differ, or that only one of them has."""
    return sorted(name for name in {*a, *b} if a.get(name) != b.get(name))


def _declaration(a: Side, b: Side) -> Iterator[Change]:
    for said in declarations.told(a.declaration, b.declaration):
        yield Change(area="declaration", sign="~", words=said)


def _rules(a: Side, b: Side) -> Iterator[Change]:
    if a.digests.get("rules.yaml") == b.digests.get("rules.yaml"):
        return
    old, new = (rules.read(side.contents.get("rules.yaml")) for side in (a, b))
    for name in new:
        if name not in old:
            yield Change(
                area="rules", sign="+", words=f"Rule “{name}” added.", after=rules.said(new[name])
            )
    for name in old:
        if name not in new:
            yield Change(
                area="rules",
                sign="-",
                words=f"Rule “{name}” removed.",
                before=rules.said(old[name]),
            )
        elif old[name] != new[name]:
            yield Change(
                area="rules",
                sign="~",
                words=f"Rule “{name}”: {rules.moved(old[name], new[name])}.",
                before=rules.said(old[name]),
                after=rules.said(new[name]),
            )
    if list(old) != list(new) and sorted(old) == sorted(new):
        yield Change(
            area="rules", sign="~", words="The rules are asked in another order; the first decides."
        )


def _patches(a: Side, b: Side) -> Iterator[Change]:
    old, new = ({_key(item): item for item in side.patches} for side in (a, b))
    for sign, there, gone, side in (("+", new, old, b), ("-", old, new, a)):
        for key, patch in there.items():
            if key not in gone and patch.get("kind") != "prompt":
                what = "accepted" if sign == "+" else "no longer there"
                yield Change(
                    area="patches",
                    sign=sign,  # type: ignore[arg-type]  # one of the two above
                    words=f"{rules.patch(patch)}: {what}.",
                    reason=side.reasons.get(str(patch.get("id"))) or patch.get("reason"),
                )


def _learning(a: Side, b: Side) -> Iterator[Change]:
    until = f", the newest of {b.learned_until:%Y-%m-%d}" if b.learned_until else ""
    if a.learned_from != b.learned_from:
        more = b.learned_from - a.learned_from
        word = f"{more:,} more" if more > 0 else f"{-more:,} fewer"
        yield Change(
            area="learning",
            sign="~",
            words=f"Learned from {a.learned_from:,} examples, now {b.learned_from:,}: "
            f"{word}{until}.",
        )
    elif a.trained != b.trained:
        yield Change(
            area="learning",
            sign="~",
            words=f"Trained again on {counted(b.learned_from, 'example')}{until}.",
        )


def _threshold(a: Side, b: Side) -> Iterator[Change]:
    if a.threshold == b.threshold and (a.covered, a.items) == (b.covered, b.items):
        return
    if a.threshold is None and b.threshold is None:
        return
    if b.threshold is None:
        words = f"Nothing is automatic any more; before from confidence {a.threshold:.3f} on."
    elif a.threshold is None:
        words = f"Automatic from confidence {b.threshold:.3f} on; before nothing was."
    else:
        words = f"Automatic from confidence {b.threshold:.3f} on, before {a.threshold:.3f}."
    if b.share is not None or a.share is not None:
        now, then = (percent(side.share or 0.0) for side in (b, a))
        words = f"{words[:-1]}; {now} of the reference sample instead of {then}."
    yield Change(area="threshold", sign="~", words=words)


def _prompts(a: Side, b: Side) -> Iterator[Prompt]:
    old, new = _effective(a), _effective(b)
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if before != after:
            yield Prompt(
                file=name,
                sign="+" if before is None else "-" if after is None else "~",
                pieces=texts.words(before or "", after or ""),
            )


def _effective(side: Side) -> dict[str, str]:
    """The prompts it runs with: those of its folder under those that were accepted since."""
    found = {
        name.removeprefix("prompts/"): (side.contents[name] or b"").decode(errors="replace")
        for name in side.digests
        if name.startswith("prompts/") and name.endswith(".md") and name in side.contents
    }
    changed = {
        str(patch.get("file")): str(patch.get("text"))
        for patch in side.patches
        if patch.get("kind") == "prompt"
    }
    return found | changed


def _files(a: Side, b: Side) -> Iterator[texts.FileDifference]:
    for name in changed_files(a.digests, b.digests):
        if name.startswith("prompts/") and name.endswith(".md"):
            continue
        before, after = (side.contents.get(name) for side in (a, b))
        lost = (name in a.digests and before is None) or (name in b.digests and after is None)
        if lost:
            sign: Literal["+", "-", "~"] = (
                "+" if name not in a.digests else "-" if name not in b.digests else "~"
            )
            note = "Its bytes are not stored any more, or damaged; only its hash is known."
            yield texts.FileDifference(path=name, sign=sign, lines=(), left_out=0, note=note)
        else:
            yield texts.file(name, before, after)


def _key(patch: Mapping[str, Any]) -> str:
    return json.dumps(patch, sort_keys=True, default=str)
