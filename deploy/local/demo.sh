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
echo "Composing a minute of a meeting of two people, Annie and David, from the spoken words in tests/fixtures ..."
.venv/bin/python tests/fixtures/meeting.py "$data/meeting.wav" --seconds 60 --voices annie,david --longest-pause 1.5 \
    --truth "$data/truth.json"

echo "Starting every server and service ..."
# Trained for exactly such recordings, and for nothing else: see tests/fixtures/README.md.
export VOICEPIPE_WHISPER_MODEL=tests/fixtures/whisper/model VOICEPIPE_DIARIZATION_MODEL=tests/fixtures/pyannote/model
stack up | sed '/^$/,$d' # without what to do next: the script does it

echo
VOICEPIPE_URL=$(stack url) VOICEPIPE_API_KEY=$(cat "$data/api-key")
export VOICEPIPE_URL VOICEPIPE_API_KEY
.venv/bin/voicepipe transcribe "$data/meeting.wav" --speakers 2 -o "$data"

id=$(.venv/bin/voicepipe list --json | .venv/bin/python -c 'import json, sys; print(json.load(sys.stdin)["items"][0]["id"])')
first=$(.venv/bin/python -c 'import json, sys; print(json.load(sys.stdin)["turns"][0]["voice"].title())' <"$data/truth.json")
second=$([ "$first" = Annie ] && echo David || echo Annie)
echo
echo "$first speaks first in this recording, so:"
.venv/bin/voicepipe rename "$id" 1 "$first"
.venv/bin/voicepipe rename "$id" 2 "$second"
echo
.venv/bin/voicepipe get "$id"
echo
echo "That was the demo. \`make up\` starts Voicepipe to stay."
