{{/* Settings of a process that uses all three servers, as data of a ConfigMap: (list $ .Values.prepare.terminationGracePeriodSeconds). */}}
{{- define "voicepipe.settings" -}}
{{- $root := index . 0 -}}
{{ include "voicepipe.processSettings" . }}
VOICEPIPE_DATABASE_POOL_SIZE: {{ $root.Values.database.poolSize | quote }}
{{ include "voicepipe.objectStoreSettings" $root }}
{{- end -}}

{{/* Settings of every process: (list $ .Values.autoscaler.terminationGracePeriodSeconds). */}}
{{- define "voicepipe.processSettings" -}}
{{- $root := index . 0 -}}
VOICEPIPE_HTTP_HOST: 0.0.0.0
VOICEPIPE_HTTP_PORT: "8000"
VOICEPIPE_LOG_LEVEL: {{ $root.Values.logLevel }}
VOICEPIPE_SECRETS_DIR: /run/voicepipe/secrets
# Work that is not finished by then is handed back, in the rest of the grace period.
VOICEPIPE_GRACE_S: {{ sub (index . 1) 5 | quote }}
VOICEPIPE_NATS_REPLICAS: {{ $root.Values.nats.replicas | quote }}
{{- if include "voicepipe.hasCa" $root }}
VOICEPIPE_CA_FILE: /etc/voicepipe/ca/ca.crt
{{- end }}
{{- if and (not $root.Values.bundled.nats.enabled) $root.Values.nats.credentialsKey }}
VOICEPIPE_NATS_CREDENTIALS_FILE: /run/voicepipe/secrets/nats.creds
{{- end }}
{{- with $root.Values.telemetry.otlpEndpoint }}
OTEL_EXPORTER_OTLP_ENDPOINT: {{ . }}
{{- end }}
{{- end -}}

{{/* Settings of the processes that serve gRPC beside HTTP. */}}
{{- define "voicepipe.grpcSettings" -}}
VOICEPIPE_GRPC_HOST: 0.0.0.0
VOICEPIPE_GRPC_PORT: "9000"
VOICEPIPE_GRPC_REFLECTION: {{ .Values.grpc.reflection | quote }}
VOICEPIPE_GRPC_CONNECTION_AGE_S: {{ .Values.grpc.connectionAgeSeconds | int64 | quote }}
{{- end -}}

{{/* Settings of the HTTP API. */}}
{{- define "voicepipe.httpSettings" -}}
VOICEPIPE_CORS_ORIGINS: {{ join "," .Values.corsOrigins | quote }}
{{- end -}}

{{- define "voicepipe.objectStoreSettings" -}}
{{- if .Values.bundled.objectStore.enabled -}}
VOICEPIPE_S3_ENDPOINT: http://{{ include "voicepipe.fullname" . }}-object-store:8333
VOICEPIPE_S3_BUCKET: {{ .Values.objectStore.bucket }}
{{- else -}}
{{- with .Values.objectStore -}}
VOICEPIPE_S3_ENDPOINT: {{ .endpoint }}
VOICEPIPE_S3_BUCKET: {{ .bucket }}
VOICEPIPE_S3_REGION: {{ .region }}
{{- with .serverSideEncryption }}
VOICEPIPE_S3_SERVER_SIDE_ENCRYPTION: {{ . }}
{{- end }}
{{- with .kmsKeyId }}
VOICEPIPE_S3_KMS_KEY_ID: {{ . }}
{{- end }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Variables that name the pod in traces, for `env` of a container. */}}
{{- define "voicepipe.podIdentity" -}}
{{- if .Values.telemetry.otlpEndpoint -}}
- {name: K8S_POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
- {name: K8S_NODE_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: k8s.namespace.name={{ .Release.Namespace }},k8s.pod.name=$(K8S_POD_NAME),k8s.node.name=$(K8S_NODE_NAME),service.version={{ .Chart.AppVersion }}
{{- else -}}
[]
{{- end -}}
{{- end -}}

{{/* Not empty if a private authority is trusted. */}}
{{- define "voicepipe.hasCa" -}}
{{- if or .Values.caBundle.configMap .Values.caBundle.secret }}yes{{ end -}}
{{- end -}}
