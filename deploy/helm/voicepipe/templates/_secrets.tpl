{{/* Not empty if any server is bundled, so that a Secret with passwords is needed. */}}
{{- define "voicepipe.hasBundled" -}}
{{- if or .Values.bundled.postgres.enabled .Values.bundled.nats.enabled .Values.bundled.objectStore.enabled }}yes{{ end -}}
{{- end -}}

{{/* The Secret of the bundled servers. */}}
{{- define "voicepipe.bundledSecret" -}}
{{- .Values.bundled.existingSecret | default (printf "%s-bundled" (include "voicepipe.fullname" .)) -}}
{{- end -}}

{{/* The Secret with the first API key; empty if there is none. */}}
{{- define "voicepipe.apiKeySecret" -}}
{{- if .Values.apiKey.existingSecret -}}
{{- .Values.apiKey.existingSecret -}}
{{- else if include "voicepipe.hasBundled" . -}}
{{- include "voicepipe.bundledSecret" . -}}
{{- end -}}
{{- end -}}

{{/* The key in that Secret. */}}
{{- define "voicepipe.apiKeyKey" -}}
{{- if .Values.apiKey.existingSecret }}{{ .Values.apiKey.key }}{{ else }}api-key{{ end -}}
{{- end -}}

{{/* Sources of a projected volume, each a file that the settings of our processes read. */}}
{{- define "voicepipe.databaseSecret" -}}
- secret:
    name: {{ ternary (include "voicepipe.bundledSecret" .) .Values.database.existingSecret .Values.bundled.postgres.enabled }}
    items:
      - {key: {{ ternary "database-url" .Values.database.urlKey .Values.bundled.postgres.enabled }}, path: voicepipe_database_url}
{{- end -}}

{{- define "voicepipe.natsSecret" -}}
- secret:
    name: {{ ternary (include "voicepipe.bundledSecret" .) .Values.nats.existingSecret .Values.bundled.nats.enabled }}
    items:
      - {key: {{ ternary "nats-url" .Values.nats.urlKey .Values.bundled.nats.enabled }}, path: voicepipe_nats_url}
      {{- if and (not .Values.bundled.nats.enabled) .Values.nats.credentialsKey }}
      - {key: {{ .Values.nats.credentialsKey }}, path: nats.creds}
      {{- end }}
{{- end -}}

{{- define "voicepipe.objectStoreSecret" -}}
{{- $bundled := .Values.bundled.objectStore.enabled -}}
- secret:
    name: {{ ternary (include "voicepipe.bundledSecret" .) .Values.objectStore.existingSecret $bundled }}
    items:
      - {key: {{ ternary "access-key" .Values.objectStore.accessKeyKey $bundled }}, path: voicepipe_s3_access_key}
      - {key: {{ ternary "secret-key" .Values.objectStore.secretKeyKey $bundled }}, path: voicepipe_s3_secret_key}
{{- end -}}

{{/* The volumes of a process that uses all three servers: (dict "root" $ "pod" $pod "scratch" "1Gi"). */}}
{{- define "voicepipe.volumes" -}}
{{ include "voicepipe.scratchVolume" .scratch }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- include "voicepipe.databaseSecret" .root | nindent 6 }}
      {{- include "voicepipe.natsSecret" .root | nindent 6 }}
      {{- include "voicepipe.objectStoreSecret" .root | nindent 6 }}
{{- if include "voicepipe.hasCa" .root }}
{{ include "voicepipe.caVolume" .root }}
{{- end }}
{{- with .pod.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The volumes of a process that uses NATS alone: (dict "root" $ "pod" $pod "scratch" "64Mi"). */}}
{{- define "voicepipe.natsVolumes" -}}
{{ include "voicepipe.scratchVolume" .scratch }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- include "voicepipe.natsSecret" .root | nindent 6 }}
{{- if include "voicepipe.hasCa" .root }}
{{ include "voicepipe.caVolume" .root }}
{{- end }}
{{- with .pod.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The mounts of either: (dict "root" $ "pod" $pod). */}}
{{- define "voicepipe.mounts" -}}
- {name: tmp, mountPath: /tmp}
- {name: secrets, mountPath: /run/voicepipe/secrets, readOnly: true}
{{- if include "voicepipe.hasCa" .root }}
- {name: ca, mountPath: /etc/voicepipe/ca, readOnly: true}
{{- end }}
{{- with .pod.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "voicepipe.caVolume" -}}
- name: ca
  {{- if .Values.caBundle.configMap }}
  configMap:
    name: {{ .Values.caBundle.configMap }}
  {{- else }}
  secret:
    secretName: {{ .Values.caBundle.secret }}
    defaultMode: 0440
  {{- end }}
    items:
      - {key: {{ .Values.caBundle.key }}, path: ca.crt}
{{- end -}}
