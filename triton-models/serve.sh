#!/usr/bin/env bash
# Runs Triton on this model repository, with the model `whisper` only.
#
#   VOICEPIPE_TRITON_SERVER         folder of the server, with bin/tritonserver (default /opt/tritonserver)
#   VOICEPIPE_TRITON_CONFIG         `cpu` selects whisper/configs/cpu.pbtxt: three instances, no batches (default: one, with batches)
#   VOICEPIPE_TRITON_HOST           address of HTTP and gRPC (default 127.0.0.1), ports VOICEPIPE_TRITON_HTTP_PORT (8010) and ..._GRPC_PORT (8001)
#   VOICEPIPE_TRITON_METRICS_HOST   address of the metrics (default 0.0.0.0), port VOICEPIPE_TRITON_METRICS_PORT (8002)
#
# The settings of the model are in README.md.
set -euo pipefail
server=${VOICEPIPE_TRITON_SERVER:-/opt/tritonserver}
host=${VOICEPIPE_TRITON_HOST:-127.0.0.1}

# Left by a server that was killed. In a container this shell is the first process, so nobody uses them; elsewhere somebody may.
[ $$ -ne 1 ] || rm -f /dev/shm/triton_python_backend_* "${VOICEPIPE_WHISPER_LAST_SUCCESS:-}"

config=()
if [ "${VOICEPIPE_TRITON_CONFIG:-}" = cpu ]; then
    config=(--model-config-name=cpu)
    # Two instances share the cores; the third is reserved for jobs that arrive while a long one is running.
    cores=$(nproc)
    export VOICEPIPE_WHISPER_THREADS=${VOICEPIPE_WHISPER_THREADS:-$((cores > 1 ? cores / 2 : 1))}
fi

# With the default stack of 8 MB, a JSON body of more than 4 MB over HTTP overflows the stack and kills the server.
ulimit -S -s 65536
exec "$server/bin/tritonserver" \
    --model-repository="$(dirname "$(realpath "$0")")" \
    --backend-directory="$server/backends" \
    --cache-directory="$server/caches" \
    --model-control-mode=explicit \
    --load-model=whisper \
    "${config[@]}" \
    --disable-auto-complete-config \
    --http-address="$host" \
    --grpc-address="$host" \
    --metrics-address="${VOICEPIPE_TRITON_METRICS_HOST:-0.0.0.0}" \
    --http-port="${VOICEPIPE_TRITON_HTTP_PORT:-8010}" \
    --grpc-port="${VOICEPIPE_TRITON_GRPC_PORT:-8001}" \
    --metrics-port="${VOICEPIPE_TRITON_METRICS_PORT:-8002}" \
    --allow-gpu-metrics=false \
    --pinned-memory-pool-byte-size=0 \
    --exit-timeout-secs=5 \
    --log-verbose=0
