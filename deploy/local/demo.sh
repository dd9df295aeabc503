#!/usr/bin/env bash
# `make demo`: starts a separate stack, sends a real phone call through every service, prints the transcript and its
# error rates, and leaves nothing running.
set -euo pipefail
cd "$(dirname "$0")/../.."
data=.data/demo
stack() { .venv/bin/python -m voicepipe_local "$@" --data "$data"; }
demo() { .venv/bin/python tests/demo.py "$@"; }

trap 'stack purge' EXIT
trap 'exit 130' INT TERM
stack purge
mkdir -p "$data"
unset VOICEPIPE_MODELS VOICEPIPE_DIARIZATION_MODEL VOICEPIPE_WHISPER_MODEL # the demo uses the defaults
call=$data/phone-call.wav
cp "$(demo recording)" "$call"
echo "The recording: 30 seconds of a phone call between two people, shipped with pyannote.audio. The models, kept for later starts:"
demo models

echo
echo "Starting every server and service ..."
stack up | sed '/^$/,$d' # without the next steps: this script takes them

echo
VOICEPIPE_URL=$(stack url) VOICEPIPE_API_KEY=$(cat "$data/api-key")
export VOICEPIPE_URL VOICEPIPE_API_KEY
.venv/bin/voicepipe transcribe "$call" --speakers auto --format json -o "$data"
id=$(.venv/bin/voicepipe list --json | .venv/bin/python -c 'import json, sys; print(json.load(sys.stdin)["items"][0]["id"])')
.venv/bin/voicepipe get "$id" --json >"$data/transcription.json"

echo
echo "The speakers' names, from the human transcript:"
demo names "$data/phone-call.json" | while read -r number name; do
    .venv/bin/voicepipe rename "$id" "$number" "$name"
done
echo
.venv/bin/voicepipe get "$id"
echo
echo "Measured in this run:"
demo figures "$data/phone-call.json" "$data/transcription.json"
echo
echo "End of the demo. \`make up\` starts Voicepipe and keeps it running."
