{{/* The pod settings of a component with a `device`, (list $ .Values.diarizer): on a GPU with the nodes and taints of `gpu`. */}}
{{- define "voicepipe.devicePod" -}}
{{- $root := index . 0 -}}
{{- $own := index . 1 -}}
{{- $pod := include "voicepipe.pod" (list $root $own.pod) | fromYaml -}}
{{- if eq $own.device "gpu" -}}
{{- $_ := set $pod "nodeSelector" (merge (dict) $pod.nodeSelector $root.Values.gpu.nodeSelector) -}}
{{- $_ := set $pod "tolerations" (concat $root.Values.gpu.tolerations $pod.tolerations) -}}
{{- end -}}
{{- toYaml $pod -}}
{{- end -}}

{{- define "voicepipe.runtimeClass" -}}
{{- if and (eq (index . 1).device "gpu") (index . 0).Values.gpu.runtimeClassName -}}
runtimeClassName: {{ (index . 0).Values.gpu.runtimeClassName }}
{{- end -}}
{{- end -}}

{{/* Hides the GPUs from a pod that requests none, on a node whose default runtime is NVIDIA's. */}}
{{- define "voicepipe.deviceEnv" -}}
{{- if eq .device "cpu" -}}
- {name: NVIDIA_VISIBLE_DEVICES, value: void}
{{- else -}}
[]
{{- end -}}
{{- end -}}

{{/* Resources of a container, with the GPU if it has one: (list $ .Values.diarizer .Values.diarizer.resources). */}}
{{- define "voicepipe.deviceResources" -}}
{{- $resources := deepCopy (index . 2) -}}
{{- if eq (index . 1).device "gpu" -}}
{{- $limits := $resources.limits | default dict -}}
{{- $_ := set $limits (index . 0).Values.gpu.resourceName 1 -}}
{{- $_ := set $resources "limits" $limits -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end -}}
