# What outlives releases: namespaces, what each may take, who runs in them, and their secrets. What runs is in ../k8s.

locals {
  budget   = jsondecode(file("${path.module}/budget.json"))
  accounts = jsondecode(file("${path.module}/accounts.json"))
  secrets  = jsondecode(file("${path.module}/secrets.json"))
}

# The arithmetic, without any provider: `terraform test` proves it without a cluster.
module "plan" {
  source = "./modules/plan"

  budget   = local.budget
  size     = var.size
  accounts = local.accounts
  secrets  = local.secrets
}

resource "kubernetes_namespace_v1" "this" {
  for_each = module.plan.quotas

  metadata {
    name = each.key
    labels = {
      "app.kubernetes.io/part-of"                  = "geocrop"
      "pod-security.kubernetes.io/enforce"         = "restricted"
      "pod-security.kubernetes.io/enforce-version" = "v1.36"
      "pod-security.kubernetes.io/warn"            = "restricted"
    }
  }

  lifecycle {
    # It holds the volumes: a slip must not take the data with it.
    prevent_destroy = true
  }
}

resource "kubernetes_resource_quota_v1" "this" {
  for_each = module.plan.quotas

  metadata {
    name      = "all"
    namespace = kubernetes_namespace_v1.this[each.key].metadata[0].name
  }

  spec {
    hard = each.value
  }
}

resource "kubernetes_limit_range_v1" "this" {
  for_each = module.plan.limits

  metadata {
    name      = "containers"
    namespace = kubernetes_namespace_v1.this[each.key].metadata[0].name
  }

  spec {
    limit {
      type = "Container"
      # For what others bring without numbers of its own: cert-manager's solver, Argo's executor.
      default         = each.value.default
      default_request = each.value.default_request
      max             = each.value.max
    }
  }
}

resource "kubernetes_service_account_v1" "this" {
  for_each = module.plan.accounts

  metadata {
    name      = each.value.name
    namespace = kubernetes_namespace_v1.this[each.value.namespace].metadata[0].name
  }

  # A pod that needs the Kubernetes API says so itself.
  automount_service_account_token = false
}
