"""The server, the API key and the protocol: from options, else from variables, else from the configuration file."""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import platformdirs

from .errors import InvalidSettings
from .server import ProtocolName

URL = "VOICEPIPE_URL"
API_KEY = "VOICEPIPE_API_KEY"
API_KEY_FILE = "VOICEPIPE_API_KEY_FILE"
GRPC = "VOICEPIPE_GRPC"
_BOOLEANS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False, "": False}


@dataclass(frozen=True, slots=True)
class Connection:
    url: str
    api_key: str = field(repr=False)
    protocol: ProtocolName = "rest"


def config_path() -> Path:
    """`~/.config/voicepipe/config.toml`, or the system's own place for configuration files."""
    return platformdirs.user_config_path("voicepipe", appauthor=False) / "config.toml"


def load(
    url: str | None,
    api_key_file: Path | None,
    environ: Mapping[str, str],
    config: Path,
    *,
    grpc: bool | None = None,
) -> Connection:
    """The server to use, its key, and the protocol to speak.

    Raises:
        InvalidSettings: the address or the key is missing or malformed, or a file cannot be read.
    """
    saved = _read_config(config)
    address = url or environ.get(URL) or saved.get("url")
    if not address:
        raise InvalidSettings(f'No server is given. Set {URL}, use --url, or write url = "https://..." to {config}.')
    key = _key(api_key_file, environ, saved, config)
    return Connection(str(address), key, "grpc" if _wants_grpc(grpc, environ, saved, config) else "rest")


def _key(api_key_file: Path | None, environ: Mapping[str, str], saved: Mapping[str, Any], config: Path) -> str:
    """The key from the first source that is set. It is never an option: options show in the list of processes."""
    if api_key_file is not None:
        key = _read_key(api_key_file)
    elif API_KEY in environ:
        key = environ[API_KEY]
    elif API_KEY_FILE in environ:
        key = _read_key(Path(environ[API_KEY_FILE]))
    elif "api_key_file" in saved:
        key = _read_key(config.parent / Path(str(saved["api_key_file"])).expanduser())
    else:
        key = str(saved.get("api_key", ""))
    key = key.strip()
    if not key:
        raise InvalidSettings(
            f'No API key is given. Set {API_KEY}, use --api-key-file FILE, or write api_key_file = "..." to {config}.'
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise InvalidSettings("The API key contains invalid characters. Copy it again; it starts with vp_.")
    return key


def _wants_grpc(chosen: bool | None, environ: Mapping[str, str], saved: Mapping[str, Any], config: Path) -> bool:
    if chosen is not None:
        return chosen
    source, value = (GRPC, environ[GRPC]) if GRPC in environ else (f"grpc in {config}", saved.get("grpc", False))
    wanted = _BOOLEANS.get(str(value).strip().lower())
    if wanted is None:
        raise InvalidSettings(f"{source} is '{value}'. It must be true or false.")
    return wanted


def _read_key(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"The API key cannot be read from {path}: {_why(error)}.") from None


def _read_config(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            saved = tomllib.load(file)
            world_readable = os.fstat(file.fileno()).st_mode & stat.S_IROTH
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidSettings(f"{path} cannot be read: {_why(error)}.") from None
    if "api_key" in saved and world_readable and os.name == "posix":
        raise InvalidSettings(
            f"{path} contains an API key that every user of this computer can read. Run: chmod 600 {path}"
        )
    return saved


def _why(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
