#!/usr/bin/env bash
# `docker build` for the workflow, with a cache in the folder IMAGE_CACHE if that is set. The new cache is written to IMAGE_CACHE.new.
# Every image has its own, because each export replaces the one before.
set -euo pipefail
cache=()
if [ -n "${IMAGE_CACHE:-}" ]; then
    previous=
    for argument in "$@"; do
        [ "$previous" != -t ] || tag=$argument
        previous=$argument
    done
    name=${tag##*/}
    name=${name%%:*}
    cache=("--cache-from=type=local,src=$IMAGE_CACHE/$name" "--cache-to=type=local,dest=$IMAGE_CACHE.new/$name,mode=max")
fi
# An image that starts from another one of ours needs the default builder, which alone sees docker's images. It is small: no cache.
if [[ $* == *--build-arg=DIARIZER=* ]]; then
    exec docker buildx build --builder default --load "$@"
fi
exec docker buildx build --load "${cache[@]}" "$@"
