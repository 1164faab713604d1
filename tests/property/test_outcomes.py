"""Any outcome is read, or refused with a sentence; equal reports are recognised."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from roadbed.outcomes import validation
from roadbed.outcomes.errors import OutcomeError
from roadbed.outcomes.report_form import FIELDS, LONGEST, read

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
TEXT = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=20)
REPORT = st.fixed_dictionaries(
    {"right": st.booleans()},
    optional={"note": TEXT, "source": TEXT, "output": st.dictionaries(TEXT, TEXT, max_size=2)},
)


@given(JSON | st.dictionaries(st.sampled_from([*FIELDS, "more"]), JSON))
def test_anything_is_read_or_refused_in_words(sent: Any) -> None:
    result = None
    with suppress(OutcomeError):
        result = read(sent)
    if result is not None:
        assert (result.task is None) != (result.task_key is None)
        assert result.right is not None or result.output is not None
        assert result.happened_at is None or result.happened_at.tzinfo is not None
        assert all(len(getattr(result, name) or "") <= most for name, most in LONGEST.items())
        assert re.fullmatch("[0-9a-f]{64}", validation.digest(result, "tsk_1"))


@given(REPORT, REPORT, TEXT)
def test_only_the_same_content_has_the_same_key(
    one: dict[str, Any], other: dict[str, Any], key: str
) -> None:
    def content(sent: dict[str, Any], **named: str) -> str:
        return validation.digest(read({**sent, **named}), "tsk_1")

    by_id, by_key = content(one, task="tsk_1"), content(one, task_key=key)
    assert by_id == by_key == content(one, task="tsk_1", key=key)
    assert (by_id == content(other, task="tsk_1")) is (one == other)
