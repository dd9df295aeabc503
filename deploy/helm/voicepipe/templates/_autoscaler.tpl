{{/* Not empty if something else than the chart sets the replicas of the workers. */}}
{{- define "voicepipe.isScaled" -}}
{{- if or .Values.autoscaler.enabled .Values.autoscaler.external }}yes{{ end -}}
{{- end -}}

{{/*
The WorkerPool of a Deployment: (dict "root" $ "name" "transcribe-fast" "stage" "transcribe" "pool" "fast" "slots" 3 "scaling" .Values.pools.fast.scaling).
*/}}
{{- define "voicepipe.workerPool" -}}
apiVersion: voicepipe.io/v1alpha1
kind: WorkerPool
metadata:
  name: {{ include "voicepipe.fullname" .root }}-{{ .name }}
  labels:
    {{- include "voicepipe.labels" .root | nindent 4 }}
    app.kubernetes.io/component: autoscaler
spec:
  target: {name: {{ include "voicepipe.fullname" .root }}-{{ .name }}}
  queue: {stage: {{ .stage }}{{ with .pool }}, pool: {{ . }}{{ end }}}
  slots: {{ .slots }}
  min: {{ .scaling.min }}
  max: {{ .scaling.max }}
  targets:
    - {priority: premium, seconds: {{ .scaling.premiumSeconds }}}
    - {priority: standard, seconds: {{ .scaling.standardSeconds }}}
  speed: {{ .scaling.speed }}
  coldStartSeconds: {{ .scaling.coldStartSeconds }}
  cooldownSeconds: {{ .scaling.cooldownSeconds }}
  downStabilisationSeconds: {{ .scaling.downStabilisationSeconds }}
  nodeAutoscaling: {{ .scaling.nodeAutoscaling }}
  {{- with .scaling.schedules }}
  schedules:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
