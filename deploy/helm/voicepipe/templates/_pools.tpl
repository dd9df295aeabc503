{{/* Settings of the transcribe workers of a pool: (list $ "accurate" .Values.pools.accurate). */}}
{{- define "voicepipe.poolSettings" -}}
{{- $root := index . 0 -}}
{{- $pool := index . 2 -}}
{{- $gpu := eq $pool.device "gpu" -}}
{{ include "voicepipe.settings" (list $root $root.Values.transcribe.terminationGracePeriodSeconds) }}
VOICEPIPE_POOL: {{ index . 1 }}
VOICEPIPE_TRITON_URL: {{ $pool.tritonUrl | default "127.0.0.1:8001" | quote }}
{{- $requests := $pool.modelRequests | default (ternary 16 3 $gpu) | int }}
{{- $concurrency := int $root.Values.transcribe.concurrency }}
{{- if $root.Values.autoscaler.enabled }}
{{- /* A recording has 16 chunks in the stream. A pod that took them all would leave nothing to the pods that are started for them. */}}
{{- $concurrency = min $concurrency (mul 2 $requests) }}
{{- end }}
VOICEPIPE_TRANSCRIBE_CONCURRENCY: {{ $concurrency | quote }}
VOICEPIPE_MODEL_REQUESTS: {{ $requests | quote }}
{{- with $pool.modelRequestsPerJob | default (ternary 0 2 $gpu) }}
VOICEPIPE_MODEL_REQUESTS_PER_JOB: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* Environment variables of a pool's Triton: (list "accurate" .Values.pools.accurate). */}}
{{- define "voicepipe.tritonEnv" -}}
{{- $pool := index . 1 -}}
- {name: VOICEPIPE_WHISPER_MODEL, value: {{ include "voicepipe.modelFolder" $pool.model }}}
- {name: VOICEPIPE_WHISPER_TIER, value: {{ index . 0 }}}
{{- if eq $pool.device "gpu" }}
- {name: VOICEPIPE_WHISPER_DEVICE, value: cuda}
{{- else }}
- {name: VOICEPIPE_WHISPER_DEVICE, value: cpu}
- {name: VOICEPIPE_TRITON_CONFIG, value: cpu}
{{- with $pool.threads }}
- {name: VOICEPIPE_WHISPER_THREADS, value: {{ . | quote }}}
{{- end }}
{{ include "voicepipe.deviceEnv" $pool }}
{{- end }}
{{- end -}}

{{/*
The Triton of a pool, beside its worker. As a sidecar (an init container with restartPolicy Always) it starts before the worker and stops
after it: (list $ "accurate" .Values.pools.accurate)
*/}}
{{- define "voicepipe.tritonContainer" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $pool := index . 2 -}}
- name: triton
  {{- include "voicepipe.imageLines" (list $root (ternary "tritonGpu" "triton" (eq $pool.device "gpu"))) | nindent 2 }}
  restartPolicy: Always
  {{- with include "voicepipe.env" (dict "env" (include "voicepipe.tritonEnv" (list $name $pool) | fromYamlArray) "extra" $pool.tritonExtraEnv) }}
  env:
    {{- . | nindent 4 }}
  {{- end }}
  ports:
    - {name: triton-metrics, containerPort: 8002}
  # Triton still reports ready when the process of its model is dead, so the probes look at that process and run the model.
  startupProbe:
    exec: {command: [python3, /srv/triton/probe.py, ready]}
    periodSeconds: 5
    timeoutSeconds: 10
    # 15 minutes: reading a large model from a cold disk is slow.
    failureThreshold: 180
  readinessProbe:
    exec: {command: [python3, /srv/triton/probe.py, ready]}
    periodSeconds: 10
    timeoutSeconds: 10
  livenessProbe:
    exec: {command: [python3, /srv/triton/probe.py, alive]}
    periodSeconds: 30
    timeoutSeconds: 10
    failureThreshold: 4
  resources:
    {{- include "voicepipe.deviceResources" (list $root $pool $pool.tritonResources) | nindent 4 }}
  securityContext:
    {{- include "voicepipe.containerSecurity" . | nindent 4 }}
  volumeMounts:
    - {name: models, mountPath: /models, readOnly: true}
    - {name: triton-tmp, mountPath: /tmp}
    - {name: shared-memory, mountPath: /dev/shm}
{{- end -}}
