#!/usr/bin/env bash
# install-torch.sh REQUIREMENTS VENV: installs the pinned torch, for processors (TORCH=cpu) or with its CUDA libraries (TORCH=cuda).
set -euo pipefail
requirements=$1 venv=$2
torch=$(grep '^torch==' "$requirements")

install() { python -m pip --python "$venv/bin/python" install --quiet --disable-pip-version-check --no-compile "$@"; }

case $TORCH in
    cpu)
        install --no-deps ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} "$torch"
        "$venv/bin/python" -c 'from importlib.metadata import version; raise SystemExit("+cpu" not in version("torch"))' || {
            echo "$torch has no build for processors here: set the build argument TORCH_INDEX to a package index that has one" >&2
            exit 1
        }
        ;;
    # Three signs: exactly this version, not its build for processors.
    cuda) install --constraint "$requirements" "${torch/==/===}" ;;
    *) echo "TORCH is cpu or cuda, not '$TORCH'" >&2 && exit 2 ;;
esac

# A quarter of it is for people who extend or test it.
cd "$venv"/lib/python3*/site-packages/torch
rm -rf include test
find bin -type f ! -name torch_shm_manager -delete
