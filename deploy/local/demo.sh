#!/usr/bin/env bash
# `make demo`: a stack of its own, one composed meeting through every service, its transcript, and nothing left running.
set -euo pipefail
cd "$(dirname "$0")/../.."
data=.data/demo
stack() { .venv/bin/python -m voicepipe_local "$@" --data "$data"; }

trap 'stack purge' EXIT
trap 'exit 130' INT TERM
stack purge
mkdir -p "$data"
echo "Composing a minute of a meeting from the spoken words in tests/fixtures ..."
.venv/bin/python tests/fixtures/meeting.py "$data/meeting.wav" --seconds 60 --voices linda,robert

echo "Starting every server and service ..."
# Trained for exactly such recordings, and for nothing else: see tests/fixtures/README.md.
VOICEPIPE_WHISPER_MODEL=tests/fixtures/whisper/model stack up | sed '/^$/,$d' # without what to do next: the script does it

echo
VOICEPIPE_URL=$(stack url) VOICEPIPE_API_KEY=$(cat "$data/api-key") .venv/bin/voicepipe transcribe "$data/meeting.wav"
echo
echo "That was the demo. \`make up\` starts Voicepipe to stay."
