"""What the pipeline costs: speed as ratios measured in one run, memory while large recordings pass."""
