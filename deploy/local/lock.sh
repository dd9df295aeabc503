#!/usr/bin/env bash
# Writes requirements/ from what is installed in the four environments: `make lock`, after a package was added or upgraded.
# A package that only the tests need is first added to requirements/tests.txt by hand; other packages of .venv belong to the services.
set -euo pipefail
cd "$(dirname "$0")/../.."

# The packages of an environment, sorted, without those of this repository and those that make the environment itself.
pins() { .venv/bin/uv pip freeze --python "$1/bin/python" --exclude-editable | grep -v -i -E '^(pip|wheel|uv)==' | LC_ALL=C sort -f; }

# Writes requirements/NAME.txt.new: the comment at the top of NAME.txt, then the pins of standard input.
write() { { sed '/^#/!Q' "requirements/$1.txt" && cat; } >"requirements/$1.txt.new"; }

tests="^($(sed -n 's/^\([^#=]*\)==.*/\1/p' requirements/tests.txt | paste -sd '|'))=="
{ grep '^uv==' requirements/services.txt && pins .venv | grep -v -i -E "$tests"; } | write services
pins .venv | grep -i -E "$tests" | write tests
pins .venv-triton | grep -v '^setuptools==' | write triton
pins .venv-diarizer | grep -v '^setuptools==' | sed 's/^\(torch==[^+]*\)+.*/\1/' | write diarizer
pins .venv-peers | write peers
# All or none.
for name in services tests triton diarizer peers; do
    mv "requirements/$name.txt.new" "requirements/$name.txt"
done
