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
