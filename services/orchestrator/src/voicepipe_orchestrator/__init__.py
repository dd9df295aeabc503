"""The workers of the pipeline: prepare, transcribe, assemble, and the controller that lets nothing get lost."""
