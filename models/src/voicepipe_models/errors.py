"""The errors. Each message is a sentence for the operator and says what to do."""

from __future__ import annotations


class ModelError(Exception):
    """The base class."""


class CatalogueError(ModelError):
    """A catalogue file is invalid; the message names the file and the key."""


class ModelUnavailable(ModelError):
    """The model is unavailable; the message says why and what to do."""


class UnknownModel(ModelUnavailable):
    """The reference names no model that can be pulled: trying again does not help."""
