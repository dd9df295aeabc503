#!/usr/bin/env bash
# build.sh DOCKERFILE [NAME=VALUE...]: the custom builder of skaffold.yaml, for podman and buildah.
#
# skaffold sets IMAGE (the tag), PUSH_IMAGE, BUILD_CONTEXT and PLATFORMS. IMAGE_BUILDER names a command that takes the options of
# `docker build`, and IMAGE_STORE one that can push what it has built; both are found without that (deploy/images/README.md).
set -euo pipefail
dockerfile=$1
shift

fail() {
    echo "build.sh: $*" >&2
    exit 1
}

if [ -n "${IMAGE_BUILDER:-}" ]; then
    read -ra build <<<"$IMAGE_BUILDER"
    read -ra store <<<"${IMAGE_STORE:-}"
else
    for tool in docker podman buildah; do
        # The command of docker is of no use without its daemon.
        if "$tool" info >/dev/null 2>&1; then
            build=("$tool" build) store=("$tool")
            break
        fi
    done
    [ -n "${store:-}" ] || fail "no docker, podman or buildah works here; install one, or set IMAGE_BUILDER to a command"
fi

options=(-t "$IMAGE" -f "$dockerfile")
case ${PLATFORMS:-} in
    '') ;;
    *,*) fail "builds for one platform at a time, not for $PLATFORMS: name one with --platform" ;;
    *) options+=("--platform=$PLATFORMS") ;;
esac
for argument in "$@"; do
    options+=("--build-arg=$argument")
done
"${build[@]}" "${options[@]}" "$BUILD_CONTEXT"

if [ "${PUSH_IMAGE:-false}" = true ]; then
    [ -n "${store:-}" ] || fail "set IMAGE_STORE to the command that pushes what IMAGE_BUILDER builds"
    "${store[@]}" push "$IMAGE"
fi
