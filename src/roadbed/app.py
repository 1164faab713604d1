"""The services of a running app: the only place that connects them."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from roadbed import transactions
from roadbed.audit.service import AuditLog
from roadbed.budgets.service import Budgets
from roadbed.connectors.egress import EgressPool
from roadbed.decisions.crash_detection import CrashDetector
from roadbed.decisions.model import Deployment
from roadbed.decisions.service import Decisions
from roadbed.deliveries.approvals import Deliveries
from roadbed.deliveries.relay import Relay
from roadbed.examples.service import Examples
from roadbed.executors.isolated import DeciderProcesses
from roadbed.exports.service import Exports
from roadbed.guarantee.measured_error import MeasuredErrorReader
from roadbed.guarantee.notices import Notices
from roadbed.guarantee.report import TrustReports
from roadbed.guarantee.running_audit import RunningAuditMonitor
from roadbed.guarantee.stress import Stress
from roadbed.halts.service import Halts
from roadbed.improvement.prompt_optimization.service import PromptSearch, PromptSearches
from roadbed.improvement.proposals import Proposals
from roadbed.improvement.training import Training
from roadbed.inbox.finding import Sources
from roadbed.inbox.kinds import kinds
from roadbed.inbox.service import Inbox
from roadbed.insight.failures import FailureBoard
from roadbed.insight.kept_figures import KeptFigures
from roadbed.insight.monitoring import Monitoring
from roadbed.insight.notebook import Notebooks
from roadbed.insight.stage_clock import StageClock
from roadbed.intake.tasks import Intake
from roadbed.kernel.clock import Clock, SystemClock
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.ids import Ids
from roadbed.kernel.settings import Settings
from roadbed.knowledge.ingestion_jobs import IngestionJobs
from roadbed.knowledge.libraries import Libraries
from roadbed.outcomes.service import Outcomes
from roadbed.people.absences import Absences
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
from roadbed.releases.recertification import Recertification
from roadbed.releases.repository import ReleaseLog, ReleaseRepository
from roadbed.releases.rollback import Rollback
from roadbed.releases.service import Promotion, Releases
from roadbed.releases.sign_offs import SignOffs
from roadbed.releases.trial_monitor import TrialMonitor
from roadbed.reviews.new_labels import NewLabels
from roadbed.reviews.reviewer_checks import ReviewerChecks
from roadbed.reviews.service import Reviews
from roadbed.storage.database import Database
from roadbed.storage.folders import audit_folder, indexes_folder, versions_folder
from roadbed.storage.writer import GroupCommitWriter
from roadbed.usecases.use_case import UseCase
from roadbed.versions.deployments import Deployments
from roadbed.versions.replays import Replays
from roadbed.versions.service import Versions
from roadbed.versions.store import VersionStore
from roadbed.work.service import Jobs

if TYPE_CHECKING:
    from roadbed.people.oidc import Provider


class App:
    """Everything the surfaces call. Each service is created on first use.

    ``reserved`` has its own connections: a halt must not wait for a free one of the shared pool.
    ``broken`` holds the use cases that could not be loaded, with the reason.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        reserved: Database,
        writer: GroupCommitWriter,
        network: EgressPool,
        processes: DeciderProcesses,
    ) -> None:
        self.settings = settings
        self.database = database
        self.clock: Clock = SystemClock()
        self.broken: dict[str, RoadbedError] = {}
        self._reserved = reserved
        self._writer = writer
        self._network = network
        self._processes = processes
        # Nothing rests on keeping it secret which reviewer checks are drawn.
        self._chance = random.Random()  # noqa: S311

    @cached_property
    def ids(self) -> Ids:
        return Ids(self.clock)

    @cached_property
    def budgets(self) -> Budgets:
        return Budgets(self.database, self.ids, self.clock, transactions.POD_TOLD)

    @cached_property
    def receipts(self) -> Receipts:
        return Receipts(self.database, self.libraries.withholding)

    @cached_property
    def incidents(self) -> Incidents:
        return Incidents(self.database, self.receipts, self.ids, self.clock)

    @cached_property
    def audit(self) -> AuditLog:
        return AuditLog(self.database, audit_folder(self.settings), self.clock, os.urandom)

    @cached_property
    def erasure(self) -> Erasure:
        return Erasure(self.database, self.audit, self.libraries, self.clock)

    @cached_property
    def halts(self) -> Halts:
        return Halts(self._reserved, self.ids, self.clock)

    @cached_property
    def recovery(self) -> Recovery:
        return Recovery(
            self.database,
            self.audit,
            self.halts,
            self.members,
            self.erasure,
            self.libraries.access,
            self.ids,
            self.clock,
        )

    @cached_property
    def crash_detector(self) -> CrashDetector:
        return CrashDetector(
            self.database.url,
            self.clock,
            careful_seconds=self.settings.careful_seconds,
            address=self.settings.public_address() if self.settings.port else None,
        )

    @cached_property
    def decisions(self) -> Decisions:
        return Decisions(
            intake=Intake(
                self.database,
                self._writer,
                self.ids,
                self.clock,
                self.budgets,
                lease_seconds=self.settings.lease_seconds,
            ),
            services=self.deployments,
            writer=self._writer,
            settle=transactions.SETTLE,
            settle_funded=transactions.SETTLE_FUNDED,
            settle_at_once=transactions.SETTLE_AT_ONCE,
            settle_revision=transactions.SETTLE_REVISION,
            crash_detector=self.crash_detector,
            compare=transactions.COMPARE,
            budgets=self.budgets,
            retrieve=self.libraries.retrieve,
            ids=self.ids,
            clock=self.clock,
            max_in_flight=self.settings.max_in_flight,
        )

    @cached_property
    def libraries(self) -> Libraries:
        folder, seconds = indexes_folder(self.settings), self.settings.library_fetch_seconds
        declared = self.deployments.library_of
        return Libraries(
            self.database, folder, self.ids, self.clock, fetch_seconds=seconds, declared=declared
        )

    @cached_property
    def jobs(self) -> Jobs:
        return Jobs(self.database, self.ids, self.clock)

    @cached_property
    def ingestion_jobs(self) -> IngestionJobs:
        return IngestionJobs(
            self.jobs, self.libraries, lambda name: self.service(name).loaded, self.clock
        )

    @cached_property
    def exports(self) -> Exports:
        return Exports(self.database, self.ids)

    @cached_property
    def examples(self) -> Examples:
        return Examples(self.database, self.budgets, self.libraries.retrieve, self.ids, self.clock)

    @cached_property
    def training(self) -> Training:
        return Training(self.examples, self._processes)

    @cached_property
    def store(self) -> VersionStore:
        return VersionStore(
            self.database, self.clock, versions_folder(self.settings), self._processes
        )

    @cached_property
    def deployments(self) -> Deployments:
        return Deployments(self.database, self.store)

    @cached_property
    def versions(self) -> Versions:
        return Versions(self.database, self.store)

    @cached_property
    def replays(self) -> Replays:
        retrieve, receipt = self.libraries.retrieve, self.receipts.get
        return Replays(self.versions, self.store, receipt, self.budgets, retrieve, self.clock)

    @cached_property
    def reviews(self) -> Reviews:
        return Reviews(
            database=self.database,
            writer=self._writer,
            ids=self.ids,
            clock=self.clock,
            judge=transactions.VERDICT,
            on_undo=transactions.VERDICT_UNDONE,
            claim_seconds=self.settings.claim_seconds,
            check_right=self.libraries.citations.check,
        )

    @cached_property
    def new_labels(self) -> NewLabels:
        return NewLabels(
            self.database,
            self.reviews,
            self.ids,
            self.clock,
            transactions.VERDICT,
            announce=transactions.POD_TOLD,
            over=transactions.LABELS_OVER,
            withholding=self.libraries.withholding,
        )

    @cached_property
    def reviewer_checks(self) -> ReviewerChecks:
        return ReviewerChecks(
            self.database,
            self.examples,
            self.reviews,
            self.ids,
            self.clock,
            self._chance,
            transactions.SETTLE,
        )

    @cached_property
    def deliveries(self) -> Deliveries:
        return Deliveries(self.database, self.clock, transactions.MENDED)

    @cached_property
    def relay(self) -> Relay:
        return Relay(
            database=self.database,
            writer=self._writer,
            ids=self.ids,
            clock=self.clock,
            egress=self._network.attempt,
            finish=transactions.FINISH,
            chance=self._chance.random,
            name=f"{socket.gethostname()}:{os.getpid()}",
            address=self.settings.public_address(),
            senders=self.settings.senders,
            close_notices=transactions.MENDED,
        )

    @cached_property
    def outcomes(self) -> Outcomes:
        return Outcomes(
            self.database,
            self._writer,
            self.ids,
            self.clock,
            transactions.OUTCOME,
            lambda name: self.deployments.get(name).loaded.declared,
            self.libraries.citations.check,
        )

    @cached_property
    def proposals(self) -> Proposals:
        return Proposals(
            self.database, self.ids, self.clock, lambda name: self.deployments.get(name).loaded
        )

    @cached_property
    def prompt_search(self) -> PromptSearches:
        search = PromptSearch(self.examples, self.store, self.proposals, self.budgets)
        return PromptSearches(self.database, search, self.clock)

    @cached_property
    def running_audit(self) -> RunningAuditMonitor:
        return RunningAuditMonitor(self.database, self.ids, self.clock)

    @cached_property
    def notices(self) -> Notices:
        return Notices(self.database, self.clock)

    @cached_property
    def measured_errors(self) -> MeasuredErrorReader:
        return MeasuredErrorReader(self.database, self.clock)

    @cached_property
    def reports(self) -> TrustReports:
        return TrustReports(
            self.database,
            self.running_audit,
            self.notices,
            self.reviewer_checks,
            self.versions,
            self.measured_errors,
            self.clock,
        )

    @cached_property
    def stress(self) -> Stress:
        return Stress(self.examples)

    @cached_property
    def deployer(self) -> Deployer:
        return Deployer(
            database=self.database,
            examples=self.examples,
            training=self.training,
            store=self.store,
            ids=self.ids,
            clock=self.clock,
            entropy=os.urandom,
        )

    @cached_property
    def _repository(self) -> ReleaseRepository:
        return ReleaseRepository(self.database, self.clock, self.people)

    @cached_property
    def _release_log(self) -> ReleaseLog:
        return ReleaseLog(self.ids, self.clock, transactions.POD_TOLD, transactions.NOTICE_OVER)

    @cached_property
    def _gate(self) -> GateService:
        return GateService(
            database=self.database,
            examples=self.examples,
            certificates=self.deployer.certificates,
            store=self.store,
            deployments=self.deployments,
            clock=self.clock,
            checks=ExternalChecks(self._network.attempt),
        )

    @cached_property
    def _rollback(self) -> Rollback:
        return Rollback(
            database=self.database,
            deployer=self.deployer,
            repository=self._repository,
            log=self._release_log,
            hold_deliveries=transactions.VERSION_FELL,
        )

    @cached_property
    def releases(self) -> Releases:
        return Releases(
            database=self.database,
            deployer=self.deployer,
            deployments=self.deployments,
            repository=self._repository,
            gate=self._gate,
            sign_offs=SignOffs(
                self.database, self.ids, self.clock, self._repository, self._release_log
            ),
            promotion=Promotion(self.deployer, self._repository, self._release_log, self.clock),
            recertification=Recertification(
                self.database, self.deployer, self._gate, self._repository, self._release_log
            ),
            rollback=self._rollback,
            trial_monitor=TrialMonitor(
                database=self.database,
                deployments=self.deployments,
                repository=self._repository,
                gate=self._gate,
                rollback=self._rollback,
                log=self._release_log,
                clock=self.clock,
            ),
            log=self._release_log,
            ids=self.ids,
            clock=self.clock,
            accepted=self.proposals.accepted,
        )

    @cached_property
    def notebooks(self) -> Notebooks:
        return Notebooks(self.database, self.clock)

    @cached_property
    def stage_clock(self) -> StageClock:
        return StageClock(self.database, self.clock)

    @cached_property
    def monitoring(self) -> Monitoring:
        return Monitoring(
            self.database,
            self.reviews,
            self.examples,
            self.versions,
            self.measured_errors,
            self.kept_figures,
            self.clock,
        )

    @cached_property
    def kept_figures(self) -> KeptFigures:
        return KeptFigures(self.database, self.clock)

    @cached_property
    def failures(self) -> FailureBoard:
        return FailureBoard(self.database, self.clock)

    @cached_property
    def people(self) -> People:
        idle = self.settings.idle_seconds
        return People(self.database, self.clock, os.urandom, idle_seconds=idle)

    @cached_property
    def members(self) -> Members:
        return Members(self.database, self.people)

    @cached_property
    def absences(self) -> Absences:
        return Absences(self.database, self.clock)

    @cached_property
    def inbox(self) -> Inbox:
        sources = Sources(
            database=self.database,
            releases=self.releases,
            budgets=self.budgets,
            libraries=self.libraries,
            deployment=self.deployments.find,
            drill_seconds=self.settings.drill_hours * 3600.0,
        )
        return Inbox(self.database, self.absences, kinds(sources), self.clock)

    @cached_property
    def signing_in(self) -> SignIn:
        creates = self.settings.oidc_create
        return SignIn(self.database, self.clock, self.people, self.members, creates=creates)

    @cached_property
    def provider(self) -> Provider | None:
        if self.settings.oidc_issuer is None:
            return None
        # Imported here: most have no provider, and every command would wait for it.
        from roadbed.people.oidc import Provider

        return Provider(
            self.database,
            self.clock,
            issuer=self.settings.oidc_issuer,
            client_id=self.settings.oidc_client_id,
            client_secret=self.settings.oidc_client_secret,
            claim=self.settings.oidc_claim,
            trusts_addresses=self.settings.oidc_trust_addresses,
        )

    def declared(self) -> Sequence[UseCase]:
        """The declarations of the use cases served here."""
        return [self.deployments.get(name).loaded.declared for name in self.deployments.names()]

    def service(self, name: str) -> Deployment:
        """A served use case. Raises why it is not served: broken, or unknown."""
        if name in self.broken and name not in self.deployments.names():
            raise self.broken[name]
        return self.deployments.get(name)
