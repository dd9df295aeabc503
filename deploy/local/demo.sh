#!/usr/bin/env bash
# `make demo`: a stack of its own, a real phone call through every service, its transcript, how wrong that is, and nothing left running.
set -euo pipefail
cd "$(dirname "$0")/../.."
data=.data/demo
stack() { .venv/bin/python -m voicepipe_local "$@" --data "$data"; }
about() { .venv/bin/python tests/demo.py "$@"; }

trap 'stack purge' EXIT
trap 'exit 130' INT TERM
stack purge
mkdir -p "$data"
unset VOICEPIPE_MODELS VOICEPIPE_DIARIZATION_MODEL VOICEPIPE_WHISPER_MODEL # the demo serves what everybody gets
call=$data/phone-call.wav
cp "$(about recording)" "$call"
echo "The recording: 30 seconds of a phone call of two people, which comes with pyannote.audio. The models, kept for every later start:"
about models

echo
echo "Starting every server and service ..."
stack up | sed '/^$/,$d' # without what to do next: the script does it

echo
VOICEPIPE_URL=$(stack url) VOICEPIPE_API_KEY=$(cat "$data/api-key")
export VOICEPIPE_URL VOICEPIPE_API_KEY
.venv/bin/voicepipe transcribe "$call" --speakers auto --format json -o "$data"
id=$(.venv/bin/voicepipe list --json | .venv/bin/python -c 'import json, sys; print(json.load(sys.stdin)["items"][0]["id"])')
.venv/bin/voicepipe get "$id" --json >"$data/transcription.json"

echo
echo "The human transcript says who they are:"
about names "$data/phone-call.json" | while read -r number name; do
    .venv/bin/voicepipe rename "$id" "$number" "$name"
done
echo
.venv/bin/voicepipe get "$id"
echo
echo "Measured on this run:"
about figures "$data/phone-call.json" "$data/transcription.json"
echo
echo "That was the demo. \`make up\` starts Voicepipe to stay."
