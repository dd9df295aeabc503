"""The commands of `voicepipe`, a module for each group."""
