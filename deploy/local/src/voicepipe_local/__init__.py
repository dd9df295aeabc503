"""Voicepipe on one machine: real servers from pip wheels, under one supervisor."""
