#!/usr/bin/env bash
# Writes the Python stubs of proto/ into OUT/wire/src and OUT/api/src (OUT: libs). Run by `make proto`; `make check` runs it into an
# empty folder and compares.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/../libs}
python=${PYTHON:-$here/../.venv/bin/python}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# stubs PACKAGE FOLDER OUT [OPTIONS]: the folder under the path of the Python package that the stubs live in, so that `voicepipe` stays
# the client's name.
stubs() {
    local package=$1 folder=$2 to=$3 file
    shift 3
    mkdir -p "$work/$package/v1" "$to/$package/v1"
    for file in "$here/$folder"/*.proto; do
        sed "s#\"$folder/#\"$package/v1/#" "$file" >"$work/$package/v1/${file##*/}"
    done
    (cd "$work" && "$python" -W ignore -m grpc_tools.protoc -I . -I "$("$python" -c 'import grpc_tools; print(grpc_tools.__path__[0])')/_proto" \
        --python_out="$to" --pyi_out="$to" "$@" "$package"/v1/*.proto)
}

stubs voicepipe_wire voicepipe/v1 "$(realpath -m "$out/wire/src")"
stubs voicepipe_api voicepipe/api/v1 "$(realpath -m "$out/api/src")" --grpc_python_out="$(realpath -m "$out/api/src")"
# Files without a service need none of these.
grep -L 'class .*Stub' "$out"/api/src/voicepipe_api/v1/*_pb2_grpc.py | xargs -r rm
