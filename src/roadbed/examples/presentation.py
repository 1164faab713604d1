"""What became of the right answers that people wrote, in words."""

from __future__ import annotations

from roadbed.examples.model import WrittenAnswers
from roadbed.kernel.figures import percent
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import number, several


def use_of(written: WrittenAnswers | None, rate: float) -> str:
    """How many right answers prove and how many teach; empty if people wrote none.

    ``rate`` is the share of new tasks that are drawn for the sample.
    """
    if written is None or not (written.prove or written.teach or written.unused):
        return ""
    sentences = [
        _(
            "Right answers that people wrote: for the proof of versions %(prove)s (their tasks "
            "were drawn for the random sample, so they never teach), for teaching the next "
            "version %(teach)s."
        )
        % {"prove": number(written.prove), "teach": number(written.teach)}
    ]
    if written.unused:
        sentences.append(
            several(
                "%(n)s cites no passage, so it does neither.",
                "%(n)s cite no passage, so they do neither.",
                written.unused,
            )
        )
    sentences.append(_("Of new tasks, %(rate)s are drawn.") % {"rate": percent(rate)})
    return " ".join(sentences)
