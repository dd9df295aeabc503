"""What goes wrong with models. The text of each is a sentence for the operator and says what to do."""

from __future__ import annotations


class ModelError(Exception):
    """The base of all of them."""


class CatalogueError(ModelError):
    """A file of the catalogue is wrong; the message names the file and the key."""


class ModelUnavailable(ModelError):
    """The model cannot be had; the message says why and what to do."""
