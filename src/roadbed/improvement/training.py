"""Training: fits a candidate on corrections."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from roadbed.decisions.routing import slices_of
from roadbed.examples.model import Candidate, ExampleSet
from roadbed.examples.service import Examples
from roadbed.executors.fitting import fit
from roadbed.executors.isolated import DeciderProcesses
from roadbed.usecases.loader import LoadedUseCase
from roadbed.usecases.patches import dumps, patched, read


class Training:
    """Fits what learns. A function is its own candidate: see ``versions.store``."""

    def __init__(self, examples: Examples, processes: DeciderProcesses) -> None:
        self._examples = examples
        self._processes = processes

    async def refit(
        self, loaded: LoadedUseCase, *, seed: int, patches: Sequence[Mapping[str, object]] = ()
    ) -> Candidate:
        """A candidate fitted on all ``learn`` examples, with the accepted ``patches`` applied.

        Raises ``TrainingError`` when it cannot learn, ``PatchError`` when a patch does not fit.
        """
        declared, changes = loaded.declared, read(loaded.declared, patches)
        if declared.trainable is None:
            raise ValueError("a function does not learn")
        learn = await self._examples.in_use(declared, "learn")
        if self._processes.isolates(declared):
            return await self._fitted_apart(loaded, learn, dumps(patches), seed=seed)
        trainable = patched(declared.trainable, changes, declared, loaded.records)
        fitted = await asyncio.to_thread(fit, trainable, learn.examples, seed=seed)
        return Candidate(
            decider=fitted.decider,
            artifacts={**fitted.files, **dumps(patches)},
            out_of_fold=fitted.out_of_fold,
            learned_from=len(learn.examples),
            learned_until=learn.until,
            kinds=getattr(fitted.decider, "kinds", None),
            slices=[slices_of(declared, content) for content in learn.contents],
        )

    async def _fitted_apart(
        self, loaded: LoadedUseCase, learn: ExampleSet, files: Mapping[str, bytes], *, seed: int
    ) -> Candidate:
        """A candidate fitted in a child process."""
        decider, learned = await self._processes.fit(loaded, files, learn.examples, seed=seed)
        return Candidate(
            decider=decider,
            artifacts={**learned, **files},
            out_of_fold=decider.out_of_fold,
            learned_from=len(learn.examples),
            learned_until=learn.until,
            kinds=decider.kinds,
            slices=[slices_of(loaded.declared, content) for content in learn.contents],
        )
