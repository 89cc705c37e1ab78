{{/* Of every object. */}}
{{- define "image-security.labels" -}}
app.kubernetes.io/name: image-security
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") }}
{{- end }}

{{/* The objects of a file of files/, which are those of config/ and crds/, as {items: [...]}, in the release's namespace and with its labels. CRDs
have none, and name one in their examples. */}}
{{- define "image-security.read" -}}
{{- $root := .root }}
{{- $items := list }}
{{- $text := $root.Files.Get .path }}
{{- if not (hasPrefix "files/crds/" .path) }}{{ $text = replace "image-security-system" $root.Release.Namespace $text }}{{ end }}
{{- range splitList "\n---\n" $text }}
{{- $object := fromYaml . }}
{{- if $object.Error }}{{ fail $object.Error }}{{ end }}
{{- $_ := set $object.metadata "labels" (mergeOverwrite (default dict $object.metadata.labels) (include "image-security.labels" $root | fromYaml)) }}
{{- $items = append $items $object }}
{{- end }}
{{- dict "items" $items | toYaml }}
{{- end }}

{{/* All objects of the files that a pattern names, as they are, but for the files in `except`. */}}
{{- define "image-security.manifests" -}}
{{- $root := .root }}
{{- $except := default list .except }}
{{- range $path, $_ := .root.Files.Glob .files }}
{{- if not (has (base $path) $except) }}
{{- range (include "image-security.read" (dict "root" $root "path" $path) | fromYaml).items }}
---
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The one object of a file. */}}
{{- define "image-security.object" -}}
{{ index (include "image-security.read" . | fromYaml).items 0 | toYaml }}
{{- end }}

{{/* Fills in values that are null, and those that were not there yet when the values were written that `helm upgrade --reuse-values` brings back. */}}
{{- define "image-security.defaults" -}}
{{- $values := .Values }}
{{- range $name, $default := .Files.Get "defaults.yaml" | fromYaml }}
{{- $given := index $values $name }}
{{- if kindIs "invalid" $given }}{{ $_ := set $values $name $default }}
{{- else if kindIs "map" $default }}
{{- range $key, $value := $default }}
{{- if kindIs "invalid" (index $given $key) }}{{ $_ := set $given $key $value }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Fails where two of the items have the same key: clients merge such lists each in its own way, down to a port that is gone without a word. */}}
{{- define "image-security.distinct" -}}
{{- $seen := dict }}
{{- $key := .key }}
{{- $value := .value }}
{{- range .items }}
{{- $name := index . $key | toString | trimSuffix "/" }}
{{- if hasKey $seen $name }}{{ fail (printf "%s: the %s %q is there twice, or is the chart's own; give another" $value $key $name) }}{{ end }}
{{- $_ := set $seen $name true }}
{{- end }}
{{- end }}

{{- define "image-security.image" -}}
{{- with .Values.image }}
{{- $repository := required "image.repository: name the registry and repository that you pushed the image to" .repository }}
{{- $component := "[a-z0-9]+(?:[._-]+[a-z0-9]+)*" }}
{{- if not (regexMatch (printf "^(?:(?:[A-Za-z0-9.-]+|\\[[0-9a-fA-F:]+\\])(?::[0-9]+)?/)?%s(?:/%s)*$" $component $component) $repository) }}
{{- fail (printf "image.repository: %q is no repository; write one such as registry.company.com/security/image-security, without https:// and without a tag" $repository) }}
{{- end }}
{{- if .digest }}{{ $repository }}@{{ .digest }}
{{- else }}{{ $repository }}:{{ required "image.digest: give the image's digest, as `crane digest REPOSITORY:TAG` prints it (or, knowing that a tag can be moved, image.tag)" .tag }}
{{- end }}
{{- end }}
{{- end }}

{{/* Values that switch a part on, which is a component of rights and the settings that use them. */}}
{{- define "image-security.parts" -}}
pullSecrets: {component: pull-secrets, settings: {readPullSecrets: true}}
admissionPolicies: {component: admission-policies, settings: {admissionPolicies: Registries}}
openReports: {component: open-reports, settings: {openReports: true}}
{{- end }}

{{/* What the parts that are switched on ask of the operator, and over it `settings`: by the names of the flags. */}}
{{- define "image-security.settings" -}}
{{- $settings := dict "webhookService" "image-security-webhook" }}
{{- range $name, $part := include "image-security.parts" . | fromYaml }}
{{- if (index $.Values $name).enabled }}{{ $settings = merge $settings $part.settings }}
{{- else }}
{{- range $setting, $value := $part.settings }}
{{- if eq (toString (get $.Values.settings $setting)) (toString $value) }}{{ fail (printf "settings.%s: set %s.enabled instead, which brings the rights as well" $setting $name) }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
{{- if .Values.certManager.enabled }}{{ $_ := set $settings "certificateFiles" "/etc/image-security/certificates" }}{{ end }}
{{- with .Values.clientCertificates }}
{{- if .enabled }}
{{- $_ := set $settings "webhookClientCa" "/etc/image-security/client-ca/ca.crt" }}
{{- $_ := set $settings "webhookClientNames" .names }}
{{- $_ := set $settings "webhookAuthenticationAction" .action }}
{{- end }}
{{- end }}
{{- $given := deepCopy .Values.settings }}
{{- /* YAML of before 2009, which Helm reads, takes `off` for false. */}}
{{- range $name, $word := dict "admissionPolicies" "Off" "metricsPort" "off" }}
{{- if eq (toString (get $given $name)) "false" }}{{ $_ := set $given $name $word }}{{ end }}
{{- end }}
{{- $settings = mergeOverwrite $settings $given }}
{{- if .Values.rbac.trustedNamespaces }}
{{- $_ := set $settings "trustNamespaces" (concat (default list $settings.trustNamespaces) .Values.rbac.trustedNamespaces | uniq) }}
{{- end }}
{{- toYaml $settings }}
{{- end }}

{{/* Them as flags, {flags: [...]}. YAML reads every number as a float, which would be written 1e+06. */}}
{{- define "image-security.flags" -}}
{{- $flags := list }}
{{- range $name, $value := include "image-security.settings" . | fromYaml }}
{{- if kindIs "slice" $value }}{{ $value = join "," $value }}
{{- else if kindIs "float64" $value }}{{ $value = int64 $value }}
{{- end }}
{{- $flags = append $flags (printf "--%s=%v" (kebabcase $name) $value) }}
{{- end }}
{{- dict "flags" $flags | toYaml }}
{{- end }}
