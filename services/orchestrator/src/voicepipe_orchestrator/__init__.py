"""The workers of the line: prepare, transcribe, assemble, and the controller that lets nothing get lost."""
