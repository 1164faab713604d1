"""Questions about a contract whose versions differ, for ``make bench NAME=knowledge``.

The contract is the data processing addendum of `a-documents/basecamp-policies`: seven files from
2020 to 2023, two of them executable variants. The questions are ours and name the contract. Each
was written from a sentence of the version in force that an older version words differently;
``before`` are words of that older sentence. The rule that a question may name a document by its
file name was written after some of these questions failed without it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import report
from roadbed.models.answers.notes import notes_of

CURRENT = "Data_Processing_Addendum_current.pdf"
CONTRACT = "Data_Processing_Addendum"
CITED = 3  # passages, as DocumentAnswers cites them


class Asked(NamedTuple):
    """A question, and words of an older version that say the difference."""

    question: str
    before: str


QUESTIONS: Sequence[Asked] = (
    Asked(
        "When the data processing addendum is in conflict with the UK Addendum or the "
        "Standard Contractual Clauses, which one prevails?",
        "Schedules 1 and 2",
    ),
    Asked(
        "On whose behalf does the customer enter into the data processing addendum?",
        "in the name and on behalf",
    ),
    Asked(
        "Whom does the term Customer include in the data processing addendum?",
        "indicated otherwise",
    ),
    Asked(
        "By the data processing addendum, with what provisions do the parties agree to "
        "comply for personal data?",
        "good faith",
    ),
    Asked("What does Affiliate mean in the data processing addendum?", "on whose behalf Customer"),
    Asked("What is an Authorized Affiliate by the data processing addendum?", "Basecamp"),
    Asked("What does Customer Data mean in the data processing addendum?", "your info"),
    Asked(
        "By the data processing addendum, what does Personal Data mean: which "
        "identified or identifiable persons?",
        "personally identifiable",
    ),
    Asked(
        "By the data processing addendum, what is a Processor, and does it include a "
        "service provider under the CCPA?",
        "entity which Processes",
    ),
    Asked("By the data processing addendum, what is a Subprocessor?", "Sub-processor"),
    Asked(
        "By the data processing addendum, what is a Supervisory Authority?", "which is established"
    ),
    Asked(
        "By the data processing addendum, who has sole responsibility for the accuracy, "
        "quality and legality of personal data?",
        "acquired Personal Data",
    ),
    Asked(
        "By the data processing addendum, how must personal data be treated as "
        "confidential information?",
        "documented instructions",
    ),
    Asked(
        "By the data processing addendum, is selling or sharing personal data for "
        "cross-context behavioral advertising allowed?",
        "as such terms are defined",
    ),
    Asked(
        "By the data processing addendum, how does the processor assist the customer "
        "with a data subject request by technical and organizational measures?",
        "Basecamp shall assist",
    ),
    Asked(
        "By the data processing addendum, who is responsible for costs arising from "
        "assistance with a data subject request?",
        "Basecamp",
    ),
    Asked(
        "By the data processing addendum, do confidentiality obligations survive the "
        "termination of personnel engagement?",
        "Basecamp",
    ),
    Asked(
        "By the data processing addendum, to which personnel is access to personal data "
        "limited under the agreement?",
        "Basecamp's access",
    ),
    Asked(
        "To which address are questions about the data processing addendum or privacy "
        "matters sent?",
        "privacy@basecamp.com",
    ),
    Asked(
        "By the data processing addendum, may third-party subprocessors be engaged for "
        "the services?",
        "Affiliates",
    ),
    Asked(
        "By the data processing addendum, what data protection obligations does the "
        "written agreement with each subprocessor have?",
        "Basecamp Affiliate",
    ),
    Asked(
        "By the data processing addendum, where is the current list of subprocessors "
        "made available?",
        "Sub-processors",
    ),
    Asked(
        "By the data processing addendum, how many business days does the customer have "
        "to object to a new subprocessor in writing?",
        "in accordance with the mechanism",
    ),
    Asked(
        "By the data processing addendum, what may the customer terminate if no change "
        "is available within thirty days after it objects to a new subprocessor?",
        "the objected-to new",
    ),
    Asked(
        "By the data processing addendum, are prepaid fees refunded covering the "
        "remainder of the term after termination?",
        "without imposing a penalty",
    ),
    Asked(
        "By the data processing addendum, when is the customer notified of an incident "
        "with personal data?",
        "Customer Data",
    ),
    Asked(
        "By the data processing addendum, do the obligations for incidents apply to "
        "incidents caused by the customer's users?",
        "Invited Users",
    ),
    Asked(
        "By the data processing addendum, what is returned and deleted upon termination "
        "of the agreement?",
        "Customer Data",
    ),
    Asked(
        "By what terms is each Authorized Affiliate bound under the DPA?",
        "bound by the obligations",
    ),
    Asked(
        "Who is responsible for coordinating all communication under the DPA on behalf "
        "of Authorized Affiliates?",
        "contracting party",
    ),
    Asked(
        "By the data processing addendum, what must the customer do to limit the impact "
        "of an on-site audit on subprocessors?",
        "contracting party",
    ),
    Asked(
        "To what limitations is the liability of each party and its affiliates subject "
        "under the DPA?",
        "in the aggregate",
    ),
    Asked(
        "By the data processing addendum, who gets the certification of deletion of "
        "personal data, and when?",
        "Clause 12(1)",
    ),
    Asked(
        "By the data processing addendum, according to which section are the audits in "
        "the Standard Contractual Clauses carried out?",
        "Clause 7.2",
    ),
    Asked(
        "By the data processing addendum, what may be removed from copies of "
        "subprocessor agreements that are provided to customers?",
        "Sub-processor agreements",
    ),
    Asked(
        "By the data processing addendum, which sensitive data may be submitted to the "
        "services, and who determines it?",
        "Customer may submit",
    ),
)


async def differing_versions(search: Any) -> dict[str, float]:
    """Shares of questions whose answer is in force, and names what an older version says.

    ``search`` gives what the library retrieves for a question. ``current_before_older``: no passage
    of an older version comes before one of the version in force. ``first_is_current``: the best
    passage of all documents is of the version in force. ``difference_named``: the notes of the
    answer name an older version; ``right_difference``: they have the words of ``before``.
    """
    counts: Counter[str] = Counter()
    for question, before in QUESTIONS:
        retrieved = await search(question)
        contract = [one for one in retrieved.passages if CONTRACT in one.document]
        counts["current_before_older"] += bool(contract) and contract[0].document.endswith(CURRENT)
        counts["first_is_current"] += bool(contract) and contract[0] is retrieved.passages[0]
        notes = notes_of(retrieved, retrieved.passages[:CITED])
        counts["difference_named"] += any("older version" in note for note in notes)
        counts["right_difference"] += any(before in note for note in notes)
    shares = {name: count / len(QUESTIONS) for name, count in counts.items()}
    return {"policy_questions": len(QUESTIONS), **shares}


def rows(facts: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """The rows of the table."""
    told = (
        ("current_before_older", "the version in force before older ones", "1.00"),
        ("first_is_current", "the version in force before all documents", ""),
        ("difference_named", "an older version that differs is named", "1.00"),
        ("right_difference", "with the words that it says instead", ""),
    )
    shown = [("questions of a contract with versions", f"{facts['policy_questions']}", "", "")]
    for name, what, asked in told:
        mark = report.judged(facts[name], 1.0, 1.0) if asked else ""
        shown.append((what, f"{facts[name]:.2f}", asked, mark))
    return shown
