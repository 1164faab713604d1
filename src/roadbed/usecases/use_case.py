"""``UseCase``: the declaration that a pod writes in ``usecase.py``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import overload

from pydantic import BaseModel

from roadbed.scoring.function_scorer import ScorerFunction
from roadbed.scoring.scorers import Scorer
from roadbed.usecases import delivery_plan, validation
from roadbed.usecases.chat_apps import ChatApp
from roadbed.usecases.decider import Isolation, Trainable, is_trainable
from roadbed.usecases.declaration import Budget as Budget
from roadbed.usecases.declaration import Declaration
from roadbed.usecases.declaration import OnRevision as OnRevision
from roadbed.usecases.declaration import Pod as Pod
from roadbed.usecases.declaration import RiskMeasure as RiskMeasure
from roadbed.usecases.destinations import (
    ActionKind,
    Approvals,
    Connector,
    Destination,
    Effect,
)
from roadbed.usecases.errors import UseCaseError
from roadbed.usecases.library import Library
from roadbed.usecases.rollout import Rollout


class UseCase(Declaration):
    """One AI workflow: its purpose, people, limits and decider.

    ``risk_limit`` is the largest share of wrong automatic answers the pod accepts and ``certainty``
    the probability with which this must hold. ``deadline_seconds`` bounds one decision from
    admission. ``slices`` names input fields (a region, a channel) among whose values the answers
    may be better and worse; the score learns from them, and each is watched by itself.
    ``label_within_hours`` is how long a task of the reference sample may wait for its label; from
    then on it counts as wrong. ``check_share`` of the reviews are cases whose answer is known,
    which measures reviewers; and ``second_look_share`` of the sample's labels, and every error in
    it, gets a second look. 0 leaves either out. ``rollout`` says how a better version comes into
    service. ``examples_are_random_sample`` says that the rows under ``examples/`` were drawn at
    random from the traffic that will arrive: only then may those set apart for judging prove
    anything. ``scorer`` says which answers are right (``roadbed.scoring``; ``Exact()`` by default),
    or is a function of (proposed, right, input) that gives a ``Score``. An answer is wrong if its
    loss is above ``tolerance``. ``risk_measure`` says what the limit is about: ``"wrong"``, the
    share of wrong answers, or ``"mean_loss"``, the mean of the loss itself. ``on_revision`` says
    what a corrected input does to what its task sent: ``"note"`` keeps the input and changes
    nothing; ``"re-decide"`` decides again and, where that says something else, takes back what can
    be taken back and sends the new result; ``"ask"`` decides again and asks a person before
    anything is sent or taken back. ``labels`` names the values that a text field of the output
    takes, by field. A value that was never seen before is stopped until ``new_labels_by`` (a role
    of the pod, the domain lead by default) confirms it; see ``roadbed.usecases.labels``.
    ``isolation`` sets the limits of the child processes that the decider runs in. ``None`` runs it
    inside the server, where one that hangs or exits stops all use cases. ``library`` are
    the documents that it answers from, and ``chat_apps`` the chat programs in which people ask
    it. Raises ``UseCaseError`` with every mistake at once.
    """

    def __init__(
        self,
        name: str,
        *,
        purpose: str,
        input: type[BaseModel],
        output: type[BaseModel],
        pod: Pod,
        risk_limit: float,
        certainty: float = 0.95,
        budget: Budget | None = None,
        deadline_seconds: float = 30.0,
        examples_are_random_sample: bool = False,
        slices: Sequence[str] = (),
        label_within_hours: float = 72.0,
        check_share: float = 0.02,
        second_look_share: float = 0.02,
        approvals: Approvals | None = None,
        rollout: Rollout | None = None,
        scorer: Scorer | ScorerFunction | None = None,
        tolerance: float = 0.0,
        risk_measure: RiskMeasure = "wrong",
        on_revision: OnRevision = "ask",
        labels: Mapping[str, Sequence[str]] | None = None,
        new_labels_by: str = "domain_lead",
        isolation: Isolation | None = Isolation(),  # noqa: B008 - frozen
        library: Library | None = None,
        chat_apps: Sequence[ChatApp] = (),
    ) -> None:
        self.name = name
        self.purpose = purpose
        self.input = input
        self.output = output
        self.pod = pod
        self.risk_limit = risk_limit
        self.certainty = certainty
        self.budget = budget
        self.deadline_seconds = deadline_seconds
        self.examples_are_random_sample = examples_are_random_sample
        self.slices = (slices,) if isinstance(slices, str) else tuple(slices)
        self.label_within_hours = label_within_hours
        self.check_share = check_share
        self.second_look_share = second_look_share
        self.approvals = approvals or Approvals()
        self.rollout = rollout or Rollout()
        self.tolerance = tolerance
        self.risk_measure = risk_measure
        self.on_revision = on_revision
        self.labels = dict(labels or {})
        self.new_labels_by = new_labels_by
        self.isolation = isolation
        self.library = library
        self.chat_apps = tuple(chat_apps)
        found_scorer, scorer_problems = validation.read_scorer(scorer)
        self.scorer = found_scorer
        self.prompts = {}
        self.destinations = {}
        self.actions = {}
        self.function = None
        self.trainable = None
        if problems := [*validation.problems(self), *scorer_problems]:
            raise UseCaseError(str(name), problems)

    @overload
    def decider(self, decider: Trainable) -> Trainable: ...
    @overload
    def decider(self, decider: Callable[..., object]) -> Callable[..., object]: ...
    def decider(self, decider: Trainable | Callable[..., object]) -> object:
        """Set the decider: a trainable object, or, as a decorator, a function of input and context.

        Raises ``UseCaseError`` when it is neither, or when there is one already.
        """
        if problems := validation.decider_problems(self, decider):
            raise UseCaseError(self.name, problems)
        found_decider = validation.bound(self, decider)
        if is_trainable(found_decider):
            self.trainable = found_decider
        else:
            self.function = found_decider  # type: ignore[assignment]  # its parameters are checked
        return decider

    def deliver(
        self,
        name: str,
        *,
        to: Connector,
        key: str = "{task.id}",
        when: str | None = None,
        in_order_of: str | None = None,
        after: str | None = None,
    ) -> Destination:
        """Send every automatic or reviewed result to ``to``.

        ``key`` is the template of the key by which the receiver knows the effect again; ``when``
        (CEL over input, output, task and decision) holds some back; those with the same
        ``in_order_of`` are sent one after the other; ``after`` names the destination that comes
        first and is taken back if this one fails for good. Raises ``UseCaseError``.
        """
        destination = Destination(
            name=name, to=to, key=key, when=when, in_order_of=in_order_of, after=after
        )
        if problems := delivery_plan.destination_problems(self, destination):
            raise UseCaseError(self.name, problems)
        self.destinations[name] = destination
        return destination

    def action(
        self,
        name: str,
        arguments: type[BaseModel],
        *,
        to: Connector,
        effect: Effect | str,
        key: str = "{task.id}-{delivery.id}",
        per_task: int = 1,
        per_day: int | None = None,
        after: str | None = None,
    ) -> ActionKind:
        """Let the decider propose an effect of this kind; ``rules.yaml`` says when it is allowed.

        Without a rule that allows it, a person is asked. ``effect`` is read, reversible or
        irreversible. ``after`` names the kind of action that it needs: it is proposed behind one of
        that kind and sent once that one is delivered. Raises ``UseCaseError``.
        """
        kind = ActionKind(
            name=name,
            arguments=arguments,
            to=to,
            effect=Effect(effect),
            key=key,
            per_task=per_task,
            per_day=per_day,
            after=after,
        )
        if problems := delivery_plan.action_problems(self, kind):
            raise UseCaseError(self.name, problems)
        self.actions[name] = kind
        return kind

    def __repr__(self) -> str:
        return f"UseCase({self.name!r})"
