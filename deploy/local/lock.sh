#!/usr/bin/env bash
# Writes constraints.txt from the packages installed in the four environments: `make lock`, after a package was added or upgraded.
set -euo pipefail
cd "$(dirname "$0")/../.."

pins() { .venv/bin/uv pip freeze --python "$1/bin/python" --exclude-editable | grep -v -i -E '^(pip|wheel|uv)==' | LC_ALL=C sort -f; }

tests='^(cython|kaldialign|meeteval|more-itertools|num2words|opencc-python-reimplemented|regex|scipy|whisper-normalizer)=='
{
    echo '# Every package of the environments that `make` makes, with its exact version. Written by `make lock`.'
    echo '# Installed as they stand, without resolving: silero-vad would bring torch, nvidia-pytriton numpy 2, torch its CUDA.'
    echo
    grep '^uv==' constraints.txt # installs all the others
    echo
    echo '# --- services and tests (.venv)'
    pins .venv | grep -v -i -E "$tests"
    echo
    echo '# --- tests (.venv, by `make test`): meeteval is compiled here, and needs gcc'
    pins .venv | grep -i -E "$tests"
    echo
    echo '# --- triton (.venv-triton): numpy < 2, because its python backend silently corrupts the tensors of numpy 2'
    pins .venv-triton | grep -v '^setuptools=='
    echo
    echo '# --- diarizer (.venv-diarizer): torch for the processor alone where it can be had; torchaudio without its libraries, see install.sh'
    pins .venv-diarizer | grep -v '^setuptools==' | sed 's/^\(torch==[^+]*\)+.*/\1/'
    echo
    echo '# --- peers (.venv-peers, by `make accuracy` and `make bench`): what the product is measured against'
    pins .venv-peers
} > constraints.txt.new
mv constraints.txt.new constraints.txt
