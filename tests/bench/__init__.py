"""Measures the speed of the pipeline, as ratios within one run, and its memory while it processes large recordings."""
