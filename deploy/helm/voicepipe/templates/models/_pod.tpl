{{/* The pod of the Job that downloads models: one container for each kind of model. */}}
{{- define "voicepipe.modelsPod" -}}
{{- $values := .Values.models.download -}}
{{- $pod := include "voicepipe.pod" (list . $values.pod) | fromYaml -}}
metadata:
  {{- include "voicepipe.podMetadata" (dict "root" . "component" "models" "pod" $pod "checksum" "") | nindent 2 }}
spec:
  {{- include "voicepipe.podSpec" (dict "root" . "account" "models" "pod" $pod) | nindent 2 }}
  restartPolicy: Never
  {{- if include "voicepipe.hasCa" . }}
  initContainers:
    {{- include "voicepipe.trust" . | nindent 4 }}
  {{- end }}
  containers:
    {{- with include "voicepipe.speechModels" . | fromYamlArray }}
    {{- include "voicepipe.pull" (dict "root" $ "pod" $pod "kind" "speech" "models" .) | nindent 4 }}
    {{- end }}
    {{- if .Values.diarizer.enabled }}
    {{- include "voicepipe.pull" (dict "root" . "pod" $pod "kind" "speakers" "models" (list .Values.diarizer.model)) | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "voicepipe.scratchVolume" "1Gi" | nindent 4 }}
    {{- include "voicepipe.modelsVolume" . | nindent 4 }}
    {{- if include "voicepipe.hasCa" . }}
    {{- include "voicepipe.caVolume" . | nindent 4 }}
    {{- end }}
    {{- with $pod.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* The speech models that pods of this release load. */}}
{{- define "voicepipe.speechModels" -}}
{{- $models := list -}}
{{- range .Values.pools }}{{ if and .enabled (not .tritonUrl) }}{{ $models = append $models .model }}{{ end }}{{ end -}}
{{- $models | uniq | sortAlpha | toJson -}}
{{- end -}}

{{/*
The init container that writes the file of all trusted authorities. pip and the hub's client read a single file, which
replaces the system's.
*/}}
{{- define "voicepipe.trust" -}}
- name: trust
  {{- include "voicepipe.imageLines" (list . "modelDownload") | nindent 2 }}
  command: [sh, -c, "cat /etc/ssl/certs/ca-certificates.crt /etc/voicepipe/ca/ca.crt >/tmp/authorities.crt"]
  resources:
    requests: {cpu: 10m, memory: 32Mi, ephemeral-storage: 16Mi}
    limits: {memory: 128Mi}
  securityContext:
    {{- include "voicepipe.containerSecurity" . | nindent 4 }}
  volumeMounts:
    - {name: tmp, mountPath: /tmp}
    - {name: ca, mountPath: /etc/voicepipe/ca, readOnly: true}
{{- end -}}

{{/* A container that pulls models: (dict "root" $ "pod" $pod "kind" "speech" "models" (list ...)). */}}
{{- define "voicepipe.pull" -}}
{{- $values := .root.Values.models.download -}}
{{- $env := list (dict "name" "VOICEPIPE_MODELS_DIR" "value" "/models") (dict "name" "HOME" "value" "/tmp") -}}
{{- if include "voicepipe.hasCa" .root -}}
{{- range list "PIP_CERT" "SSL_CERT_FILE" }}{{ $env = append $env (dict "name" . "value" "/tmp/authorities.crt") }}{{ end -}}
{{- end -}}
{{- with $values.hubTokenSecret -}}
{{- $reference := dict "name" . "key" $values.hubTokenKey -}}
{{- $env = append $env (dict "name" "VOICEPIPE_HUB_TOKEN" "valueFrom" (dict "secretKeyRef" $reference)) -}}
{{- end -}}
- name: {{ .kind }}
  {{- include "voicepipe.imageLines" (list .root "modelDownload") | nindent 2 }}
  command: [python, -m, voicepipe_models, pull, --kind, {{ .kind }}]
  args: {{ toJson .models }}
  {{- with include "voicepipe.env" (dict "env" $env "extra" .pod.extraEnv) }}
  env:
    {{- . | nindent 4 }}
  {{- end }}
  resources:
    {{- toYaml $values.resources | nindent 4 }}
  securityContext:
    {{- include "voicepipe.containerSecurity" . | nindent 4 }}
  volumeMounts:
    - {name: tmp, mountPath: /tmp}
    - {name: models, mountPath: /models}
    {{- with .pod.extraVolumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}
