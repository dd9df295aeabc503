"""How right transcripts are: `python -m tests.accuracy`. See docs/accuracy.md, which it writes."""
