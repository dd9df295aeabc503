#!/usr/bin/env bash
# install.sh services|triton: makes one of the two environments as constraints.txt says, and marks it as done. Two at once
# wait for each other. Says one line; everything else is in a log.
set -uo pipefail
cd "$(dirname "$0")/../.."
what=$1
log=.make/install-$what.log
mkdir -p .make
exec 9>".make/install-$what.lock"
flock 9

pip() { .venv/bin/uv pip install --python "$venv/bin/python" --no-deps --no-progress "$@"; }

# pip takes four minutes for what uv does in twenty seconds, so pip installs uv and no more.
services() {
    [ -x .venv/bin/python ] || "${PYTHON:-python3.11}" -m venv .venv || return
    .venv/bin/python -m pip install --quiet --no-input --disable-pip-version-check "$(grep '^uv==' constraints.txt)" || return
    sed '/^# --- triton/,$d' constraints.txt >.make/services.txt && pip -r .make/services.txt || return
    local packages=()
    for project in libs/*/pyproject.toml migrations/pyproject.toml services/*/pyproject.toml cli/pyproject.toml deploy/local/pyproject.toml; do
        [ -f "$project" ] && packages+=(-e "$(dirname "$project")")
    done
    pip --no-build-isolation "${packages[@]}" || return
    # Shows that everything is there, and compiles it once; at the first start six processes would do so at the same time.
    .venv/bin/python -c 'import voicepipe_upload.__main__, voicepipe_status.__main__, voicepipe_orchestrator.__main__'
}

triton() {
    [ -x .venv-triton/bin/python ] || .venv/bin/uv venv --quiet --no-project --python "${PYTHON:-python3.11}" .venv-triton || return
    sed -n '/^# --- triton/,$p' constraints.txt >.make/triton.txt && pip -r .make/triton.txt
}

case $what in
    services) venv=.venv ;;
    triton) venv=.venv-triton ;;
    *) echo "install.sh services|triton" >&2 && exit 2 ;;
esac
rm -f "$venv/.installed"
echo "Installing what constraints.txt says for $what ..."
if "$what" >"$log" 2>&1; then
    touch "$venv/.installed"
else
    echo "Installing failed: $(grep -v '^$' "$log" | tail -n 1). The whole log: $log" >&2
    exit 1
fi
