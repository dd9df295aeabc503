"""Each README lists the settings of its service with their names and defaults, as the Settings class has them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import voicepipe_autoscaler.operator.settings
import voicepipe_diarizer.settings
import voicepipe_orchestrator.settings
import voicepipe_status.settings
import voicepipe_upload.settings
import voicepipe_wire.settings
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

ROOT = Path(__file__).parents[2]
SHARED = voicepipe_wire.settings.Settings
WORKERS = voicepipe_wire.settings.WorkerSettings
DOCUMENTED = {
    "libs/wire": WORKERS,
    "services/upload": voicepipe_upload.settings.Settings,
    "services/status": voicepipe_status.settings.StatusSettings,
    "services/orchestrator": voicepipe_orchestrator.settings.Settings,
    "services/diarizer": voicepipe_diarizer.settings.Settings,
    "services/autoscaler": voicepipe_autoscaler.operator.settings.Settings,
}
# Defaults that depend on the machine, in words.
COMPUTED = {
    "identity": "the host name",
    "worker_name": "the host name",
    "scratch_dir": "the system's temporary folder",
    "threads": "the processors available, at most 8",
}
ROW = re.compile(r"^\| `(?P<name>VOICEPIPE_[A-Z0-9_]+)` \| (?P<default>[^|]*)\|", re.MULTILINE)


def documented(readme: str) -> dict[str, str]:
    rows = ROW.findall(readme)
    settings = {name: default.strip().strip("`") for name, default in rows}
    assert len(settings) == len(rows), "a setting is listed twice"
    return settings


def defined(settings: type[BaseSettings]) -> dict[str, str]:
    """The fields of the class, without those that it inherits unchanged from the settings of every service or worker."""
    inherited = set() if settings in {SHARED, WORKERS} else set(SHARED.model_fields)
    if issubclass(settings, WORKERS) and settings is not WORKERS:
        inherited |= set(WORKERS.model_fields) - set(settings.__annotations__)
    return {
        f"VOICEPIPE_{name.upper()}": COMPUTED.get(name) or _shown(field)
        for name, field in settings.model_fields.items()
        if name not in inherited
    }


def _shown(field: FieldInfo) -> str:
    """How a README shows a default: empty for one that is empty or None, `86400` for 86400.0."""
    if field.is_required():
        return "required"
    assert field.default_factory is None, "a computed default needs words in COMPUTED"
    match field.default:
        case None | "":
            return ""
        case SecretStr() as secret:
            return secret.get_secret_value()
        case bool() as flag:
            return str(flag).lower()
        case float() as number if number.is_integer():
            return str(int(number))
        case other:
            return str(other)


@pytest.mark.parametrize("folder", DOCUMENTED)
def test_a_readme_lists_exactly_the_settings_and_their_defaults(folder):
    readme = (ROOT / folder / "README.md").read_text(encoding="utf-8")
    assert documented(readme) == defined(DOCUMENTED[folder])


def test_a_missing_or_wrong_row_is_noticed():
    rows = "\n".join(f"| `{name}` | `{default}` | |" for name, default in defined(SHARED).items())
    assert documented(rows) == defined(SHARED)
    assert documented(rows.replace("`info`", "`debug`")) != defined(SHARED)
    assert documented(rows.partition("\n")[2]) != defined(SHARED)
