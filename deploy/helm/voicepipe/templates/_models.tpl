{{/* The names of the pools that are served, separated by commas. */}}
{{- define "voicepipe.poolNames" -}}
{{- $names := list -}}
{{- range $name, $pool := .Values.pools }}{{ if $pool.enabled }}{{ $names = append $names $name }}{{ end }}{{ end -}}
{{- join "," $names -}}
{{- end -}}

{{/* The folder of a model, by the name that `voicepipe-models pull` gives it. */}}
{{- define "voicepipe.modelFolder" -}}
/models/{{ . | trimSuffix "@main" | replace "/" "--" }}
{{- end -}}

{{/* The volume of the models. */}}
{{- define "voicepipe.modelsVolume" -}}
- name: models
  {{- if eq .Values.models.source "image" }}
  emptyDir:
    sizeLimit: {{ .Values.models.image.sizeLimit }}
  {{- else }}
  persistentVolumeClaim:
    claimName: {{ include "voicepipe.modelsClaim" . }}
  {{- end }}
{{- end -}}

{{- define "voicepipe.modelsClaim" -}}
{{- if eq .Values.models.source "claim" }}{{ .Values.models.claim.name }}{{ else }}{{ include "voicepipe.fullname" . }}-models{{ end -}}
{{- end -}}

{{/*
The init container that provides the model: (dict "root" $ "image" "triton" "model" "whisper-base"). It copies the models from
their image, or waits for the folder, which appears by one rename when it is complete. So a pod that lacks its model is shown as
`Init:0/1`, its log says what it waits for, and nothing is restarted.
*/}}
{{- define "voicepipe.modelContainer" -}}
- name: model
  {{- if eq .root.Values.models.source "image" }}
  {{- include "voicepipe.imageLines" (list .root "models") | nindent 2 }}
  command: [cp, -R, /models/., /target/]
  {{- else }}
  {{- include "voicepipe.imageLines" (list .root .image) | nindent 2 }}
  command:
    - sh
    - -c
    - |
      trap 'exit 143' TERM
      until [ -d "$MODEL" ]; do
        echo "waiting for the model $MODEL in the volume {{ include "voicepipe.modelsClaim" .root }}"
        for second in 1 2 3 4 5 6 7 8 9 10; do [ -d "$MODEL" ] || sleep 1; done
      done
      echo "found the model $MODEL"
  env:
    - {name: MODEL, value: {{ include "voicepipe.modelFolder" .model }}}
  {{- end }}
  resources:
    requests: {cpu: 10m, memory: 32Mi, ephemeral-storage: 16Mi}
    limits: {memory: 128Mi}
  securityContext:
    {{- include "voicepipe.containerSecurity" . | nindent 4 }}
  volumeMounts:
    {{- if eq .root.Values.models.source "image" }}
    - {name: models, mountPath: /target}
    {{- else }}
    - {name: models, mountPath: /models, readOnly: true}
    {{- end }}
{{- end -}}
