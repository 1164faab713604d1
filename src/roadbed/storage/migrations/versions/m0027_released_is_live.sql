-- Until now such a use case stayed a proof of concept, in which an edited folder replaces what is live.
WITH moved AS (
    UPDATE use_case SET stage = 'live'
    WHERE stage <> ALL ('{live,retired}')
      AND EXISTS (SELECT FROM release WHERE release.use_case = use_case.name AND release.step = 'live'
                  AND release.version = use_case.live_version)
    RETURNING name
)
INSERT INTO stage_event (id, use_case, kind, stage, actor, at)
SELECT 'stg_' || md5(name || ' released'), name, 'stage', 'live', 'roadbed', now() FROM moved
