{{/* The beginning of all names, short enough for the longest suffix. */}}
{{- define "voicepipe.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains "voicepipe" .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-voicepipe" .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels of every object; `app.kubernetes.io/component` is added where an object belongs to one. */}}
{{- define "voicepipe.labels" -}}
{{ include "voicepipe.selector" . }}
app.kubernetes.io/part-of: voicepipe
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- end -}}

{{/* Labels that select objects of this release. They never change. */}}
{{- define "voicepipe.selector" -}}
app.kubernetes.io/name: voicepipe
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* The image of (list $ "upload"), with tag and digest. */}}
{{- define "voicepipe.image" -}}
{{- $root := index . 0 -}}
{{- $image := index $root.Values.images (index . 1) -}}
{{- with $root.Values.imageRegistry }}{{ trimSuffix "/" . }}/{{ end -}}
{{- $image.repository }}:{{ $image.tag | default $root.Chart.AppVersion -}}
{{- end -}}

{{/* The lines `image` and `imagePullPolicy` of (list $ "upload"). */}}
{{- define "voicepipe.imageLines" -}}
image: {{ include "voicepipe.image" . | quote }}
imagePullPolicy: {{ (index (index . 0).Values.images (index . 1)).pullPolicy }}
{{- end -}}
