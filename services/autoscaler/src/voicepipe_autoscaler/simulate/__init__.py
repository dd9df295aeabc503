"""Replays a trace of recordings through simulated pools, scaled by this autoscaler and by models of others."""
