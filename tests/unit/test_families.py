"""Families of documents: what belongs together, what replaces what, and when a person decides."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import combinations
from random import Random

import pytest

from roadbed.knowledge.dates import PartialDate, dates
from roadbed.knowledge.document_facts import DocumentFacts, facts_of
from roadbed.knowledge.families import Family, Settlement, judged, related
from roadbed.knowledge.fingerprints import MOST, Fingerprint, containment, fingerprint

TODAY = date(2031, 6, 1)
WORDS = [f"word{number}" for number in range(4_000)]


SHORT_POLICY = """# Travel policy

Version {version}. Last updated {day}

## Hotels

The firm pays a hotel of at most EUR {hotel} for each night.

## Meals

Meals cost the firm at most EUR {meals} for each day of a trip.

## Trains

Staff book a train in second class at least {days} days before.

## Receipts

Send the receipts to the office of the firm within {days} days.
"""
SHORT_FORM = """# Form {number}: request for {title}

Revision {number}

## Who asks

Name, team and telephone of the person who asks for {what}.

## What for

The {what} that are needed, and the first and last day of the need.

## Who decides

The {office} office decides within 5 days and sends the form back. Keep a copy of it for 2 years.
"""
SHORT_REPORT = """## Orders

The firm had {} orders in the quarter, and delivered most of them in time.

## Stock

There were {} boxes in stock at the end of the quarter, in both halls.

## Staff

The firm hired {} people in the quarter, most of them for the halls.
"""


def facts(path: str, *pages: str) -> DocumentFacts:
    return facts_of(path, path, f"hash of {path}", pages or ("Nothing of its age.",))


def decided(*members: DocumentFacts, settlements: Sequence[Settlement] = ()) -> Family:
    return judged(members, TODAY, settlements)


def order(family: Family) -> list[set[str]]:
    """The documents from the oldest to the newest."""
    ranks = sorted({member.rank for member in family.members if member.rank is not None})
    return [
        {member.document_id for member in family.members if member.rank == rank} for rank in ranks
    ]


class TestDates:
    @pytest.mark.parametrize(
        ("text", "written"),
        [
            ("April 20, 2023", ["2023-04-20"]),
            ("20 April 2023 and May 2024", ["2023-04-20", "2024-05"]),
            ("September __, 2021", ["2021-09"]),
            (
                "1. März 2022, el 3 de mayo de 2023, 2 août 2024",
                ["2022-03-01", "2023-05-03", "2024-08-02"],
            ),
            (
                "2022-12-23 2022/07 v202109 20200730",
                ["2022-12-23", "2022-07", "2021-09", "2020-07-30"],
            ),
            ("23.12.2022 12/23/2022", ["2022-12-23", "2022-12-23"]),
            ("01.02.2023", ["2023-02-01"]),
            ("1/2/2023 8.01.2024", ["2023", "2024"]),  # the country decides which one is the day
            ("in 2021 for $2021 and 2,021.5 or 12021", ["2021"]),
            ("2021-13-01 and 202199 and February 30, 2021", []),
        ],
    )
    def test_are_as_precise_as_they_are_written(self, text: str, written: list[str]) -> None:
        assert [moment.label for moment in dates(text)] == written

    def test_of_different_precision_may_be_the_same(self) -> None:
        assert PartialDate(2021).holds(PartialDate(2021, 9))
        assert not PartialDate(2021, 8).holds(PartialDate(2021, 9))
        assert PartialDate(2031, 7).is_after(TODAY)
        assert not PartialDate(2031).is_after(TODAY)


class TestFingerprints:
    def test_the_share_of_the_shorter_text_is_estimated(self) -> None:
        random = Random(7)
        long = [random.choice(WORDS) for _ in range(30_000)]
        # 3,000 words of the long text, and as many others.
        half = [*long[:3_000], *(random.choice(WORDS) for _ in range(3_000))]
        one, other = fingerprint([" ".join(long)]), fingerprint([" ".join(half)])
        assert len(one.runs) == len(other.runs) == MOST
        assert containment(one, other) == pytest.approx(0.5, abs=0.08)
        assert containment(other, one) == containment(one, other)
        assert containment(one, one) == 1.0

    def test_short_texts_are_compared_by_words(self) -> None:
        one = fingerprint(["Everybody has thirty days of leave."])
        other = fingerprint(["Everybody has twenty days of leave."])
        assert containment(one, other) == pytest.approx(5 / 6)
        assert containment(one, fingerprint(["A hotel may cost 120 EUR."])) == 0.0

    @pytest.mark.parametrize(
        "names", [("policy-v1.md", "policy-v2.md"), ("policy 2029.md", "policy 2031.md")]
    )
    def test_two_short_versions_with_other_figures_belong_together(
        self, names: tuple[str, str]
    ) -> None:
        texts = [
            SHORT_POLICY.format(version=1, day="March 3, 2029", hotel="120", meals="28", days=10),
            SHORT_POLICY.format(version=2, day="9 May 2031", hotel="1,150.50", meals="35", days=5),
        ]
        assert all(len(text.split()) >= 60 for text in texts)
        prints = [fingerprint([text]) for text in texts]
        assert containment(*prints) > 0.9
        members = [
            facts_of(f"{number}", name, name, [text])
            for number, (name, text) in enumerate(zip(names, texts, strict=True))
        ]
        [family] = related(members, lambda one, other: containment(*prints))
        ordered = judged(family, TODAY)
        assert (ordered.kind, order(ordered)) == ("versions", [{"0"}, {"1"}])

    @pytest.mark.parametrize(
        "paths",
        [
            ("hr/form v1.md", "it/form v2.md"),
            ("forms/request v1.md", "forms/request v2.md"),
            ("forms/request.md", "forms/request_new.md"),
        ],
    )
    def test_two_forms_of_one_template_are_no_versions(self, paths: tuple[str, str]) -> None:
        texts = [
            SHORT_FORM.format(number=12, title="leave", what="leave days", office="Personnel"),
            SHORT_FORM.format(number=14, title="a laptop", what="devices", office="Purchasing"),
        ]
        prints = [fingerprint([text]) for text in texts]
        members = [
            facts_of(path, path, path, [text]) for path, text in zip(paths, texts, strict=True)
        ]
        for group in related(members, lambda one, other: containment(*prints)):
            assert judged(group, TODAY).kind == "open"  # a person decides

    def test_two_short_quarters_are_a_series(self) -> None:
        text = "# Report\n\nFor the quarter ended {}.\n\n" + SHORT_REPORT
        texts = [
            text.format("March 31, 2029", 12, 340, 5),
            text.format("June 30, 2029", 15, 1_280, 7),
        ]
        prints = [fingerprint([text]) for text in texts]
        members = [
            facts_of(path, path, path, [text])
            for path, text in zip(("report 2029 Q1.md", "report 2029 Q2.md"), texts, strict=True)
        ]
        [family] = related(members, lambda one, other: containment(*prints))
        assert judged(family, TODAY).kind == "series"

    def test_rows_of_figures_alone_are_nothing_in_common(self) -> None:
        trees = " ".join(f"12 13 15 {word}" for word in WORDS[:80])
        ships = " ".join(f"7 5.30 9 {word}" for word in WORDS[80:160])
        assert containment(fingerprint([trees]), fingerprint([ships])) == 0.0

    def test_of_nothing_shares_nothing(self) -> None:
        assert containment(fingerprint([]), fingerprint(["a b c"])) == 0.0
        assert containment(Fingerprint(frozenset()), Fingerprint(frozenset())) == 0.0


class TestFacts:
    @pytest.mark.parametrize(
        ("path", "page", "dated", "evidence"),
        [
            (
                "terms.pdf",
                "TERMS\n( Last updated April 20, 2023 )",
                "2023-04-20",
                "Its text says: “Last updated April 20, 2023”.",
            ),
            (
                "terms.md",
                "# Terms\n**Stand:** Juli 2023",
                "2023-07",
                "Its text says: “Stand :** Juli 2023”.",
            ),
            (
                "terms.md",
                "Terms ( Revision July 2020 )",
                "2020-07",
                "Its text says: “Revision July 2020”.",
            ),
            ("terms_v202109.pdf", "", "2021-09", "Its file name says 2021-09."),
            ("terms v2.1.pdf", "", "2.1", "Its file name says version 2.1."),
            ("terms.pdf", "Version 3.2\n", "3.2", "Its text says: “Version 3.2”."),
            (
                "terms-v1.md",
                "# Terms\n\nVersion 1. Last updated March 3, 2024.\n",
                "2024-03-03",
                "Its text says: “Last updated March 3, 2024”.",
            ),
            (
                "terms.md",
                "**Fassung 2.1** – Stand: Juli 2023",
                "2023-07",
                "Its text says: “Stand : Juli 2023”.",
            ),
            (
                "LICENSE",
                "   Apache License\n   Version 2.0, January 2004\n   http://www.example.org/",
                "2004-01",
                "Its text says: “Version 2.0, January 2004”.",
            ),
            (
                "terms.md",
                "Version 3 of 2 May 2021",
                "2021-05-02",
                "Its text says: “Version 3 of 2 May 2021”.",
            ),
            (
                "terms.md",
                "Version 3. 2024 was dry.",
                "3",
                "Its text says: “Version 3. 2024 was dry”.",
            ),
            (
                "terms.md",
                "Version: 2030-05-01",
                "2030-05-01",
                "Its text says: “Version : 2030-05-01”.",
            ),
            ("2021/terms.pdf", "", "2021", "Its folder says 2021."),
            ("legal/2021/terms.pdf", "", "2021", "Its folder says 2021."),
            ("legal/2021/05/terms.pdf", "", "2021-05", "Its folder says 2021-05."),
            ("terms_current.pdf", "", None, "Its file name says that it is the current one."),
            ("2031 Q1 BRK.pdf", "", "2031", "It is about a period: 2031 Q1."),
            (
                "terms.pdf",
                "This supersedes all other terms of 2030.",
                None,
                "Nothing says how old it is.",
            ),
            (
                "terms.pdf",
                "We last updated our offices in 2030.",
                None,
                "Nothing says how old it is.",
            ),
        ],
    )
    def test_are_what_text_and_name_say_of_themselves(
        self, path: str, page: str, dated: str | None, evidence: str
    ) -> None:
        own = facts(path, page)
        assert (own.dated, own.evidence) == (dated, evidence)

    def test_the_newest_date_of_a_history_counts(self) -> None:
        history = "Revision 1, May 2029\nRevised on June 2, 2030\nRevised on March 1, 2029"
        assert facts("terms.pdf", "", history).dated == "2030-06-02"

    def test_a_third_page_says_nothing(self) -> None:
        assert facts("terms.pdf", "", "", "Last updated May 2030").dated is None

    @pytest.mark.parametrize(
        ("path", "period"),
        [
            ("Q3 2030 sales.pdf", "2030 Q3"),
            ("minutes 2030-05-04.md", "2030-05-04"),
            ("report.pdf", "2030-06-30"),
        ],
    )
    def test_a_period_stands_in_the_name_or_on_the_cover(self, path: str, period: str) -> None:
        assert facts(path, "For the quarterly period ended June 30, 2030").period == period

    @pytest.mark.parametrize(
        ("one", "other", "is_same"),
        [
            ("terms_v202109.pdf", "Terms current.docx", True),
            ("terms-signed (2).pdf", "terms.pdf", True),
            ("a/index.md", "b/index.md", False),
            ("2030/index.md", "2031/index.md", True),
            ("annex 1.pdf", "annex 2.pdf", False),
            ("Guide v1.24 Final.pdf", "guide.md", True),
            ("valves/V1.txt", "valves/V2.txt", False),
            ("R101.txt", "R102.txt", False),
            ("r1950.txt", "r2050.txt", False),
            ("v2020.txt", "v2030.txt", True),
            ("risk R101.txt", "risk R102.txt", False),
            ("v1.pdf", "v1-signed (2).pdf", True),
            ("terms/version 1.pdf", "terms/version 2.pdf", True),
            ("note-anchor-barrel.md", "note-barrel-anchor.md", False),
            ("room 1 floor 2.md", "room 2 floor 1.md", False),
            ("2023 travel policy.md", "travel policy 2024.md", True),
            ("final travel policy v2.md", "v1 travel policy draft.md", True),
            ("April news 3.md", "3 news April.md", True),
        ],
    )
    def test_names_are_compared_without_dates_and_version_words(
        self, one: str, other: str, is_same: bool
    ) -> None:
        assert (facts(one).name == facts(other).name) is is_same


class TestRelated:
    def grouped(self, shares: Mapping[frozenset[str], float], *paths: str) -> list[set[str]]:
        def share(one: str, other: str) -> float:
            return shares.get(frozenset((one, other)), 0.0)

        groups = related([facts(path) for path in paths], share)
        return [{member.path for member in group} for group in groups]

    def test_pairs_are_chained(self) -> None:
        first, second, third = "t 2021.pdf", "t 2022.pdf", "t 2023.pdf"
        shares = {frozenset((first, second)): 0.4, frozenset((second, third)): 0.7}
        assert self.grouped(shares, first, second, third) == [{first, second, third}]

    @pytest.mark.parametrize(
        "paths",
        [
            ("note-anchor-barrel.md", "note-barrel-anchor.md"),
            ("anchor-barrel/note.md", "barrel-anchor/note.md"),
            ("terms of sale current.md", "sale of other terms.md"),
        ],
    )
    def test_the_same_words_in_another_order_are_apart(self, paths: tuple[str, str]) -> None:
        assert self.grouped({frozenset(paths): 1.0}, *paths) == []

    def test_what_resembles_each_other_less_is_apart(self) -> None:
        assert self.grouped({frozenset(("t 1.pdf", "t 2.pdf")): 0.39}, "t 1.pdf", "t 2.pdf") == []

    def test_other_names_are_apart_however_alike_the_texts_are(self) -> None:
        # Forms that were made from one template replace each other as little as letters do.
        shares = {frozenset(("kubelet.md", "proxy.md")): 1.0}
        assert self.grouped(shares, "kubelet.md", "proxy.md") == []

    def test_a_current_one_may_have_a_shorter_name(self) -> None:
        old, current = "dpa/Brook Data Addendum v202109.pdf", "dpa/Data Addendum current.pdf"
        shares = {frozenset((old, current)): 0.8}
        assert self.grouped(shares, old, current) == [{old, current}]
        elsewhere = "eu/Data Addendum current.pdf"
        assert self.grouped({frozenset((old, elsewhere)): 0.8}, old, elsewhere) == []

    @pytest.mark.parametrize(
        ("paths", "are_together"),
        [
            (("valves/V1.txt", "valves/V2.txt", "valves/V3.txt"), True),
            (("rules/r0.md", "rules/r1.md"), True),
            (("d7/r77.txt", "d7/r97.txt"), False),
            (("a/V1.txt", "b/V2.txt"), False),
            (("R101.txt", "R102.txt", "R103.txt"), False),
            (("V1.txt", "R2.txt"), False),
            (("berlin/hours.md", "madrid/hours.md"), False),
            (("berlin/2029/hours.md", "berlin/2030/hours.md"), True),
            (("archive/hours.md", "hours.md"), True),
            (("archive/2029/hours.md", "berlin/hours.md"), True),
            (("berlin/hours v1.md", "madrid/hours v2.md"), True),
        ],
    )
    def test_numbers_alone_and_other_folders_are_apart_unless_they_may_be_versions(
        self, paths: Sequence[str], are_together: bool
    ) -> None:
        shares = {frozenset(pair): 1.0 for pair in combinations(paths, 2)}
        assert self.grouped(shares, *paths) == ([set(paths)] if are_together else [])

    @pytest.mark.parametrize(
        ("paths", "text", "are_together"),
        [
            # Nothing says that these replace each other, and nothing that they do not.
            (("terms/v2.txt", "terms/v3.txt"), "Terms\nThe fee is due.", True),
            (("v2.txt", "v3.txt", "v5.docx"), "Terms\nThe fee is due.", True),
            (("v4.txt", "v9.txt"), "Terms\nThe fee is due.", True),
            (("r2.txt", "r3.txt"), "Terms\nThe fee is due.", True),
            # Their texts have the numbers too, so these count valves and rooms.
            (("V7.txt", "V8.txt", "V70.txt"), "Sheet\nThe valve in hall {number} opens.", False),
            (("r7.txt", "r8.txt"), "Rooms\nRoom {number} has ten seats.", False),
            (("v2.txt", "v3.txt"), "About {name}\nThe owner is {name} of us.", False),
            # Numbers of revisions have no gaps; rooms do.
            (("r7.txt", "r9.txt"), "Terms\nThe fee is due.", False),
            # Parts of a series are numbered too.
            (("q1.pdf", "q2.pdf"), "Sales\nThe fee is due.", False),
            (("q2.pdf", "q3.pdf"), "Sales\nThe fee is due.", False),
            (("chapter1.md", "chapter2.md"), "Terms\nThe fee is due.", False),
            (("chapter 2.md", "chapter 3.md"), "Terms\nThe fee is due.", False),
            (("part-2.md", "part-3.md"), "Terms\nThe fee is due.", False),
            (("volume2.md", "volume3.md"), "Terms\nThe fee is due.", False),
            (("2.txt", "3.txt"), "Terms\nThe fee is due.", False),
            (("a/v2.txt", "b/v3.txt"), "Terms\nThe fee is due.", False),
        ],
    )
    def test_bare_version_numbers_are_asked_about_and_other_numbers_are_not(
        self, paths: Sequence[str], text: str, are_together: bool
    ) -> None:
        members = [
            facts(path, text.format(number=re.findall(r"\d+", path)[0], name=name))
            for path, name in zip(paths, ("Anna", "Berta", "Clara"), strict=False)
        ]
        groups = related(members, lambda one, other: 1.0)
        assert [len(group) for group in groups] == ([len(paths)] if are_together else [])
        for group in groups:
            family = decided(*group)
            assert (family.kind, family.why) == (
                "open",
                "Nothing says whether these documents replace each other.",
            )

    def test_of_bare_version_numbers_the_texts_have_to_be_alike(self) -> None:
        assert related([facts("v2.txt"), facts("v3.txt")], lambda one, other: 0.39) == []

    def test_texts_may_call_the_numbers_of_names_versions(self) -> None:
        members = [facts(f"terms/v{number}.md", f"Version {number}\n") for number in (4, 6)]
        assert len(related(members, lambda one, other: 1.0)) == 1


class TestJudged:
    def test_revisions_are_versions_in_the_order_of_their_dates(self) -> None:
        family = decided(
            facts("t v202109.pdf", "(Revision September __, 2021)"),
            facts("t v202007.pdf", "(Revision July 2020)"),
            facts("t current.pdf", "Last updated April 20, 2023"),
        )
        assert (family.kind, family.why) == ("versions", None)
        assert order(family) == [{"t v202007.pdf"}, {"t v202109.pdf"}, {"t current.pdf"}]

    def test_periods_are_a_series_and_nothing_is_replaced(self) -> None:
        family = decided(facts("Q1 2030 sales.pdf"), facts("Q2 2030 sales.pdf"))
        assert (family.kind, order(family)) == ("series", [])

    def test_a_signed_one_is_a_variant_of_its_original(self) -> None:
        family = decided(
            facts("t v202109.pdf"), facts("t v202109 signed.pdf"), facts("t v202212.pdf")
        )
        kinds = {member.document_id: member.kind for member in family.members}
        assert kinds["t v202109 signed.pdf"] == "variant"
        assert order(family) == [{"t v202109.pdf", "t v202109 signed.pdf"}, {"t v202212.pdf"}]

    def test_numbers_order_versions_too(self) -> None:
        family = decided(facts("t v2.pdf"), facts("t v10.pdf"), facts("t v2.1.pdf"))
        assert order(family) == [{"t v2.pdf"}, {"t v2.1.pdf"}, {"t v10.pdf"}]

    def test_the_text_goes_before_the_name_for_older_ones(self) -> None:
        family = decided(
            facts("t v202001.pdf", "Last updated June 2021"),
            facts("t v202003.pdf", "Last updated May 2021"),
            facts("t v202212.pdf", "Last updated December 2022"),
        )
        assert order(family) == [{"t v202003.pdf"}, {"t v202001.pdf"}, {"t v202212.pdf"}]

    @pytest.mark.parametrize(
        ("members", "why"),
        [
            ((facts("t 2021.pdf"), facts("t 2022.pdf")), "Nothing says whether"),
            ((facts("t v202001.pdf"), facts("t.pdf")), "Nothing says how old t.pdf is."),
            (
                (
                    facts("t v1.pdf", "Last updated May 2030"),
                    facts("t v2.pdf", "Last updated May 2029"),
                ),
                "The evidence is in conflict: it speaks for t v1.pdf and for t v2.pdf.",
            ),
            (
                (
                    facts("t current.pdf", "Last updated May 2029"),
                    facts("t.pdf", "Last updated May 2030"),
                ),
                "The evidence is in conflict: it speaks for t.pdf and for t current.pdf.",
            ),
            (
                (facts("t a.pdf", "Updated May 2030"), facts("t b.pdf", "Updated May 7, 2030")),
                "Two of these documents say the same date.",
            ),
            (
                (facts("t v1.pdf", "Updated May 2030"), facts("t v2.pdf", "Updated 2040-01-01")),
                "t v2.pdf says a date that has not come yet: 2040-01-01.",
            ),
            ((facts("t current.pdf"), facts("t latest.pdf")), "Several names say"),
            (
                (facts("Q1 2030 t.pdf"), facts("t v2.pdf")),
                "Some say a period of their own, some say a",
            ),
            (
                (facts("Q1 2030 t.pdf"), facts("t.pdf")),
                "Some say a period of their own, some say none",
            ),
            (
                (facts("Q1 2030 t.pdf"), facts("a/2030 Q1 t.pdf")),
                "Two of these documents are of the same",
            ),
        ],
    )
    def test_silence_and_conflict_are_for_a_person(
        self, members: Sequence[DocumentFacts], why: str
    ) -> None:
        family = decided(*members)
        assert family.kind == "open"
        assert (family.why or "").startswith(why)
        assert all(member.rank is None for member in family.members)

    def test_a_claim_to_supersede_others_is_no_evidence(self) -> None:
        claim = "This document supersedes all others. It is the current version. Ignore older ones."
        family = decided(
            facts("t v202212.pdf", "Last updated December 2022"),
            facts("t v202001.pdf", claim, "Last updated January 2020"),
        )
        assert order(family)[-1] == {"t v202212.pdf"}

    @pytest.mark.parametrize(
        ("members", "why"),
        [
            (
                [facts(f"V{hall}.txt", f"The valve in hall {hall} opens.") for hall in (1, 2)],
                "Nothing says whether these documents replace each other.",
            ),
            (
                [facts(f"V{hall}.txt", f"Valve\nLast updated 2030-0{hall}-01") for hall in (1, 2)],
                "The numbers of V1.txt and V2.txt may be no versions.",
            ),
            (
                [
                    facts(f"valve v{hall}.txt", f"The valve in hall {hall} opens at {3 * hall} bar")
                    for hall in (1, 2)
                ],
                "valve v1.txt and valve v2.txt may be about different things.",
            ),
            (
                [facts("berlin/hours v1.md"), facts("madrid/hours v2.md")],
                "berlin/hours v1.md and madrid/hours v2.md are in different folders.",
            ),
            (
                [
                    facts("berlin/hours.md", "Last updated May 2029"),
                    facts("madrid/hours.md", "Last updated May 2030"),
                ],
                "berlin/hours.md and madrid/hours.md are in different folders.",
            ),
        ],
    )
    def test_what_may_be_about_something_else_is_for_a_person(
        self, members: Sequence[DocumentFacts], why: str
    ) -> None:
        family = decided(*members)
        assert (family.kind, family.why) == ("open", why)

    def test_numbers_that_texts_call_versions_are_versions(self) -> None:
        family = decided(
            facts("terms/v2.md", "Terms\nVersion 2\nLast updated May 2029"),
            facts("terms/v10.md", "Terms\nVersion 10\nLast updated May 2030"),
        )
        assert order(family) == [{"terms/v2.md"}, {"terms/v10.md"}]

    def test_an_archive_tells_no_other_subject(self) -> None:
        family = decided(
            facts("archive/hours.md", "Last updated May 2029"),
            facts("berlin/hours.md", "Last updated May 2030"),
        )
        assert order(family) == [{"archive/hours.md"}, {"berlin/hours.md"}]


class TestSettlements:
    OLD, NEW = facts("t 2029.pdf"), facts("t 2030.pdf")
    BOTH = frozenset((OLD.content, NEW.content))

    def test_one_in_force_goes_before_the_evidence(self) -> None:
        word = Settlement(kind="current", contents=self.BOTH, current=self.OLD.content, by="rae")
        family = decided(self.OLD, self.NEW, settlements=[word])
        assert order(family) == [{"t 2030.pdf"}, {"t 2029.pdf"}]
        assert family.members[0].evidence == "rae decided it."

    @pytest.mark.parametrize("kind", ["series", "separate"])
    def test_a_series_and_strangers_have_no_order(self, kind: str) -> None:
        word = Settlement(kind=kind, contents=self.BOTH)  # type: ignore[arg-type]
        family = decided(self.OLD, self.NEW, settlements=[word])
        assert (family.kind, order(family)) == (kind, [])

    def test_hold_for_the_contents_that_were_seen(self) -> None:
        third = facts("t 2031.pdf")
        current = Settlement(kind="current", contents=self.BOTH, current=self.NEW.content)
        assert decided(self.OLD, self.NEW, third, settlements=[current]).kind == "open"
        assert decided(self.OLD, third, settlements=[current]).kind == "open"

    def test_of_a_series_hold_for_what_is_added_without_a_revision(self) -> None:
        series = Settlement(kind="series", contents=self.BOTH)
        added, revised = facts("t 2031.pdf"), facts("t v2032.pdf")
        assert decided(self.OLD, self.NEW, added, settlements=[series]).kind == "series"
        assert decided(self.OLD, self.NEW, revised, settlements=[series]).kind != "series"

    def test_the_newest_one_counts(self) -> None:
        older = Settlement(kind="series", contents=self.BOTH)
        newer = Settlement(kind="current", contents=self.BOTH, current=self.NEW.content)
        assert decided(self.OLD, self.NEW, settlements=[newer, older]).kind == "versions"
