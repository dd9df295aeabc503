"""Observes the pools and carries out what `decide` decides."""
