#!/usr/bin/env bash
# Writes the Python stubs of proto/voicepipe/v1 into OUT (default: the wire library). Run by `make proto`; `make check`
# runs it into an empty folder and compares.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/../libs/wire/src}
python=${PYTHON:-$here/../.venv/bin/python}
mkdir -p "$out/voicepipe_wire/v1"
# The virtual path gives the stubs the package that they live in, so that `voicepipe` stays the client's name.
"$python" -W ignore -m grpc_tools.protoc -I "voicepipe_wire/v1=$here/voicepipe/v1" \
  --python_out="$out" --pyi_out="$out" voicepipe_wire/v1/commands.proto voicepipe_wire/v1/events.proto \
  voicepipe_wire/v1/scaling.proto
