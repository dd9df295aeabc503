#!/usr/bin/env bash
# install.sh services|tests|triton|diarizer|peers: creates one of the four environments from constraints.txt (tests:
# adds the packages that only tests need to the first one) and marks it as installed. A second install of the same
# environment waits for the first. Prints one line; the rest goes to a log.
set -uo pipefail
cd "$(dirname "$0")/../.."
what=$1
log=.make/install-$what.log
mkdir -p .make
exec 9>".make/install-$what.lock"
flock 9
# Compile once, here. Where PYTHONDONTWRITEBYTECODE is set, as in many images, every process would otherwise compile at
# each start.
unset PYTHONDONTWRITEBYTECODE
export UV_COMPILE_BYTECODE=1

pip() { .venv/bin/uv pip install --python "$venv/bin/python" --no-deps --no-progress "$@"; }

# pip takes four minutes for what uv does in twenty seconds, so pip installs only uv.
services() {
    [ -x .venv/bin/python ] || "${PYTHON:-python3.11}" -m venv .venv || return
    .venv/bin/python -m pip install --quiet --no-input --disable-pip-version-check "$(grep '^uv==' constraints.txt)" || return
    sed '/^# --- tests/,$d' constraints.txt >.make/services.txt && pip -r .make/services.txt || return
    local packages=()
    for project in libs/*/pyproject.toml migrations/pyproject.toml models/pyproject.toml services/*/pyproject.toml cli/pyproject.toml deploy/local/pyproject.toml; do
        [ -f "$project" ] && packages+=(-e "$(dirname "$project")")
    done
    pip --no-build-isolation "${packages[@]}" || return
    # Checks that nothing is missing, and compiles the project's own modules.
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

# Torch is downloaded by pip, which knows the package index of this machine. A CPU-only build needs nothing else; any
# other build is installed together with its CUDA packages.
diarizer() {
    export UV_COMPILE_BYTECODE=0 # few of torch's 10,000 files are ever used: the import at the end compiles those
    new_venv || return
    grep -v '^torch==' .make/diarizer.txt >.make/diarizer-rest.txt && pip -r .make/diarizer-rest.txt || return
    local torch wheels=.make/wheels
    torch=$(grep '^torch==' .make/diarizer.txt)
    .venv/bin/python -m pip download --quiet --no-input --no-deps --dest "$wheels" "$torch" || return
    case $(ls "$wheels") in
        *torch-*cpu*) pip "$wheels"/torch-*cpu*.whl ;;
        *) .venv/bin/uv pip install --python "$venv/bin/python" --no-progress "$torch" ;;
    esac || return
    # These libraries are linked against CUDA, so torchaudio cannot be imported next to a CPU-only torch. Without them
    # it runs in pure Python, which is all that pyannote.audio needs.
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
echo "Installing the $what environment from constraints.txt ..."
if "$what" >"$log" 2>&1; then
    touch "$venv/.installed"
else
    echo "Installation failed: $(grep -v '^$' "$log" | tail -n 1). Full log: $log" >&2
    exit 1
fi
