{{/* The pod of the migrations Job. */}}
{{- define "voicepipe.migrationsPod" -}}
{{- $pod := include "voicepipe.pod" (list . .Values.migrations.pod) | fromYaml -}}
{{- $env := list (dict "name" "VOICEPIPE_SECRETS_DIR" "value" "/run/voicepipe/secrets") -}}
{{- $env = append $env (dict "name" "VOICEPIPE_API_KEY_USER" "value" .Values.apiKey.user) -}}
{{- /* A day, so that a slow start of the database does not count against backoffLimit. */ -}}
{{- $env = append $env (dict "name" "VOICEPIPE_DATABASE_WAIT_S" "value" "86400") -}}
metadata:
  {{- include "voicepipe.podMetadata" (dict "root" . "component" "migrations" "pod" $pod "checksum" "") | nindent 2 }}
spec:
  {{- include "voicepipe.podSpec" (dict "root" . "account" "migrations" "pod" $pod) | nindent 2 }}
  restartPolicy: Never
  containers:
    - name: migrations
      {{- include "voicepipe.imageLines" (list . "migrations") | nindent 6 }}
      {{- with include "voicepipe.env" (dict "env" $env "extra" $pod.extraEnv) }}
      env:
        {{- . | nindent 8 }}
      {{- end }}
      resources:
        {{- toYaml .Values.migrations.resources | nindent 8 }}
      securityContext:
        {{- include "voicepipe.containerSecurity" . | nindent 8 }}
      volumeMounts:
        {{- include "voicepipe.mounts" (dict "root" . "pod" $pod) | nindent 8 }}
  volumes:
    {{- include "voicepipe.scratchVolume" "16Mi" | nindent 4 }}
    - name: secrets
      projected:
        defaultMode: 0440
        sources:
          {{- include "voicepipe.databaseSecret" . | nindent 10 }}
          {{- with include "voicepipe.apiKeySecret" . }}
          - secret:
              name: {{ . }}
              items:
                - {key: {{ include "voicepipe.apiKeyKey" $ }}, path: voicepipe_api_key}
          {{- end }}
    {{- if include "voicepipe.hasCa" . }}
    {{- include "voicepipe.caVolume" . | nindent 4 }}
    {{- end }}
    {{- with $pod.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}
