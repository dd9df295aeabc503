from voicepipe_wire.web import keys
from voicepipe_wire.web.auth import new_key as random_key


async def new_key(database_url, user):
    """A new key of a user, who is created if needed."""
    key = random_key()
    await keys.store(database_url, user, "tests", key, operator=False)
    return key
