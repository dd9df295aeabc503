"""What two services would get wrong by having private copies of it."""

__version__ = "0.1.0"
