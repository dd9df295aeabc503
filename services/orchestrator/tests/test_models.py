"""What the workers say of themselves."""

import pytest
from voicepipe_orchestrator.models import a_model_is_known
from voicepipe_wire import database


async def test_transcribe_is_not_ready_before_it_has_seen_a_model(database_url, settings):
    async with await database.connect(settings) as pool:
        with pytest.raises(LookupError):
            await a_model_is_known(pool)
        await pool.execute("INSERT INTO models (name, description) VALUES ('whisper', '{}')")
        await a_model_is_known(pool)
