#!/usr/bin/env bash
# Starts SeaweedFS as an S3 server on port 8333, with its data in /var/lib/object-store. The keys of its only identity are in the files
# $S3_ACCESS_KEY_FILE and $S3_SECRET_KEY_FILE.
set -euo pipefail
umask 077

key() { # FILE: the key in it, which must fit into JSON as it is
    local value
    value=$(<"$1")
    [[ $value =~ ^[A-Za-z0-9/+=._-]+$ ]] || { echo "$1 must contain a key of letters, digits and / + = . _ -" >&2 && exit 2; }
    echo "$value"
}

access=$(key "$S3_ACCESS_KEY_FILE")
secret=$(key "$S3_SECRET_KEY_FILE")
cat >/tmp/identities.json <<CONFIGURATION
{"identities": [{"name": "voicepipe", "credentials": [{"accessKey": "$access", "secretKey": "$secret"}],
                 "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}
CONFIGURATION

# Its parts find each other on the loopback, so the data survives a new address of the pod. It listens on all addresses, because there
# is no flag for S3 alone: a network policy must let nobody reach the other ports.
#
# Without limits, 4 downloads at once take 1 GB. With these, 40 uploads and 40 downloads at once took 410 MB; others wait.
export GOMEMLIMIT=${GOMEMLIMIT:-400MiB}
exec weed -logtostderr=true mini \
    -dir=/var/lib/object-store \
    -ip=127.0.0.1 \
    -ip.bind=0.0.0.0 \
    -s3.port=8333 \
    -s3.config=/tmp/identities.json \
    -s3.concurrentUploadLimitMB=64 \
    -s3.cacheCapacityMB=0 \
    -s3.readerCacheSizeMB=64 \
    -s3.localSocket=/tmp/s3.sock \
    -filer.localSocket=/tmp/filer.sock \
    -s3.port.iceberg=0 \
    -s3.port.lance=0 \
    -webdav=false \
    -admin.ui=false \
    -master.telemetry=false \
    -master.volumeSizeLimitMB=256 \
    -volume.max=0 \
    -volume.preStopSeconds=0
