"""What the services share, because private copies of it would diverge."""

__version__ = "0.1.0"
