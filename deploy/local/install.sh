#!/usr/bin/env bash
# install.sh services|tests|triton|diarizer|peers: makes one of the four environments from requirements/NAME.txt (tests: adds the
# packages that only tests need to .venv) and marks it as done. Two at once wait for each other. Prints one line; the rest is in a log.
set -uo pipefail
cd "$(dirname "$0")/../.."
what=$1
log=.make/install-$what.log
mkdir -p .make
exec 9>".make/install-$what.lock"
flock 9
# Compiles once, here. With PYTHONDONTWRITEBYTECODE, which many images set, every process would compile again at each start.
unset PYTHONDONTWRITEBYTECODE
export UV_COMPILE_BYTECODE=1

pip() { .venv/bin/uv pip install --python "$venv/bin/python" --no-deps --no-progress "$@"; }

# pip takes four minutes for what uv does in twenty seconds, so pip installs only uv.
services() {
    [ -x .venv/bin/python ] || "${PYTHON:-python3.11}" -m venv .venv || return
    .venv/bin/python -m pip install --quiet --no-input --disable-pip-version-check "$(grep '^uv==' requirements/services.txt)" || return
    pip -r requirements/services.txt || return
    local packages=()
    for project in libs/*/pyproject.toml migrations/pyproject.toml models/pyproject.toml services/*/pyproject.toml cli/pyproject.toml deploy/local/pyproject.toml; do
        [ -f "$project" ] && packages+=(-e "$(dirname "$project")")
    done
    pip --no-build-isolation "${packages[@]}" || return
    # Shows that everything is installed, and compiles our own packages.
    .venv/bin/python -c 'import voicepipe_upload.__main__, voicepipe_status.__main__, voicepipe_orchestrator.__main__'
}

tests() {
    .venv/bin/uv pip install --python .venv/bin/python --no-deps --no-progress -r requirements/tests.txt
}

triton() {
    new_venv && pip -r requirements/triton.txt
}

peers() {
    new_venv && pip -r requirements/peers.txt
}

# pip downloads torch, because pip knows the package index of this machine. A CPU build needs nothing else; any other build is
# installed with its CUDA packages.
diarizer() {
    export UV_COMPILE_BYTECODE=0 # few of torch's 10,000 files are ever used; the import at the end compiles those
    new_venv || return
    grep -v '^torch==' requirements/diarizer.txt >.make/diarizer-rest.txt && pip -r .make/diarizer-rest.txt || return
    local torch wheels=.make/wheels
    torch=$(grep '^torch==' requirements/diarizer.txt)
    .venv/bin/python -m pip download --quiet --no-input --no-deps --dest "$wheels" "$torch" || return
    case $(ls "$wheels") in
        *torch-*cpu*) pip "$wheels"/torch-*cpu*.whl ;;
        *) .venv/bin/uv pip install --python "$venv/bin/python" --no-progress "$torch" ;;
    esac || return
    # torchaudio's libraries are linked against CUDA, so it cannot be imported with a CPU torch. Without them it runs in Python,
    # which is all that pyannote.audio uses.
    rm -f "$venv"/lib/python3*/site-packages/torchaudio/lib/*.so
    pip --no-build-isolation -e libs/wire -e services/diarizer || return
    PYANNOTE_METRICS_ENABLED=0 "$venv/bin/python" -W ignore -c 'import voicepipe_diarizer.__main__, voicepipe_diarizer.pipeline_process, pyannote.audio.models.embedding, pyannote.audio.models.segmentation'
}

new_venv() {
    [ -x "$venv/bin/python" ] || .venv/bin/uv venv --quiet --no-project --python "${PYTHON:-python3.11}" "$venv"
}

case $what in
    services) venv=.venv ;;
    tests) venv=.venv/.tests && mkdir -p $venv ;;
    triton | diarizer | peers) venv=.venv-$what ;;
    *) echo "install.sh services|tests|triton|diarizer|peers" >&2 && exit 2 ;;
esac
rm -f "$venv/.installed"
echo "Installing requirements/$what.txt ..."
if "$what" >"$log" 2>&1; then
    touch "$venv/.installed"
else
    echo "Installation failed: $(grep -v '^$' "$log" | tail -n 1). The full log: $log" >&2
    exit 1
fi
