"""The workers of the pipeline: prepare, transcribe and assemble, and the controller that keeps jobs moving."""
