{{/*
The pod settings of a component, (list $ .Values.upload.pod): podDefaults with the component's own. Maps are merged, lists appended.
*/}}
{{- define "voicepipe.pod" -}}
{{- $defaults := (index . 0).Values.podDefaults -}}
{{- $own := index . 1 -}}
annotations: {{ merge (dict) ($own.annotations | default dict) $defaults.annotations | toJson }}
labels: {{ merge (dict) ($own.labels | default dict) $defaults.labels | toJson }}
nodeSelector: {{ merge (dict) ($own.nodeSelector | default dict) $defaults.nodeSelector | toJson }}
tolerations: {{ concat $defaults.tolerations ($own.tolerations | default list) | default list | toJson }}
affinity: {{ merge (dict) ($own.affinity | default dict | deepCopy) ($defaults.affinity | deepCopy) | toJson }}
priorityClassName: {{ $own.priorityClassName | default $defaults.priorityClassName | toJson }}
extraEnv: {{ concat $defaults.extraEnv ($own.extraEnv | default list) | default list | toJson }}
extraVolumes: {{ concat $defaults.extraVolumes ($own.extraVolumes | default list) | default list | toJson }}
extraVolumeMounts: {{ concat $defaults.extraVolumeMounts ($own.extraVolumeMounts | default list) | default list | toJson }}
{{- end -}}

{{/* Labels and annotations of a pod: (dict "root" $ "component" "upload" "pod" $pod "checksum" "..."). */}}
{{- define "voicepipe.podMetadata" -}}
labels:
  {{- include "voicepipe.selector" .root | nindent 2 }}
  app.kubernetes.io/part-of: voicepipe
  app.kubernetes.io/component: {{ .component }}
  {{- with .pod.labels }}{{ toYaml . | nindent 2 }}{{ end }}
{{- $annotations := deepCopy .pod.annotations }}
{{- with .checksum }}{{ $_ := set $annotations "checksum/config" . }}{{ end }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/*
A checksum of the settings of a component, (list $ "upload"), and of nothing else: a change of them restarts its pods and no others.
*/}}
{{- define "voicepipe.checksum" -}}
{{- $root := index . 0 -}}
{{- $file := printf "%s/%s/configmap.yaml" $root.Template.BasePath (index . 1) -}}
{{- (include $file $root | fromYaml).data | toJson | sha256sum -}}
{{- end -}}

{{/* What every pod has: (dict "root" $ "account" "upload" "pod" $pod), with "token" true for one that uses the Kubernetes API. */}}
{{- define "voicepipe.podSpec" -}}
serviceAccountName: {{ include "voicepipe.fullname" .root }}-{{ .account }}
automountServiceAccountToken: {{ .token | default false }}
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  # Without this, every start of a pod changes the owner of every file of its volumes.
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .pod.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .pod.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .pod.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .pod.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Spread the pods of a component over zones and nodes where that is possible: (list $ "upload"). */}}
{{- define "voicepipe.spread" -}}
{{- range $index, $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" -}}
{{- if $index }}{{ "\n" }}{{ end -}}
- topologyKey: {{ $key }}
  maxSkew: 1
  whenUnsatisfiable: ScheduleAnyway
  nodeTaintsPolicy: Honor
  matchLabelKeys: [pod-template-hash]
  labelSelector:
    matchLabels:
      {{- include "voicepipe.selector" (index $ 0) | nindent 6 }}
      app.kubernetes.io/component: {{ index $ 1 }}
{{- end -}}
{{- end -}}

{{/* What every container has. */}}
{{- define "voicepipe.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/*
Environment variables of a container: (dict "root" $ "env" (list ...) "extra" $pod.extraEnv). Only the last one of a name is kept:
server-side apply refuses duplicates.
*/}}
{{- define "voicepipe.env" -}}
{{- $all := concat .env .extra -}}
{{- $last := dict -}}
{{- range $index, $variable := $all }}{{ $_ := set $last $variable.name $index }}{{ end -}}
{{- $kept := list -}}
{{- range $index, $variable := $all -}}
{{- if eq $index (get $last $variable.name | int) }}{{ $kept = append $kept $variable }}{{ end -}}
{{- end -}}
{{- with $kept }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{/* Probes of our processes. /healthz answers as soon as the process runs; /readyz also says what is missing. */}}
{{- define "voicepipe.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: 1
  # Importing torch from a cold disk is slow.
  failureThreshold: 120
readinessProbe:
  httpGet: {path: /readyz, port: http}
  periodSeconds: 5
  timeoutSeconds: 5
livenessProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end -}}

{{/* The volume /tmp, of the given size. On disk, because in memory it would count as memory of the container. */}}
{{- define "voicepipe.scratchVolume" -}}
- name: tmp
  emptyDir:
    sizeLimit: {{ . }}
{{- end -}}
