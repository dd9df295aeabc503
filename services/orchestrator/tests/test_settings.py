"""Settings of the workers that have a form of their own."""

import pytest
from pydantic import ValidationError
from voicepipe_orchestrator.settings import Settings


def settings(**changed):
    return Settings(database_url="postgresql://", s3_access_key="k", s3_secret_key="s", **changed)


def test_lists_are_separated_by_commas():
    assert settings(pools="accurate, fast,,fast").declared_pools == ("accurate", "fast")
    assert settings(required_confinement="seccomp,landlock").required_measures == ("seccomp", "landlock")
    assert settings(required_confinement="").required_measures == ()


@pytest.mark.parametrize("url", ["127.0.0.1:8001", "triton-fast.voicepipe:8001", "dns:///triton.voicepipe:8001"])
def test_the_address_of_triton_is_a_host_and_a_port(url):
    assert settings(triton_url=url).triton_url == url


@pytest.mark.parametrize("url", ["", "triton", ":8001", "triton:", "http://triton:8001", "a:1,b:1"])
def test_another_address_is_refused_at_the_start(url):
    with pytest.raises(ValidationError, match="triton_url"):
        settings(triton_url=url)


@pytest.mark.parametrize("pool", ["", "Fast", "fast.gpu", "fast*", ">", "a b"])
def test_the_name_of_a_pool_must_fit_into_a_subject(pool):
    with pytest.raises(ValidationError, match="pool"):
        settings(pool=pool)


def test_an_unknown_measure_of_confinement_is_refused_at_the_start():
    with pytest.raises(ValidationError, match="required_confinement"):
        settings(required_confinement="seccomp,magic")
