"""What the controller exports of the whole installation, for alerts."""

from voicepipe_orchestrator.controller import gauges
from voicepipe_orchestrator.controller.gauges import Gauges


def value(gauge, *labels) -> float:
    return (gauge.labels(*labels) if labels else gauge)._value.get()


async def measured(pipeline) -> None:
    await Gauges(pipeline.pool, pipeline.jetstream, ()).measure()


async def test_the_oldest_queued_stage_counts_from_when_it_was_queued(pipeline):
    for _ in range(2):
        await pipeline.submit(b"no audio")
    await measured(pipeline)
    assert 0 <= value(gauges.OLDEST_QUEUED, "prepare") < 3600
    await pipeline.pool.execute(
        "UPDATE stages SET queued_at = now() - interval '2 hours' WHERE ctid = (SELECT min(ctid) FROM stages WHERE state = 'queued')"
    )
    await measured(pipeline)
    assert 7200 <= value(gauges.OLDEST_QUEUED, "prepare") < 7300
    await pipeline.pool.execute("UPDATE stages SET state = 'running' WHERE state = 'queued'")
    await measured(pipeline)
    assert value(gauges.OLDEST_QUEUED, "prepare") == 0
    assert value(gauges.OLDEST_QUEUED, "diarize") == 0


async def test_unpublished_messages_are_counted_once_they_are_due(pipeline):
    job_id = await pipeline.submit(b"no audio")
    await measured(pipeline)
    assert (value(gauges.OUTBOX_UNPUBLISHED), value(gauges.OUTBOX_OLDEST)) == (0, 0)
    insert = (
        "INSERT INTO outbox (id, subject, headers, payload, job_id, due_at)"
        " SELECT gen_random_uuid(), 'work.prepare.standard', '{}', '', $1, now() + make_interval(secs => age)"
        " FROM unnest($2::float[]) age"
    )
    await pipeline.pool.execute(insert, job_id, [-600.0, -60.0, 600.0])
    await measured(pipeline)
    assert value(gauges.OUTBOX_UNPUBLISHED) == 2
    assert 600 <= value(gauges.OUTBOX_OLDEST) < 700


async def test_dead_letters_are_counted_by_stage(pipeline):
    for stage in ("prepare", "diarize", "diarize"):
        await pipeline.jetstream.context.publish(f"dlq.{stage}", b"")
    await measured(pipeline)
    counted = {stage: value(gauges.DEAD_LETTERS, stage) for stage in ("prepare", "transcribe", "diarize", "control")}
    assert counted == {"prepare": 1, "transcribe": 0, "diarize": 2, "control": 0}
