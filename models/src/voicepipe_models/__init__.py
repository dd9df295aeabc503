"""The catalogue of models, and the store that downloads and verifies them.

store = Store(Path(".models"))
folder = resolve("whisper-base", Kind.SPEECH, store, load_catalogue())
"""

from __future__ import annotations

from .catalogue import Catalogue, catalogue_of, load_catalogue
from .entry import Kind, Model, Tier
from .errors import CatalogueError, ModelError, ModelUnavailable, UnknownModel
from .progress import Reporter
from .references import named, resolve
from .store import State, Store

__all__ = [
    "Catalogue",
    "CatalogueError",
    "Kind",
    "Model",
    "ModelError",
    "ModelUnavailable",
    "Reporter",
    "State",
    "Store",
    "Tier",
    "UnknownModel",
    "catalogue_of",
    "load_catalogue",
    "named",
    "resolve",
]
