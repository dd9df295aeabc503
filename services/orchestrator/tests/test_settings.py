"""The setting that names the pools of speech models."""

import pytest
from pydantic import ValidationError
from voicepipe_orchestrator.settings import Settings, addresses_of_pools


def test_the_setting_gives_the_address_of_each_pool():
    addresses = addresses_of_pools("accurate=127.0.0.1:8001, fast=triton-fast.voicepipe:8001")
    assert addresses == {"accurate": "127.0.0.1:8001", "fast": "triton-fast.voicepipe:8001"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "''"),
        ("127.0.0.1:8001", "like accurate=HOST:PORT"),
        ("accurate=", "like accurate=HOST:PORT"),
        ("accurate=triton", "like accurate=HOST:PORT"),
        ("accurate=:8001", "like accurate=HOST:PORT"),
        ("accurate=a:1,", "''"),
        ("accurate=a:1,accurate=b:1", "two addresses"),
    ],
)
def test_an_invalid_setting_is_rejected_at_startup(text, message):
    with pytest.raises(ValidationError, match=message):
        Settings(database_url="postgresql://", s3_access_key="k", s3_secret_key="s", triton_urls=text)
