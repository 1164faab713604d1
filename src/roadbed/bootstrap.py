"""The running app from its settings: the only place that connects the services."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import sys
from collections.abc import AsyncIterator, Mapping, MutableMapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from roadbed import transactions
from roadbed.audit.errors import AuditFolderError, AuditKeyError
from roadbed.audit.service import AuditLog
from roadbed.budgets.service import Budgets
from roadbed.connectors.egress import EgressPool
from roadbed.decisions.crash_detection import CrashDetector
from roadbed.decisions.model import Deployment
from roadbed.decisions.service import Decisions
from roadbed.decisions.trials import Trials
from roadbed.deliveries.approvals import Deliveries
from roadbed.deliveries.relay import Relay
from roadbed.examples.service import Examples
from roadbed.executors.isolated import DeciderProcesses
from roadbed.guarantee.notices import Notices
from roadbed.guarantee.report import TrustReports
from roadbed.guarantee.running_audit import RunningAuditMonitor
from roadbed.guarantee.stress import Stress
from roadbed.halts.service import Halts
from roadbed.improvement.prompt_optimization.service import PromptSearch, PromptSearches
from roadbed.improvement.proposals import Proposals
from roadbed.improvement.training import Training
from roadbed.insight.failures import FailureBoard
from roadbed.insight.monitoring import Monitoring
from roadbed.insight.notebook import Notebooks
from roadbed.insight.stage_clock import StageClock
from roadbed.intake.tasks import Intake
from roadbed.kernel.clock import Clock, SystemClock
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.ids import Ids
from roadbed.kernel.secrets import KNOWN
from roadbed.kernel.settings import Settings
from roadbed.kernel.terminal import one_line
from roadbed.outcomes.service import Outcomes
from roadbed.people.members import Members
from roadbed.people.service import People
from roadbed.people.sign_in import SignIn
from roadbed.receipts.erasure import Erasure
from roadbed.receipts.incidents import Incidents
from roadbed.receipts.service import Receipts
from roadbed.recovery.service import Recovery
from roadbed.releases.deployer import Deployer
from roadbed.releases.external_checks import ExternalChecks
from roadbed.releases.gate import GateService
from roadbed.releases.promotion import Promotion, Recertification
from roadbed.releases.repository import ReleaseLog, ReleaseRepository
from roadbed.releases.rollback import Rollback
from roadbed.releases.service import Releases
from roadbed.releases.sign_offs import SignOffs
from roadbed.releases.trial_monitor import TrialMonitor
from roadbed.reviews.new_labels import NewLabels
from roadbed.reviews.reviewer_checks import ReviewerChecks
from roadbed.reviews.service import Reviews
from roadbed.storage.database import Database
from roadbed.storage.embedded import default_home
from roadbed.storage.errors import StorageUnavailableError
from roadbed.storage.writer import GroupCommitWriter
from roadbed.usecases.decider import needs_of
from roadbed.usecases.errors import UseCaseError
from roadbed.usecases.loader import LoadedUseCase, folders, load, without_code
from roadbed.usecases.use_case import UseCase
from roadbed.versions.deployments import Deployments
from roadbed.versions.replays import Replays
from roadbed.versions.service import Versions
from roadbed.versions.store import VersionStore

if TYPE_CHECKING:
    from roadbed.people.oidc import Provider

# Standard output belongs to results; what happens on the way goes to standard error.


def _without_secrets(_: object, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """A log entry with secrets masked, and without what acts on a terminal."""
    clean = {}
    for name, value in event.items():
        masked = value if name == "exc_info" else KNOWN.mask_all(value)
        clean[name] = one_line(masked) if isinstance(masked, str) else masked
    return clean


_processors = structlog.get_config()["processors"]
structlog.configure(
    logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    processors=[*_processors[:-1], _without_secrets, _processors[-1]],
)
_log = structlog.get_logger("roadbed")


@dataclass(frozen=True, kw_only=True, slots=True)
class App:
    """Everything the surfaces call. ``broken`` holds the use cases that could not be loaded."""

    settings: Settings
    clock: Clock
    database: Database
    store: VersionStore
    deployments: Deployments
    decisions: Decisions
    crash_detector: CrashDetector
    reviews: Reviews
    new_labels: NewLabels
    receipts: Receipts
    examples: Examples
    training: Training
    proposals: Proposals
    prompt_search: PromptSearches
    deployer: Deployer
    releases: Releases
    versions: Versions
    replays: Replays
    notebooks: Notebooks
    stage_clock: StageClock
    monitoring: Monitoring
    failures: FailureBoard
    running_audit: RunningAuditMonitor
    notices: Notices
    reports: TrustReports
    stress: Stress
    reviewer_checks: ReviewerChecks
    deliveries: Deliveries
    outcomes: Outcomes
    halts: Halts
    budgets: Budgets
    incidents: Incidents
    erasure: Erasure
    relay: Relay
    people: People
    members: Members
    signing_in: SignIn
    provider: Provider | None
    audit: AuditLog
    recovery: Recovery
    broken: dict[str, RoadbedError] = field(default_factory=dict)

    def declared(self) -> Sequence[UseCase]:
        """The declarations of the use cases served here."""
        return [self.deployments.get(name).loaded.declared for name in self.deployments.names()]

    def service(self, name: str) -> Deployment:
        """A served use case. Raises why it is not served: broken, or unknown."""
        if name in self.broken and name not in self.deployments.names():
            raise self.broken[name]
        return self.deployments.get(name)


def audit_folder(settings: Settings) -> Path:
    """The folder outside the database with the copy of the audit log's checkpoints."""
    if settings.audit_dir is not None:
        return settings.audit_dir
    if settings.home is not None:
        return settings.home.with_name(f"{settings.home.name}-audit")
    return default_home(Path.cwd(), "audit")


def versions_folder(settings: Settings) -> Path:
    """Where versions are written out that are not the folder on disk."""
    if settings.home is not None:
        return settings.home.with_name(f"{settings.home.name}-versions")
    return default_home(Path.cwd(), "versions")


@asynccontextmanager
async def open_app(
    settings: Settings, url: str, *, only: Sequence[str] | None = None, serves: bool = True
) -> AsyncIterator[App]:
    """Services on an open database, with the use cases of ``settings.usecases`` registered.

    ``only`` limits which are loaded. A use case that cannot load does not stop the others. One that
    ``serves`` loads every decider at once; a command loads those that it asks.
    """
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database(url))
        # Separate connections: a halt must not wait for a free one of the shared pool.
        reserved = await stack.enter_async_context(Database(url, connections=4))
        writer = GroupCommitWriter(database.url)
        await writer.open()
        stack.push_async_callback(writer.close)
        network = EgressPool(os.environ, SystemClock())
        stack.push_async_callback(network.aclose)
        processes = DeciderProcesses(enabled=settings.isolation == "process", eager=serves)
        stack.callback(processes.close)
        KNOWN.learn_environment(os.environ)
        app = _wire(settings, database, reserved, writer, network, processes)
        stack.push_async_callback(app.decisions.close)
        stack.push_async_callback(app.prompt_search.close)
        for folder in [*folders(settings.usecases), *without_code(settings.usecases)]:
            if only is None or folder.name in only:
                await _serve(app, folder, processes if serves else None)
        await _look_for_a_restore(app)
        yield app


async def _look_for_a_restore(app: App) -> None:
    """Before anything is decided: a database older than its witness is halted."""
    try:
        restoration = await app.recovery.detect()
    except (AuditFolderError, AuditKeyError) as error:  # the sealing loop says so, again and again
        _log.warning("not known whether the database is a copy", problem=str(error))
        return
    if restoration is not None:
        _log.error("everything is halted", restore=restoration.sentence)


def _wire(
    settings: Settings,
    database: Database,
    reserved: Database,
    writer: GroupCommitWriter,
    network: EgressPool,
    processes: DeciderProcesses,
) -> App:
    clock = SystemClock()
    ids = Ids(clock)
    budgets, receipts = Budgets(database, ids, clock, transactions.POD_TOLD), Receipts(database)
    audit = AuditLog(database, audit_folder(settings), clock, os.urandom)
    intake = Intake(
        database,
        writer,
        ids,
        clock,
        budgets,
        lease_seconds=settings.lease_seconds,
    )
    crash_detector = CrashDetector(
        database.url,
        clock,
        careful_seconds=settings.careful_seconds,
        address=settings.public_address() if settings.port else None,
    )
    store = VersionStore(database, clock, versions_folder(settings), processes)
    deployments = Deployments(database, store)
    examples = Examples(database, budgets, ids, clock)
    training = Training(examples, processes)
    deployer = Deployer(
        database=database,
        examples=examples,
        training=training,
        store=store,
        ids=ids,
        clock=clock,
        entropy=os.urandom,
    )
    versions, running_audit = (
        Versions(database, store),
        RunningAuditMonitor(database, ids, clock),
    )
    notices = Notices(database, clock)
    reviews = Reviews(
        database=database,
        writer=writer,
        ids=ids,
        clock=clock,
        judge=transactions.VERDICT,
        on_undo=transactions.VERDICT_UNDONE,
        claim_seconds=settings.claim_seconds,
    )
    proposals = Proposals(database, ids, clock, lambda name: deployments.get(name).loaded)
    people = People(database, clock, os.urandom, idle_seconds=settings.idle_seconds)
    members = Members(database, people)
    # Nothing rests on keeping it secret which reviewer checks are drawn.
    chance = random.Random()  # noqa: S311
    halts, erasure = Halts(reserved, ids, clock), Erasure(database, audit, clock)
    reviewer_checks = ReviewerChecks(
        database, examples, reviews, ids, clock, chance, transactions.SETTLE
    )
    return App(
        settings=settings,
        clock=clock,
        database=database,
        store=store,
        deployments=deployments,
        decisions=Decisions(
            intake=intake,
            services=deployments,
            writer=writer,
            settle=transactions.SETTLE,
            settle_funded=transactions.SETTLE_FUNDED,
            settle_at_once=transactions.SETTLE_AT_ONCE,
            settle_revision=transactions.SETTLE_REVISION,
            crash_detector=crash_detector,
            trials=Trials(writer, transactions.COMPARE, budgets, ids, clock),
            ids=ids,
            clock=clock,
            max_in_flight=settings.max_in_flight,
        ),
        crash_detector=crash_detector,
        reviews=reviews,
        new_labels=NewLabels(
            database,
            reviews,
            ids,
            clock,
            transactions.VERDICT,
            announce=transactions.POD_TOLD,
            over=transactions.LABELS_OVER,
        ),
        receipts=receipts,
        incidents=Incidents(database, receipts, ids, clock),
        examples=examples,
        training=training,
        proposals=proposals,
        prompt_search=PromptSearches(
            database, PromptSearch(examples, training, proposals, budgets), clock
        ),
        deployer=deployer,
        releases=_releases(
            database, examples, deployer, store, deployments, network, people, proposals
        ),
        versions=versions,
        replays=Replays(versions, store, receipts.get, budgets, clock),
        notebooks=Notebooks(database, clock),
        stage_clock=StageClock(database, clock),
        monitoring=Monitoring(database, reviews, examples, versions, clock),
        failures=FailureBoard(database, clock),
        running_audit=running_audit,
        notices=notices,
        reports=TrustReports(database, running_audit, notices, reviewer_checks, versions, clock),
        stress=Stress(examples),
        reviewer_checks=reviewer_checks,
        deliveries=Deliveries(database, clock, transactions.MENDED),
        outcomes=Outcomes(
            database,
            writer,
            ids,
            clock,
            transactions.OUTCOME,
            lambda name: deployments.get(name).loaded.declared,
        ),
        halts=halts,
        budgets=budgets,
        relay=_relay(settings, database, writer, network, chance),
        people=people,
        members=members,
        signing_in=SignIn(database, clock, people, members, creates=settings.oidc_create),
        provider=_provider(settings, database, clock),
        audit=audit,
        erasure=erasure,
        recovery=Recovery(database, audit, halts, members, erasure, ids, clock),
    )


def _releases(
    database: Database,
    examples: Examples,
    deployer: Deployer,
    store: VersionStore,
    deployments: Deployments,
    network: EgressPool,
    people: People,
    proposals: Proposals,
) -> Releases:
    clock = SystemClock()
    ids = Ids(clock)
    repository = ReleaseRepository(
        database, clock, lambda use_case, person: people.roles(person, use_case)
    )
    log = ReleaseLog(ids, clock, transactions.POD_TOLD, transactions.NOTICE_OVER)
    gate = GateService(
        database=database,
        examples=examples,
        certificates=deployer.certificates,
        store=store,
        deployments=deployments,
        clock=clock,
        checks=ExternalChecks(network.attempt),
    )
    rollback = Rollback(
        database=database,
        deployer=deployer,
        repository=repository,
        log=log,
        hold_deliveries=transactions.VERSION_FELL,
    )
    return Releases(
        database=database,
        deployer=deployer,
        deployments=deployments,
        repository=repository,
        gate=gate,
        sign_offs=SignOffs(database, ids, clock, repository, log),
        promotion=Promotion(deployer, repository, log, clock),
        recertification=Recertification(database, deployer, gate, repository, log),
        rollback=rollback,
        trial_monitor=TrialMonitor(
            database=database,
            deployments=deployments,
            repository=repository,
            gate=gate,
            rollback=rollback,
            log=log,
            clock=clock,
        ),
        log=log,
        ids=ids,
        clock=clock,
        accepted=proposals.accepted,
    )


async def _serve(app: App, folder: Path, processes: DeciderProcesses | None) -> None:
    try:
        if processes is not None and (folder / "usecase.py").exists():
            await processes.try_import(folder)
        loaded = await asyncio.to_thread(load, folder)
        await serve(app, loaded)
    except StorageUnavailableError:
        raise  # no fault of the folder: without it, a process would live on that does nothing
    except RoadbedError as error:
        stored = await app.deployments.add_stored(folder.name, error)
        if stored or (folder / "usecase.py").exists():
            app.broken[folder.name] = error
            what = "served as released" if stored else "use case not served"
            _log.warning(what, folder=folder.name, problem=str(error))


async def serve(app: App, loaded: LoadedUseCase) -> None:
    """Register a loaded use case with its examples and serve it. Raises ``UseCaseError``."""
    if loaded.name in app.deployments.names():
        raise UseCaseError(loaded.name, [])
    if loaded.code is None and loaded.files:
        loaded = await app.store.copy(loaded)
    KNOWN.learn_environment(os.environ, needs_of(loaded.declared.function).secrets)
    await app.deployer.register(loaded)
    _, problems = await app.examples.import_folder(loaded)
    for problem in problems[:10]:
        _log.warning("example left out", usecase=loaded.name, problem=str(problem))
    await app.deployments.add(loaded)


def _relay(
    settings: Settings,
    database: Database,
    writer: GroupCommitWriter,
    network: EgressPool,
    chance: random.Random,
) -> Relay:
    return Relay(
        database=database,
        writer=writer,
        ids=Ids(SystemClock()),
        clock=SystemClock(),
        egress=network.attempt,
        finish=transactions.FINISH,
        chance=chance.random,
        name=f"{socket.gethostname()}:{os.getpid()}",
        address=settings.public_address(),
        senders=settings.senders,
        close_notices=transactions.MENDED,
    )


def _provider(settings: Settings, database: Database, clock: Clock) -> Provider | None:
    if settings.oidc_issuer is None:
        return None
    # Imported here: most have no provider, and every command would wait for it.
    from roadbed.people.oidc import Provider

    return Provider(
        database,
        clock,
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        claim=settings.oidc_claim,
        trusts_addresses=settings.oidc_trust_addresses,
    )
