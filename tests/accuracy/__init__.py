"""Measures the accuracy of transcripts: `python -m tests.accuracy`, which writes docs/accuracy.md."""
