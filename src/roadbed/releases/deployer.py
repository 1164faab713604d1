"""The deployer: registers use cases, builds versions and puts one of them in service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from roadbed.audit.events import AuditEvent, record
from roadbed.examples.model import Candidate
from roadbed.examples.service import Examples
from roadbed.guarantee import presentation
from roadbed.guarantee.certificates import Certificates, Certification
from roadbed.guarantee.improvement_notes import after_automation
from roadbed.guarantee.state import set_by_release
from roadbed.improvement.training import Training
from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import CertificateId, Ids, VersionId
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.people.model import named
from roadbed.releases.repository import reach_stage
from roadbed.releases.rows import AutomationStateRow, Queries
from roadbed.storage.database import Connection, Database, Row
from roadbed.storage.sql import queries
from roadbed.usecases.errors import UnknownUseCaseError
from roadbed.usecases.loader import LoadedUseCase
from roadbed.usecases.rows import Queries as UseCaseQueries
from roadbed.versions import identity
from roadbed.versions.identity import declaration
from roadbed.versions.model import Improved, VersionInfo
from roadbed.versions.rows import Queries as VersionQueries
from roadbed.versions.store import VersionStore

_SQL = queries(Queries)
_USE_CASES = queries(UseCaseQueries)  # the owner of `use_case`
_VERSIONS = queries(VersionQueries)


class Deployer:
    """Builds versions and puts them in service. ``Releases`` decides when one may be."""

    def __init__(
        self,
        *,
        database: Database,
        examples: Examples,
        training: Training,
        store: VersionStore,
        ids: Ids,
        clock: Clock,
        entropy: Callable[[int], bytes],
    ) -> None:
        self._database = database
        self._examples = examples
        self._training = training
        self._store = store
        self._ids = ids
        self._clock = clock
        self._entropy = entropy
        self.certificates = Certificates(database, examples, ids, clock)

    async def register(self, loaded: LoadedUseCase) -> None:
        """Store a use case or its changed declaration. A function gets its first version."""
        facts = {"use_case": loaded.name, "at": self._clock.now(), "id": self._ids.new("stg")}
        async with self._database.transaction() as connection:
            await connection.execute(
                _USE_CASES["register"],
                {
                    "name": loaded.name,
                    "declaration": Jsonb(declaration(loaded.declared)),
                    "coin_seed": self._entropy(32),
                    "at": facts["at"],
                },
            )
            await connection.execute(_SQL["begin_stages"], facts)
        if loaded.declared.function is not None:
            await self._register_function(loaded)

    async def improve(
        self,
        loaded: LoadedUseCase,
        *,
        actor: str,
        seed: int = 0,
        changes: Sequence[Row] = (),
    ) -> Improved:
        """Refit on the corrections and the accepted changes, and certify on the holdout.

        Where no sign-offs are declared, the new version is live at once. In a proof of concept it
        is live, too, but only proposes. Later a version needs a release, and this method changes
        nothing. Raises ``TrainingError`` if the decider cannot learn from the examples.
        """
        began = self._clock.monotonic()
        rollout = loaded.declared.rollout
        async with self._database.transaction() as connection:
            roles = await self._required_sign_offs(connection, loaded)
        if roles:
            return self._refused(loaded.name, roles, began)
        candidate, behaviour = await self.build(
            loaded,
            actor=actor,
            reason=stored_sentence("Improved by hand."),
            seed=seed,
            changes=changes,
        )
        opened = not rollout.sign_offs
        while True:
            row = await self._state_row(loaded.name)
            certification = await self.certificates.certify(
                loaded, candidate, behaviour, identity.automation_state(row), row["alarm_at"]
            )
            async with self._database.transaction() as connection:
                await connection.execute(_SQL["lock_releases"], {"use_case": loaded.name})
                # A version that was promoted meanwhile may require sign-offs.
                if roles := await self._required_sign_offs(connection, loaded):
                    return self._refused(loaded.name, roles, began)
                live = await self.deploy(
                    connection,
                    loaded.name,
                    behaviour,
                    certification,
                    alarm_at=row["alarm_at"],
                    actor=actor,
                    opened=opened,
                )
            if live:  # else an alarm was raised during the certification: certify again
                break
        note = certification.note
        if not opened:
            note = presentation.proposes_only(note, loaded.name, rollout)
        elif row["threshold"] is not None:
            note = after_automation(note, certification.certificate, row["threshold"])
        return Improved(
            use_case=loaded.name,
            version=live[0],
            number=live[1],
            learned_from=candidate.learned_from,
            certificate=certification.certificate,
            note=note,
            seconds=self._clock.monotonic() - began,
        )

    async def build(
        self,
        loaded: LoadedUseCase,
        *,
        actor: str,
        reason: str,
        seed: int = 0,
        changes: Sequence[Row] = (),
        registers: bool = False,
    ) -> tuple[Candidate, str]:
        """Make the candidate with ``changes`` and store it; returns it with its hash.

        What learns is fitted again; a function is its own candidate. With a library it keeps the
        corrected answers, unless it only ``registers`` a folder.

        Raises ``TrainingError``, ``PatchError``, ``FolderChangedError``.
        """
        if loaded.declared.trainable is None:
            kept = [] if registers else await self._examples.corrected_answers(loaded.declared)
            candidate = await self._store.function(loaded, [*changes, *kept])
            if kept:
                candidate = replace(candidate, learned_from=len(kept[0]["answers"]))
        else:
            candidate = await self._training.refit(loaded, seed=seed, patches=changes)
        behaviour = await self._store.put(loaded, candidate, author=actor, reason=reason)
        return candidate, behaviour

    async def versions(self, use_case: str, most: int = 50) -> Sequence[VersionInfo]:
        """The newest versions first."""
        rows = await self._database.fetch(_SQL["versions"], {"use_case": use_case, "most": most})
        return [VersionInfo(**row) for row in rows]

    async def deploy(
        self,
        connection: Connection,
        use_case: str,
        behaviour: str,
        certification: Certification,
        *,
        alarm_at: datetime | None,
        actor: str,
        opened: bool,
        released: bool = False,
    ) -> tuple[VersionId, int] | None:
        """Make a version live inside the caller's transaction; returns its id and number.

        If ``opened``, it automates what is proven; else it only proposes. A ``released`` one ends
        the proof of concept even if its proof automates nothing. Returns ``None`` if an alarm was
        raised since ``alarm_at``. Tasks in flight keep their version.
        """
        certificate = certification.certificate
        threshold = certificate["threshold"] if certificate and opened else None
        version = identity.version_id(behaviour, threshold)
        facts: dict[str, Any] = {
            "id": version,
            "use_case": use_case,
            "behaviour": behaviour,
            "certificate": CertificateId(certificate["id"]) if certificate else None,
            "at": self._clock.now(),
            "actor": actor,
            "stage": "live" if released or threshold is not None else "proof",
            "event": self._ids.new("stg"),
        }
        await connection.execute(_SQL["lock_releases"], facts)
        cursor = await connection.execute(_SQL["automation_state"], facts)
        row = await cursor.fetchone()
        if row is None or row["alarm_at"] != alarm_at:
            return None
        await connection.execute(_VERSIONS["store_version"], facts)
        await connection.execute(_VERSIONS["retire"], facts)
        number = await (await connection.execute(_VERSIONS["go_live"], facts)).fetchone()
        await connection.execute(_USE_CASES["point"], facts)
        if certification.proof or row["live_version"] != version:
            await set_by_release(
                connection, use_case, row, certification, opened=opened, at=facts["at"]
            )
        await reach_stage(connection, facts)
        await self._note(connection, facts)
        await connection.execute(_SQL["notify"], facts)
        return version, int(number["number"]) if number else 0

    async def _register_function(self, loaded: LoadedUseCase) -> None:
        """Deploy a function as a version; with sign-offs only before the first release."""
        _, behaviour = await self.build(
            loaded,
            actor="roadbed",
            reason=stored_sentence("The folder was registered."),
            registers=True,
        )
        row = await self._database.fetch_one(_VERSIONS["service"], {"name": loaded.name})
        # A live version of the same folder may hold more: accepted changes, corrected answers.
        if row is not None and (
            row["stage"] == "retired" or row["folder_hash"] == loaded.folder_hash
        ):
            return
        async with self._database.transaction() as connection:
            if (
                row is not None
                and row["live_version"]
                and await self._required_sign_offs(connection, loaded)
            ):
                return
        known = Certification(
            certificate=await self.certificates.last(behaviour),
            proof=None,
            sample=0,
            note=stored_sentence("The folder was registered."),
        )
        state = await self._state_row(loaded.name)
        async with self._database.transaction() as connection:
            await self.deploy(
                connection,
                loaded.name,
                behaviour,
                known,
                alarm_at=state["alarm_at"],
                actor="roadbed",
                opened=not loaded.declared.rollout.sign_offs,
            )

    async def live_rollout(self, connection: Connection, use_case: str) -> tuple[str, Row]:
        """The stage of a use case, and the rollout that its live version declares, if there is one.

        Raises ``UnknownUseCaseError``.
        """
        row = await (
            await connection.execute(_SQL["automation_state"], {"use_case": use_case})
        ).fetchone()
        if row is None:
            raise UnknownUseCaseError(use_case)
        of = {"version": row["live_version"]}
        live = await (await connection.execute(_SQL["declared_of"], of)).fetchone()
        return row["stage"], (live["declaration"].get("rollout") if live else None) or {}

    async def _required_sign_offs(
        self, connection: Connection, loaded: LoadedUseCase
    ) -> Sequence[str]:
        """The roles that must sign off the next version; none where the folder itself runs."""
        stage, live = await self.live_rollout(connection, loaded.name)
        signs, own = live.get("sign_offs", ()), loaded.declared.rollout.sign_offs
        return () if identity.folder_is_live(stage, signs, own) else tuple(signs or own)

    def _refused(self, use_case: str, roles: Sequence[str], began: float) -> Improved:
        return Improved(
            use_case=use_case,
            version=None,
            number=None,
            learned_from=0,
            certificate=None,
            note=stored_sentence(
                "A version is live, and the next needs a sign-off of the %(roles)s: `roadbed "
                "release plan %(use_case)s` makes it.",
                roles=named(roles),
                use_case=use_case,
            ),
            seconds=self._clock.monotonic() - began,
        )

    async def _state_row(self, use_case: str) -> AutomationStateRow:
        row = await self._database.fetch_one(_SQL["automation_state"], {"use_case": use_case})
        if row is None:
            raise UnknownUseCaseError(use_case)
        return row

    async def _note(self, connection: Connection, facts: Row) -> None:
        event = AuditEvent(
            use_case=facts["use_case"],
            kind="live",
            actor=facts["actor"],
            at=facts["at"],
            subject=f"{facts['id']} at {facts['at']:%Y-%m-%dT%H:%M:%S.%fZ}",
            detail={"certificate": facts["certificate"]},
        )
        await record(connection, event)
