"""Slices (a region, a channel): partial pooling of confidence, and tests per slice.

Empirical-Bayes logistic model: logit P(right) = logit S + sum of slice offsets, offsets ~
N(0, tau^2), tau estimated by expectation-maximisation with a Laplace approximation (Morris 1983).
Pooling changes the confidence only; the certificate does not pool.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from roadbed.risk import betting, distributions
from roadbed.risk.certificate import smallest_sample
from roadbed.risk.losses import Bools, Floats, Losses, as_wrong, checked

Slices = Mapping[str, str]  # field -> value, of one item
FEWEST_LABELS = 30
_Group = tuple[float, str, str, int, int]  # p, field, value, items, wrong
_ROUNDS = 20
_EDGE = 1e-6


@dataclass(frozen=True, kw_only=True, slots=True)
class Pooling:
    """Logit offsets by field and value, and labels ``seen`` per value. Rare values go to review."""

    offsets: Mapping[str, Mapping[str, float]]
    seen: Mapping[str, Mapping[str, int]]

    def score(self, confidence: float, slices: Slices) -> float:
        """P(right | confidence, slices); 0 for tasks without an answer (confidence 0)."""
        if confidence <= 0.0:
            return 0.0
        moved = sum(self.offsets[name].get(slices.get(name, ""), 0.0) for name in self.offsets)
        return float(expit(logit(min(max(confidence, _EDGE), 1.0 - _EDGE)) + moved))

    def too_rare(self, slices: Slices) -> tuple[str, str, int] | None:
        """Field, value and label count of a slice below ``FEWEST_LABELS``, if any."""
        for name, values in self.seen.items():
            value = slices.get(name, "")
            if values.get(value, 0) < FEWEST_LABELS:
                return name, value, values.get(value, 0)
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class SliceProof:
    """Test of one slice above the threshold; ``proven`` is ``None`` with too few items.

    ``n`` items, ``errors`` with a loss above 0.
    """

    field: str
    value: str
    n: int
    errors: int
    p_value: float
    proven: bool | None


def pool(
    fields: Sequence[str],
    slices: Sequence[Slices],
    confidence: Floats,
    wrong: Losses,
    *,
    seen: Sequence[Slices] = (),
) -> Pooling:
    """Fit the offsets on out-of-fold training rows; arrays have shape (m,).

    ``wrong`` holds bools or losses in [0, 1]. ``seen`` are further labelled items, which only
    add to the label counts. Raises ``ValueError`` for a loss outside [0, 1].
    """
    counts = {
        name: dict(Counter(slice_.get(name, "") for slice_ in [*slices, *seen])) for name in fields
    }
    used = confidence > 0.0
    base = logit(np.clip(confidence[used], _EDGE, 1.0 - _EDGE))
    right = 1.0 - checked(wrong)[used].astype(np.float64)
    rows = [row for row, kept in zip(slices, used, strict=True) if kept]
    offsets: dict[str, dict[str, float]] = {}
    for name in fields:
        values = sorted(counts[name])
        position = {value: number for number, value in enumerate(values)}
        member = np.array([position[row.get(name, "")] for row in rows], dtype=np.int64)
        shift = _shrunk(base, right, member, len(values))
        base = base + shift[member] if len(member) else base
        offsets[name] = dict(zip(values, shift.tolist(), strict=True))
    return Pooling(offsets=offsets, seen=counts)


def prove_slices(
    fields: Sequence[str],
    slices: Sequence[Slices],
    wrong: Losses,
    covered: Bools,
    *,
    risk_limit: float,
    delta: float,
    waiting: Bools | None = None,
) -> tuple[SliceProof, ...]:
    """Test each slice at the common threshold, with Holm's correction.

    A slice is tested only if it has as many items as an error-free slice needs. Arrays have shape
    (n,); ``waiting`` items have no label and count as wrong. Raises ``ValueError`` for a loss
    outside [0, 1].
    """
    loss = as_wrong(wrong, waiting)
    if risk_limit <= 0.0:  # no slice can be proven
        return ()
    needed = smallest_sample(risk_limit, delta)
    groups: dict[tuple[str, str], list[int]] = {}
    for number in np.flatnonzero(covered).tolist():
        for name in fields:
            groups.setdefault((name, slices[number].get(name, "")), []).append(number)
    tested: list[_Group] = []
    too_small: list[_Group] = []
    for (name, value), members in sorted(groups.items()):
        errors = int((loss[members] > 0.0).sum())
        p = _p_value(loss[members], risk_limit)
        (tested if len(members) >= needed else too_small).append(
            (p, name, value, len(members), errors)
        )
    proofs = [_proof(group, proven=None) for group in too_small]
    holding = True
    for rank, group in enumerate(sorted(tested)):
        holding = holding and group[0] <= delta / (len(tested) - rank)
        proofs.append(_proof(group, proven=holding))
    return tuple(sorted(proofs, key=lambda proof: (proof.field, proof.value)))


def _p_value(loss: Losses, risk_limit: float) -> float:
    n = len(loss)
    if loss.dtype == np.bool_:
        return float(distributions.binom.cdf(int(loss.sum()), n, risk_limit))
    one = np.ones(1)
    return float(betting.p_values(np.ones(n), loss, one, risk_limit * one, np.array([n]))[0, 0])


def _proof(group: _Group, *, proven: bool | None) -> SliceProof:
    p, name, value, n, errors = group
    return SliceProof(field=name, value=value, n=n, errors=errors, p_value=p, proven=proven)


def _shrunk(base: Floats, right: Floats, member: npt.NDArray[np.int64], groups: int) -> Floats:
    """Posterior modes of the group offsets, with tau^2 by expectation-maximisation."""
    offsets, variance = np.zeros(groups), 0.25
    if not len(member):
        return offsets
    for _ in range(_ROUNDS):
        p = expit(base + offsets[member])
        gradient = np.bincount(member, right - p, groups) - offsets / variance
        curvature = np.bincount(member, p * (1.0 - p), groups) + 1.0 / variance
        offsets = offsets + np.clip(gradient / curvature, -1.0, 1.0)
        variance = max(float(np.mean(offsets**2 + 1.0 / curvature)), 1e-4)
    return offsets
