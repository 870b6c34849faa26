# Numbers and names, worked out from the JSON files. It needs no provider, so it can be proved anywhere.

terraform {
  required_version = ">= 1.9"
}

variable "budget" {
  description = "budget.json"
  type        = any
}

variable "size" {
  description = "One of the budget's sizes."
  type        = string
}

variable "accounts" {
  description = "accounts.json: the service accounts of each namespace."
  type        = map(list(string))
}

variable "secrets" {
  description = "secrets.json: namespace, secret, key, and how its value is made."
  type        = map(map(map(string)))
}

locals {
  size       = var.budget[var.size]
  namespaces = local.size.namespaces
  available  = local.size.machine_mib - local.size.reserved_mib
  requested  = sum([for namespace in local.namespaces : namespace.requests_mib])
  limited    = sum([for namespace in local.namespaces : namespace.limits_mib])

  entries = merge([
    for namespace, secrets in var.secrets : merge([
      for name, keys in secrets : { for key, how in keys : "${namespace}/${name}/${key}" => how }
    ]...)
  ]...)
  # "postgres://user:{secret/KEY}@host": what is before, the key (of the same namespace, or {namespace/secret/KEY}), what is after.
  composed = {
    for path, how in local.entries : path => regex("^(?P<before>.*)\\{(?P<source>[^{}]+)\\}(?P<after>.*)$", how)
    if strcontains(how, "{")
  }
  sources = {
    for path, parts in local.composed : path => (
      length(split("/", parts.source)) == 3 ? parts.source : "${split("/", path)[0]}/${parts.source}"
    )
  }
  skeletons = merge([
    for namespace, secrets in var.secrets : {
      for name, keys in secrets : "${namespace}/${name}" => {
        namespace = namespace
        name      = name
        keys      = keys
      }
    }
  ]...)
  kinds = ["password", "hex32", "garage-key", "ed25519", "registry", "by-hand"]
}

output "quotas" {
  description = "ResourceQuota's hard limits by namespace."
  value = {
    for name, namespace in local.namespaces : name => {
      "requests.memory"         = "${namespace.requests_mib}Mi"
      "limits.memory"           = "${namespace.limits_mib}Mi"
      "requests.cpu"            = tostring(namespace.requests_cpu)
      "pods"                    = tostring(namespace.pods)
      "requests.storage"        = "${namespace.storage_gib}Gi"
      "services.loadbalancers"  = "0"
      "services.nodeports"      = "0"
      "requests.nvidia.com/gpu" = "0"
    }
  }

  precondition {
    condition     = local.requested <= local.available
    error_message = "The namespaces may ask for ${local.requested} MiB together; the machine has ${local.available} MiB for them."
  }

  precondition {
    # While pods are replaced, old and new may take what is reserved for the system, and never more than the machine has.
    condition     = local.limited <= local.size.machine_mib
    error_message = "The namespaces may take ${local.limited} MiB together; the machine has ${local.size.machine_mib} MiB."
  }

  precondition {
    condition     = alltrue([for namespace in local.namespaces : namespace.requests_mib <= namespace.limits_mib])
    error_message = "A namespace may ask for more than it may take."
  }
}

output "limits" {
  description = "LimitRange's numbers by namespace."
  value = {
    for name in keys(local.namespaces) : name => {
      default         = { cpu = "500m", memory = "128Mi" }
      default_request = { cpu = "10m", memory = "32Mi" }
      max             = { memory = "${var.budget.largest_container_mib[name]}Mi" }
    }
  }
}

output "accounts" {
  description = "Service accounts by namespace/name."
  value = merge([
    for namespace, names in var.accounts : {
      for name in names : "${namespace}/${name}" => { namespace = namespace, name = name }
    }
  ]...)

  precondition {
    condition     = alltrue([for namespace in keys(var.accounts) : contains(keys(local.namespaces), namespace)])
    error_message = "accounts.json names a namespace that the budget does not have."
  }
}

output "generated" {
  description = "The keys that are made, by how: paths namespace/secret/key."
  value = {
    for kind in ["password", "hex32", "garage-key", "ed25519", "registry"] :
    replace(kind, "-", "_") => toset([for path, how in local.entries : path if how == kind])
  }

  precondition {
    condition     = alltrue([for how in local.entries : contains(local.kinds, how) || strcontains(how, "{") || startswith(how, "=")])
    error_message = "secrets.json: a value is made as ${join(", ", local.kinds)}, as a text with {secret/KEY} in it, or is what follows =."
  }
}

output "composed" {
  description = "Values that hold another: what is before it, its path, what is after."
  value = {
    for path, parts in local.composed : path => {
      before = parts.before
      source = local.sources[path]
      after  = parts.after
    }
  }

  precondition {
    condition     = alltrue([for source in local.sources : contains(keys(local.entries), source)])
    error_message = "secrets.json: a text names a key that there is not."
  }
}

output "literal" {
  description = "Values that are no secret, and stand beside one: a login's name."
  value       = { for path, how in local.entries : path => trimprefix(how, "=") if startswith(how, "=") }
}

output "made" {
  description = "Secrets that are whole once Terraform has run."
  value = {
    for path, secret in local.skeletons : path => {
      namespace = secret.namespace
      name      = secret.name
      keys      = keys(secret.keys)
    } if !contains(values(secret.keys), "by-hand")
  }
}

output "by_hand" {
  description = "Secrets that people fill."
  value = {
    for path, secret in local.skeletons : path => {
      namespace = secret.namespace
      name      = secret.name
      keys      = keys(secret.keys)
    } if contains(values(secret.keys), "by-hand")
  }
}
