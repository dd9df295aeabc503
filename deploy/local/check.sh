#!/usr/bin/env bash
# check.sh [lint]: checks without running the product; `lint` leaves the contracts in proto/ out. Prints one line for each check, and
# the output of one that failed.
set -uo pipefail
cd "$(dirname "$0")/../.."
bin=$PWD/.venv/bin
work=.make/check
BUF_VERSION=1.75.0
rm -rf "$work" && mkdir -p "$work"
failed=0

check() { # NAME COMMAND...
    local name=$1 log=$work/$1.log
    shift
    if "$@" >"$log" 2>&1; then
        echo "ok    $name"
    else
        echo "FAIL  $name:" && sed 's/^/      /' "$log"
        failed=1
    fi
}

buf() { ".make/buf-$BUF_VERSION/node_modules/.bin/buf" "$@"; }

install_buf() {
    [ -x ".make/buf-$BUF_VERSION/node_modules/.bin/buf" ] ||
        npm install --silent --no-audit --no-fund --no-package-lock --prefix ".make/buf-$BUF_VERSION" "@bufbuild/buf@$BUF_VERSION"
}

# Compares proto/ with its previous version: the last commit if the working tree differs from it, else the last but one
# that changed proto/.
compatible() {
    local before
    if git diff --quiet HEAD -- proto; then
        before=$(git log -2 --format=%H -- proto | sed -n 2p)
    else
        before=$(git log -1 --format=%H -- proto)
    fi
    [ -n "$before" ] || { echo "there is no earlier version of proto/ to compare with"; return 0; }
    mkdir -p "$work/before" && git archive "$before" proto | tar -x -C "$work/before" && buf breaking proto --against "$work/before/proto"
}

fresh_stubs() {
    local package
    PYTHON=$bin/python proto/generate.sh "$work/stubs" || return
    for package in wire api; do
        diff -r -x __init__.py -x __pycache__ "$work/stubs/$package/src/voicepipe_$package/v1" "libs/$package/src/voicepipe_$package/v1" ||
            { echo "the stubs do not match proto/: run \`make proto\`"; return 1; }
    done
}

sources=(libs/wire/src migrations/src models/src services/*/src cli/src deploy/local/src deploy/monitoring deploy/images/*.py deploy/skaffold/*.py)

check ruff "$bin/ruff" check --quiet --output-format concise .
check format "$bin/ruff" format --quiet --check --output-format concise .
check mypy "$bin/mypy" "${sources[@]}"
check imports "$bin/lint-imports"
[ "${1:-}" != lint ] || exit $failed
check stubs fresh_stubs
if ! command -v npm >/dev/null; then
    echo "skip  buf: npm is not installed (Debian: apt install npm)"
elif install_buf >"$work/npm.log" 2>&1; then
    check buf-lint buf lint proto
    check buf-breaking compatible
else
    echo "FAIL  buf: npm could not install it; see $work/npm.log" && failed=1
fi
exit $failed
