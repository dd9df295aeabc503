"""The server over REST: JSON, server-sent events, and tus for uploads."""
