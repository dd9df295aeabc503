"""The catalogue of Voicepipe is valid, and every mistake in an entry is one sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_workspace import Workspace, file
from voicepipe_models import CatalogueError, Kind, Tier, load_catalogue
from voicepipe_models.entry import PackageSource
from voicepipe_models.entry_reader import read_model

GOOD = """
title = "Toy"
kind = "speech"
tier = "fast"
languages = ["en"]
aliases = ["t"]
[needs]
memory_mb = 10
[[licences]]
component = "all"
spdx = "MIT"
attribution = "nobody"
[source]
type = "url"
""" + "".join(
    file(name, b"x", url=f"https://example.org/{name}") for name in ("model.bin", "config.json", "tokenizer.json")
)


def test_the_catalogue_has_the_default_models():
    catalogue = load_catalogue()

    base, tiny, speakers = (catalogue.get(name) for name in ("whisper-base", "whisper-tiny.en", "pyannote-campplus"))

    assert (base.tier, tiny.tier, speakers.kind) == (Tier.ACCURATE, Tier.FAST, Kind.SPEAKERS)
    assert tiny.languages == ("en",)
    assert base.files[0].size_bytes == 145_217_532
    assert all(isinstance(model.source, PackageSource) and model.pinned for model in (base, tiny, speakers))


def test_the_former_short_names_are_aliases():
    catalogue = load_catalogue()

    assert catalogue.get("base").name == "whisper-base"
    assert catalogue.get("large").name == "whisper-large-v3"
    assert catalogue.get("turbo").name == "whisper-large-v3-turbo"
    assert catalogue.get("distil-large-v3").source.repository == "Systran/faster-distil-whisper-large-v3"


def test_every_model_has_licences_and_only_packages_are_pinned():
    for model in load_catalogue().models:
        assert model.licences, model.name
        assert model.pinned == isinstance(model.source, PackageSource), model.name


def test_an_operators_entry_overrides_the_built_in_one(tmp_path: Path):
    (tmp_path / "whisper-base.toml").write_text(GOOD)

    assert load_catalogue(tmp_path).get("whisper-base").title == "Toy"


def test_an_alias_that_two_models_claim_is_refused(tmp_path: Path):
    (tmp_path / "toy.toml").write_text(GOOD.replace('["t"]', '["base"]'))

    with pytest.raises(CatalogueError, match="'base' is a name of both toy and whisper-base"):
        load_catalogue(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("title =", "titel =", "toy.toml: title is missing."),
        ("memory_mb = 10", 'memory_mb = "10"', "toy.toml: needs.memory_mb must be a whole number, not '10'."),
        ("memory_mb = 10", "memory_gb = 10", "toy.toml: needs.memory_mb is missing."),
        ('tier = "fast"', 'tier = "quick"', "toy.toml: tier must be accurate or fast, not 'quick'."),
        ('languages = ["en"]', 'languages = "english"', "languages must be a list of codes or 'multilingual'"),
        ('languages = ["en"]', "languages = []", "languages must not be empty"),
        ('aliases = ["t"]', 'alias = ["t"]', "toy.toml: alias is not a known key."),
        ('type = "url"', 'type = "ftp"', "source.type must be package, hub, folder or url, not 'ftp'."),
        ('type = "url"', 'type = "folder"\npath = "/x"', r"must have a url if, and only if, the source is url"),
        ('path = "model.bin"', 'path = "../model.bin"', r"files\[0\].path must be a plain relative path"),
        ('path = "model.bin"', 'path = "/model.bin"', r"files\[0\].path must be a plain relative path"),
        ('path = "model.bin"', 'path = "config.json"', "files names config.json more than once"),
        ('path = "model.bin"', 'path = "model.pt"', "files must include model.bin: a speech model needs it"),
        ("size_bytes = 1", "size_bytes = 0", r"files\[0\].size_bytes must be above 0, not 0"),
        ('sha256 = "', 'sha256 = "zz', r"files\[0\].sha256 must be 64 hexadecimal digits"),
        ("https://", "file://", r"files\[0\].url must be an http or https URL"),
        ("[needs]", "[needs", "toy.toml is not TOML"),
    ],
)
def test_a_mistake_in_an_entry_is_named(old: str, new: str, sentence: str):
    assert old in GOOD

    with pytest.raises(CatalogueError, match=sentence):
        read_model("toy", GOOD.replace(old, new, 1))


@given(st.text(max_size=200) | st.integers(0, len(GOOD)).map(lambda start: GOOD[:start] + GOOD[start + 3 :]))
def test_any_text_is_an_entry_or_a_catalogue_error(text: str):
    message = "toy.toml"
    try:
        read_model("toy", text)
    except CatalogueError as error:
        message = str(error)
    assert "toy.toml" in message


def test_an_invalid_entry_exits_with_2(workspace: Workspace):
    (workspace.catalogue / "toy.toml").write_text("title = 1")

    done = workspace.run("list")

    assert done.returncode == 2
    assert done.stderr == "voicepipe-models: toy.toml: kind is missing.\n"


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, voicepipe_models; print([m for m in ('httpx', 'huggingface_hub', 'torch') if m in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)

    assert done.stdout == "[]\n"
