{{/* Likely mistakes, one a line. They do not stop an installation. */}}
{{- define "voicepipe.warnings" -}}
{{- if include "voicepipe.hasBundled" . }}
The bundled servers have one pod and no backup each. For production set production: true; helm then says what else to set.
{{- end }}
{{- if and .Values.publicUrl (hasPrefix "http://" .Values.publicUrl) .Values.production }}
publicUrl is not HTTPS: API keys and recordings travel in the clear.
{{- end }}
{{- if and (eq .Values.gateway.type "caddy") (eq .Values.gateway.service.type "LoadBalancer") (not .Values.gateway.tlsSecret) }}
The gateway is a LoadBalancer without TLS: set gateway.tlsSecret, or terminate TLS in front of it.
{{- end }}
{{- if and (eq .Values.models.source "download") (has "ReadWriteOnce" .Values.models.download.accessModes) .Values.production }}
The volume of the models is ReadWriteOnce: all pods with models run on one node. Use a class with ReadWriteMany, or models.source: image.
{{- end }}
{{- if and .Values.production (lt (int .Values.upload.replicas) 2) (not .Values.upload.autoscaling.enabled) }}
upload.replicas is 1: uploads fail while its pod is replaced.
{{- end }}
{{- if and .Values.production (lt (int .Values.nats.replicas) 2) }}
nats.replicas is 1: if its NATS server is lost, so is the queue. Use 3 on a cluster of three servers.
{{- end }}
{{- if not .Values.networkPolicy.enabled }}
networkPolicy.enabled is false: every pod of the cluster can reach Voicepipe's pods.
{{- end }}
{{- if lt (int .Values.upload.terminationGracePeriodSeconds) 60 }}
upload.terminationGracePeriodSeconds is short: when a pod stops, uploads by a single POST that take longer fail.
{{- end }}
{{- end -}}
