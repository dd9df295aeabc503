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
Not empty if two host names of the Gateway API share a host: (list "*.example.org" "a.example.org"). A name that begins with `*.` is
every host with one or more labels before the rest.
*/}}
{{- define "voicepipe.hostsIntersect" -}}
{{- $one := lower (index . 0) -}}
{{- $other := lower (index . 1) -}}
{{- if or (eq $one $other)
  (and (hasPrefix "*." $one) (hasSuffix (trimPrefix "*" $one) $other))
  (and (hasPrefix "*." $other) (hasSuffix (trimPrefix "*" $other) $one)) -}}
yes
{{- end -}}
{{- end -}}

{{/* The gRPC services by the component that serves them; status knows the health and the methods of all. */}}
{{- define "voicepipe.grpcServices" -}}
upload: [voicepipe.api.v1.Uploads]
status:
  - voicepipe.api.v1.Transcriptions
  - voicepipe.api.v1.Installation
  - voicepipe.api.v1.Admin
  - grpc.health.v1.Health
  - grpc.reflection.v1alpha.ServerReflection
{{- end -}}

{{/*
Annotations of an Ingress: (list $ $tlsSecret). nginx: no limit on the body, no buffering in either direction, an hour without data.
Traefik has no such limits per route, so it only gets the entry point.
*/}}
{{- define "voicepipe.ingressPreset" -}}
{{- $preset := (index . 0).Values.gateway.ingress.preset -}}
{{- if eq $preset "nginx" -}}
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
{{- else if eq $preset "traefik" -}}
traefik.ingress.kubernetes.io/router.entrypoints: {{ ternary "websecure" "web" (not (empty (index . 1))) }}
{{- else -}}
{}
{{- end -}}
{{- end -}}

{{/* Annotations of the Ingress for gRPC, besides those of the preset: both controllers called nginx speak HTTP/1.1 to Caddy otherwise. */}}
{{- define "voicepipe.grpcIngressPreset" -}}
{{- if eq .Values.gateway.ingress.preset "nginx" -}}
nginx.ingress.kubernetes.io/backend-protocol: GRPC
nginx.org/grpc-services: {{ include "voicepipe.fullname" . }}-gateway
{{- else -}}
{}
{{- end -}}
{{- end -}}

{{/* Annotations of Caddy's Service that a preset needs. Traefik then speaks HTTP/2 to Caddy, so gRPC needs no Ingress of its own. */}}
{{- define "voicepipe.gatewayServicePreset" -}}
{{- if and (eq .Values.gateway.type "ingress") (eq .Values.gateway.ingress.preset "traefik") -}}
traefik.ingress.kubernetes.io/service.serversscheme: h2c
{{- else -}}
{}
{{- end -}}
{{- end -}}

{{/* An Ingress to Caddy: (dict "root" $ "suffix" "-grpc" "host" $host "tlsSecret" $secret "annotations" $annotations). */}}
{{- define "voicepipe.ingress" -}}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ include "voicepipe.fullname" .root }}{{ .suffix }}
  labels:
    {{- include "voicepipe.labels" .root | nindent 4 }}
    app.kubernetes.io/component: gateway
  {{- with .annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with .root.Values.gateway.ingress.className }}
  ingressClassName: {{ . }}
  {{- end }}
  {{- with .tlsSecret }}
  tls:
    - secretName: {{ . }}
      {{- with $.host }}
      hosts: [{{ . | quote }}]
      {{- end }}
  {{- end }}
  rules:
    # An Ingress cannot send POST /v1/transcriptions to upload and GET to status, so everything goes through Caddy.
    - http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: {{ include "voicepipe.fullname" .root }}-gateway
                port: {name: http}
      {{- with .host }}
      host: {{ . | quote }}
      {{- end }}
{{- end -}}
