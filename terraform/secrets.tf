# Secrets are made here and nowhere else: none is in the repository. They are in Terraform's state, so the state is a secret too
# (docs/operations/security.md).

resource "random_password" "this" {
  for_each = module.plan.generated.password

  length = 32
  # Some stand in addresses.
  special = false
}

resource "random_bytes" "key" {
  for_each = module.plan.generated.hex32

  length = 32
}

resource "random_bytes" "name" {
  for_each = module.plan.generated.garage_key

  length = 12
}

resource "tls_private_key" "this" {
  for_each = module.plan.generated.ed25519

  algorithm = "ED25519"
}

locals {
  generated = merge(
    { for key in module.plan.generated.password : key => random_password.this[key].result },
    { for key in module.plan.generated.hex32 : key => random_bytes.key[key].hex },
    # Garage knows its keys by this form.
    { for key in module.plan.generated.garage_key : key => "GK${random_bytes.name[key].hex}" },
    { for key in module.plan.generated.ed25519 : key => tls_private_key.this[key].private_key_pem_pkcs8 },
    { for key in module.plan.generated.registry : key => jsonencode({
      auths = var.registry.user == "" ? {} : {
        (var.registry.host) = { auth = base64encode("${var.registry.user}:${var.registry.password}") }
      }
    }) },
  )
  composed = {
    for key, parts in module.plan.composed : key => "${parts.before}${local.generated[parts.source]}${parts.after}"
  }
  values = merge(local.generated, local.composed, module.plan.literal)
}

resource "kubernetes_secret_v1" "made" {
  for_each = module.plan.made

  metadata {
    name      = each.value.name
    namespace = kubernetes_namespace_v1.this[each.value.namespace].metadata[0].name
  }

  type = each.value.name == "registry" ? "kubernetes.io/dockerconfigjson" : "Opaque"
  data = { for key in each.value.keys : key => local.values["${each.key}/${key}"] }
}

# What only people know: a login's address and password for single sign-on, a runner's token. Filled with `kubectl edit`, and
# left alone from then on.
resource "kubernetes_secret_v1" "by_hand" {
  for_each = module.plan.by_hand

  metadata {
    name      = each.value.name
    namespace = kubernetes_namespace_v1.this[each.value.namespace].metadata[0].name
  }

  data = { for key in each.value.keys : key => "" }

  lifecycle {
    ignore_changes = [data]
  }
}
