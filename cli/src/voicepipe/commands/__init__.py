"""The commands of `voicepipe`, one module per group."""
