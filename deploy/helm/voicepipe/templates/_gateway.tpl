{{/* Not empty if the bundled Caddy runs. */}}
{{- define "voicepipe.hasCaddy" -}}
{{- if has .Values.gateway.type (list "caddy" "ingress") }}yes{{ end -}}
{{- end -}}

{{/* Not empty if Caddy speaks HTTPS. */}}
{{- define "voicepipe.caddyTls" -}}
{{- if and (eq .Values.gateway.type "caddy") .Values.gateway.tlsSecret }}yes{{ end -}}
{{- end -}}

{{/* Base URLs inside the cluster: Caddy's, or those of the two services that it would route to. (list $ "upload") */}}
{{- define "voicepipe.internalUrl" -}}
{{- $name := include "voicepipe.fullname" (index . 0) -}}
{{- if include "voicepipe.caddyTls" (index . 0) -}}
https://{{ $name }}-gateway
{{- else if include "voicepipe.hasCaddy" (index . 0) -}}
http://{{ $name }}-gateway
{{- else -}}
http://{{ $name }}-{{ index . 1 }}:8000
{{- end -}}
{{- end -}}

{{/*
Annotations of an Ingress. nginx: no limit on the body, no buffering in either direction, an hour without data. Traefik has no such
limits per route, so it only gets the entry point.
*/}}
{{- define "voicepipe.ingressPreset" -}}
{{- if eq .preset "nginx" -}}
nginx.ingress.kubernetes.io/proxy-body-size: "0"
nginx.ingress.kubernetes.io/proxy-request-buffering: "off"
nginx.ingress.kubernetes.io/proxy-buffering: "off"
nginx.ingress.kubernetes.io/proxy-http-version: "1.1"
nginx.ingress.kubernetes.io/proxy-read-timeout: "3600"
nginx.ingress.kubernetes.io/proxy-send-timeout: "3600"
nginx.org/client-max-body-size: "0"
nginx.org/proxy-buffering: "False"
nginx.org/proxy-read-timeout: 3600s
nginx.org/proxy-send-timeout: 3600s
{{- else if eq .preset "traefik" -}}
traefik.ingress.kubernetes.io/router.entrypoints: {{ ternary "websecure" "web" (not (empty .tlsSecret)) }}
{{- else -}}
{}
{{- end -}}
{{- end -}}
