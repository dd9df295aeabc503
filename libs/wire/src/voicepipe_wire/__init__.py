"""Code that the services share, because private copies would diverge."""

__version__ = "0.1.0"
