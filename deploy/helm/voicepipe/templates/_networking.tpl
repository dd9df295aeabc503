{{/* A peer of a NetworkPolicy: the pods of a component, (list $ "upload"). */}}
{{- define "voicepipe.pods" -}}
- podSelector:
    matchLabels:
      {{- include "voicepipe.selector" (index . 0) | nindent 6 }}
      app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Selects the pods of a component, (list $ "upload"), and denies both directions but for what the rules of the policy allow. */}}
{{- define "voicepipe.denyAll" -}}
podSelector:
  matchLabels:
    {{- include "voicepipe.selector" (index . 0) | nindent 4 }}
    app.kubernetes.io/component: {{ index . 1 }}
policyTypes: [Ingress, Egress]
{{- end -}}

{{/* A rule that allows connections from pods of a component to some ports: (list $ "gateway" 8000 9000). */}}
{{- define "voicepipe.from" -}}
- from:
    {{- include "voicepipe.pods" . | nindent 4 }}
  ports:
    {{- include "voicepipe.ports" (slice . 2) | nindent 4 }}
{{- end -}}

{{/* A rule that allows connections to some ports of pods of a component: (list $ "upload" 8000 9000). */}}
{{- define "voicepipe.to" -}}
- to:
    {{- include "voicepipe.pods" . | nindent 4 }}
  ports:
    {{- include "voicepipe.ports" (slice . 2) | nindent 4 }}
{{- end -}}

{{/* TCP ports of a rule: (list 8000 9000). */}}
{{- define "voicepipe.ports" -}}
{{- range . }}
- {protocol: TCP, port: {{ . }}}
{{- end }}
{{- end -}}

{{/* A rule that allows connections to peers of the values: (list .Values.database.peers 5432). */}}
{{- define "voicepipe.toPeers" -}}
- to:
    {{- toYaml (index . 0) | nindent 4 }}
  ports:
    - {protocol: TCP, port: {{ index . 1 }}}
{{- end -}}

{{/* Clients of the gateway, or of upload and status where there is no gateway: (list $ 8080). */}}
{{- define "voicepipe.fromClients" -}}
- ports:
    {{- include "voicepipe.ports" (slice . 1) | nindent 4 }}
  {{- with (index . 0).Values.networkPolicy.clients }}
  from:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* Prometheus: (list $ "upload" 8000). A rule without `from` would allow everyone, so without peers there is no rule. */}}
{{- define "voicepipe.fromPrometheus" -}}
{{- if (index . 0).Values.networkPolicy.prometheus -}}
# Prometheus --> {{ index . 1 }}
- from:
    {{- toYaml (index . 0).Values.networkPolicy.prometheus | nindent 4 }}
  ports:
    - {protocol: TCP, port: {{ index . 2 }}}
{{- end -}}
{{- end -}}

{{- define "voicepipe.toDns" -}}
- to:
    - namespaceSelector:
        matchLabels: {kubernetes.io/metadata.name: kube-system}
      podSelector:
        matchLabels: {k8s-app: kube-dns}
    # NodeLocal DNSCache, which listens on an address of the node.
    - ipBlock: {cidr: 169.254.20.10/32}
    {{- with .Values.networkPolicy.dns }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end -}}

{{- define "voicepipe.toPostgres" -}}
{{- if .Values.bundled.postgres.enabled -}}
{{ include "voicepipe.to" (list . "postgres" 5432) }}
{{- else -}}
{{ include "voicepipe.toPeers" (list .Values.database.peers .Values.database.port) }}
{{- end -}}
{{- end -}}

{{- define "voicepipe.toNats" -}}
{{- if .Values.bundled.nats.enabled -}}
{{ include "voicepipe.to" (list . "nats" 4222) }}
{{- else -}}
{{ include "voicepipe.toPeers" (list .Values.nats.peers .Values.nats.port) }}
{{- end -}}
{{- end -}}

{{- define "voicepipe.toObjectStore" -}}
{{- if .Values.bundled.objectStore.enabled -}}
{{ include "voicepipe.to" (list . "object-store" 8333) }}
{{- else -}}
{{ include "voicepipe.toPeers" (list .Values.objectStore.peers .Values.objectStore.port) }}
{{- end -}}
{{- end -}}

{{/* The collector of traces, if there is one: (list $ "upload"). */}}
{{- define "voicepipe.toCollector" -}}
{{- if (index . 0).Values.telemetry.otlpEndpoint -}}
# {{ index . 1 }} --> collector of traces
{{ include "voicepipe.toPeers" (list (index . 0).Values.telemetry.peers (index . 0).Values.telemetry.port) }}
{{- end -}}
{{- end -}}
