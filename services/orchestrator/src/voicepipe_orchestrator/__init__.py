"""The workers of the line: prepare, transcribe, assemble, and the keeper that lets nothing get lost."""
