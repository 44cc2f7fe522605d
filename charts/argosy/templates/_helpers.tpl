{{- define "argosy.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "argosy.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "argosy.name" .) .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "argosy.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "argosy.selectorLabels" -}}
app.kubernetes.io/name: {{ include "argosy.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "argosy.dashboardSelector" -}}
app.kubernetes.io/name: {{ include "argosy.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: dashboard
{{- end }}

{{- define "argosy.releaseLabels" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: argosy
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "argosy.labels" -}}
app.kubernetes.io/name: {{ include "argosy.name" . }}
{{ include "argosy.releaseLabels" . }}
{{- end }}

{{- define "argosy.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- .Values.serviceAccount.name | default (include "argosy.fullname" .) }}
{{- else }}
{{- .Values.serviceAccount.name | default "default" }}
{{- end }}
{{- end }}

{{- define "argosy.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* The rules of one scope, from the operator's own table of permissions. */}}
{{- define "argosy.rules" -}}
{{- $table := .root.Files.Get "files/permissions.yaml" | fromYaml }}
{{- index $table .scope | toYaml }}
{{- end }}

{{/* What the operator may do in every watched namespace. */}}
{{- define "argosy.workloadRules" -}}
{{ include "argosy.rules" (dict "root" . "scope" "workload") }}
{{- if .Values.steps.readSecrets }}
{{ include "argosy.rules" (dict "root" . "scope" "secrets") }}
{{- end }}
{{- end }}

{{/* Whether users' objects are reviewed before they are stored: not empty if so. */}}
{{- define "argosy.admission" -}}
{{- /* Values of a release from before there was such a thing may be used again. */}}
{{- if and (.Values.admission | default dict).enabled (not .Values.watchNamespaces) }}true{{ end }}
{{- end }}

{{/* Whether the chart's policies are installed: not empty if so. */}}
{{- define "argosy.policies" -}}
{{- if and .Values.admissionPolicies.enabled (or (not .Values.watchNamespaces) .Values.admissionPolicies.inWatchedNamespaces) }}true{{ end }}
{{- end }}

{{/* How policies are called: they are the cluster's, and those of an install for some namespaces one of several. */}}
{{- define "argosy.policyName" -}}
{{- if .Values.watchNamespaces }}{{ .Release.Namespace }}-{{ end }}{{ include "argosy.fullname" . }}
{{- end }}

{{/* What a binding of a policy is bound to: with watchNamespaces these alone. */}}
{{- define "argosy.policyScope" -}}
{{- with .Values.watchNamespaces }}
matchResources:
  namespaceSelector:
    matchExpressions:
    - {key: kubernetes.io/metadata.name, operator: In, values: {{ toJson . }}}
{{- end }}
{{- end }}

{{/* Whether a policy writes on each Operation who asked for it, which takes Kubernetes 1.36: not empty if so. */}}
{{- define "argosy.requesters" -}}
{{- $api := "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy" }}
{{- if and (include "argosy.policies" .) (.Capabilities.APIVersions.Has $api) }}true{{ end }}
{{- end }}

{{/* The Secret with which pods that build show themselves to the daemon; empty: they do not. */}}
{{- define "argosy.buildClientSecret" -}}
{{- $build := .Values.build | default dict }}
{{- if $build.clientSecret }}{{ $build.clientSecret }}{{ else if ($build.daemon).enabled }}{{ include "argosy.fullname" . }}-build-client{{ end }}
{{- end }}

{{/* Where pods that build find BuildKit; empty: nowhere. */}}
{{- define "argosy.buildAddress" -}}
{{- $build := .Values.build | default dict }}
{{- if $build.address }}{{ $build.address }}{{ else if ($build.daemon).enabled }}tcp://{{ include "argosy.fullname" . }}-buildkitd.{{ $build.daemon.namespace }}.svc:1234{{ end }}
{{- end }}

{{- define "argosy.subject" -}}
- kind: ServiceAccount
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
{{- end }}

{{/* A part of the pre-delete hook; the order in which it is made is the argument. */}}
{{- define "argosy.uninstallHook" -}}
helm.sh/hook: pre-delete
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{/* A part of `helm test`; the order in which it is made is the argument. */}}
{{- define "argosy.testHook" -}}
helm.sh/hook: test
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{/* A certificate that the operator serves with, in the Secret `name`, for `hosts`: one Secret, or what cert-manager makes
it from. */}}
{{- define "argosy.certificate" -}}
{{- $namespace := .root.Release.Namespace }}
{{- $manager := (.root.Values.admission | default dict).certManager | default dict }}
{{- if $manager.enabled }}
{{- if not $manager.issuerRef -}}
apiVersion: cert-manager.io/v1
kind: Issuer
metadata:
  name: {{ .name }}
  namespace: {{ $namespace }}
  labels:
    {{- include "argosy.labels" .root | nindent 4 }}
spec:
  selfSigned: {}
---
{{ end -}}
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: {{ .name }}
  namespace: {{ $namespace }}
  labels:
    {{- include "argosy.labels" .root | nindent 4 }}
spec:
  secretName: {{ .name }}
  dnsNames:
    {{- toYaml .hosts | nindent 4 }}
  issuerRef:
    {{- $manager.issuerRef | default (dict "kind" "Issuer" "name" .name) | toYaml | nindent 4 }}
{{- else }}
{{- /* Made once and kept by upgrades, until a year before its end. Without a cluster to look at, as in
`helm template`, there is a new one each time. */}}
{{- $kept := lookup "v1" "Secret" $namespace .name | default dict }}
{{- $until := dig "metadata" "annotations" "argosy.dev/valid-until" "0" $kept | int64 }}
{{- $data := $kept.data | default dict }}
{{- if or (lt $until (add (now | unixEpoch) 31536000 | int64)) (not (index $data "ca.crt")) }}
{{- $ca := genCA (printf "%s-ca" .name) 3650 }}
{{- $pair := genSignedCert (first .hosts) nil .hosts 3650 $ca }}
{{- $data = dict "ca.crt" (b64enc $ca.Cert) "tls.crt" (b64enc $pair.Cert) "tls.key" (b64enc $pair.Key) }}
{{- $until = add (now | unixEpoch) (mul 3650 86400) }}
{{- end -}}
apiVersion: v1
kind: Secret
metadata:
  name: {{ .name }}
  namespace: {{ $namespace }}
  labels:
    {{- include "argosy.labels" .root | nindent 4 }}
  annotations:
    argosy.dev/valid-until: {{ $until | quote }}
type: kubernetes.io/tls
data:
  {{- range $key := list "ca.crt" "tls.crt" "tls.key" }}
  {{ $key }}: {{ index $data $key }}
  {{- end }}
{{- end }}
{{- end }}

{{/* The Secret with the certificate of metrics; empty where they are in the plain, or not served. */}}
{{- define "argosy.metricsSecret" -}}
{{- /* Values of a release from before there was such a thing may be used again. */}}
{{- if and .Values.metrics.enabled .Values.metrics.secure }}
{{- if eq (int .Values.metrics.port) (int .Values.health.port) }}
{{- fail "metrics.port and health.port must differ with metrics.secure: kubelets show no token" }}
{{- end }}
{{- (.Values.metrics.tls | default dict).secretName | default (printf "%s-metrics" (include "argosy.fullname" .)) }}
{{- end }}
{{- end }}

{{/* The hosts that the chart's own certificate of metrics is for; what scrapes verifies the first. */}}
{{- define "argosy.metricsHosts" -}}
{{- $host := printf "%s-metrics.%s.svc" (include "argosy.fullname" .) .Release.Namespace }}
{{- list $host (printf "%s.cluster.local" $host) | toYaml }}
{{- end }}

{{/* How a monitor's endpoint reads metrics: `file` says whether it may name a file of Prometheus's own. */}}
{{- define "argosy.scrape" -}}
{{- $secret := include "argosy.metricsSecret" .root }}
{{- if $secret }}
{{- $metrics := .root.Values.metrics }}
{{- $tls := $metrics.tls | default dict }}
{{- $token := $metrics.tokenSecret | default dict -}}
scheme: https
{{- if $token.name }}
authorization:
  type: Bearer
  credentials: {name: {{ $token.name }}, key: {{ $token.key | default "token" }}}
{{- else if .file }}
bearerTokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token
{{- else }}
{{- fail "metrics.podMonitor needs metrics.tokenSecret.name, as a PodMonitor can name no file with Prometheus's own token: or use metrics.serviceMonitor, or metrics.secure=false" }}
{{- end }}
tlsConfig:
  {{- if $tls.insecureSkipVerify }}
  insecureSkipVerify: true
  {{- else }}
  serverName: {{ $tls.serverName | default (include "argosy.metricsHosts" .root | fromYamlArray | first) }}
  ca:
    secret: {name: {{ $secret }}, key: ca.crt}
  {{- end }}
{{- end }}
{{- end }}
