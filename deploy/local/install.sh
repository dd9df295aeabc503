#!/usr/bin/env bash
# install.sh services|tests|triton|diarizer|peers: makes one of the four environments as constraints.txt says (tests: adds to the first
# what only tests need), and marks it as done. Two at once wait for each other. Says one line; everything else is in a log.
set -uo pipefail
cd "$(dirname "$0")/../.."
what=$1
log=.make/install-$what.log
mkdir -p .make
exec 9>".make/install-$what.lock"
flock 9
# Compiled here, once. Where PYTHONDONTWRITEBYTECODE is set, as in many images, every process would do it again at each start.
unset PYTHONDONTWRITEBYTECODE
export UV_COMPILE_BYTECODE=1

pip() { .venv/bin/uv pip install --python "$venv/bin/python" --no-deps --no-progress "$@"; }

# pip takes four minutes for what uv does in twenty seconds, so pip installs uv and no more.
services() {
    [ -x .venv/bin/python ] || "${PYTHON:-python3.11}" -m venv .venv || return
    .venv/bin/python -m pip install --quiet --no-input --disable-pip-version-check "$(grep '^uv==' constraints.txt)" || return
    sed '/^# --- tests/,$d' constraints.txt >.make/services.txt && pip -r .make/services.txt || return
    local packages=()
    for project in libs/*/pyproject.toml migrations/pyproject.toml models/pyproject.toml services/*/pyproject.toml cli/pyproject.toml deploy/local/pyproject.toml; do
        [ -f "$project" ] && packages+=(-e "$(dirname "$project")")
    done
    pip --no-build-isolation "${packages[@]}" || return
    # Shows that everything is there, and compiles our own.
    .venv/bin/python -c 'import voicepipe_upload.__main__, voicepipe_status.__main__, voicepipe_orchestrator.__main__'
}

tests() {
    section && .venv/bin/uv pip install --python .venv/bin/python --no-deps --no-progress -r .make/tests.txt
}

triton() {
    new_venv && pip -r .make/triton.txt
}

peers() {
    new_venv && pip -r .make/peers.txt
}

# Torch is downloaded by pip, which knows where this machine has its packages from. If that is a build for the processor alone, it
# needs nothing else; any other one is installed with its CUDA.
diarizer() {
    export UV_COMPILE_BYTECODE=0 # of torch's 10,000 files few are ever used: the import at the end compiles those
    new_venv || return
    grep -v '^torch==' .make/diarizer.txt >.make/diarizer-rest.txt && pip -r .make/diarizer-rest.txt || return
    local torch wheels=.make/wheels
    torch=$(grep '^torch==' .make/diarizer.txt)
    .venv/bin/python -m pip download --quiet --no-input --no-deps --dest "$wheels" "$torch" || return
    case $(ls "$wheels") in
        *torch-*cpu*) pip "$wheels"/torch-*cpu*.whl ;;
        *) .venv/bin/uv pip install --python "$venv/bin/python" --no-progress "$torch" ;;
    esac || return
    # Linked against CUDA, they keep it from being imported beside a torch without; in their absence it runs in Python, which is
    # all that pyannote.audio uses of it.
    rm -f "$venv"/lib/python3*/site-packages/torchaudio/lib/*.so
    pip --no-build-isolation -e libs/wire -e services/diarizer || return
    PYANNOTE_METRICS_ENABLED=0 "$venv/bin/python" -W ignore -c 'import voicepipe_diarizer.__main__, pyannote.audio.models.embedding, pyannote.audio.models.segmentation'
}

new_venv() {
    [ -x "$venv/bin/python" ] || .venv/bin/uv venv --quiet --no-project --python "${PYTHON:-python3.11}" "$venv" || return
    section
}

section() { sed -n "/^# --- $what/,/^\$/p" constraints.txt >".make/$what.txt"; }

case $what in
    services) venv=.venv ;;
    tests) venv=.venv/.tests && mkdir -p $venv ;;
    triton | diarizer | peers) venv=.venv-$what ;;
    *) echo "install.sh services|tests|triton|diarizer|peers" >&2 && exit 2 ;;
esac
rm -f "$venv/.installed"
echo "Installing what constraints.txt says for $what ..."
if "$what" >"$log" 2>&1; then
    touch "$venv/.installed"
else
    echo "Installing failed: $(grep -v '^$' "$log" | tail -n 1). The whole log: $log" >&2
    exit 1
fi
