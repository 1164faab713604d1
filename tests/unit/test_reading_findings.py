"""Findings in words."""

from __future__ import annotations

from typing import get_args

import pytest

from roadbed.knowledge.findings import DocumentFinding, FindingKind

WITHOUT_DETAIL = {"form_left_out", "encrypted", "macros", "text_replaced", "truncated"}


@pytest.mark.parametrize("kind", get_args(FindingKind))
def test_each_finding_is_a_sentence_with_its_detail(kind: FindingKind) -> None:
    told = [str(DocumentFinding(kind=kind, detail="page 7", count=n).told()) for n in (1, 3)]
    assert all(sentence[0].isupper() for sentence in told if not sentence[0].isdigit())
    assert all(("page 7" in sentence) == (kind not in WITHOUT_DETAIL) for sentence in told)
    assert (told[0] != told[1]) == ("3" in told[1])
