variable "size" {
  description = "Which budget of budget.json holds: single (one node with 8 GB), single-gitops (the same with Gitea and Argo CD) or ha (three or more with 16 GB each)."
  type        = string
  default     = "single"

  validation {
    condition     = contains(["single", "single-gitops", "ha"], var.size)
    error_message = "There are the sizes single, single-gitops and ha."
  }
}

variable "kubeconfig" {
  description = "How the cluster is reached. K3s writes /etc/rancher/k3s/k3s.yaml."
  type        = string
  default     = "/etc/rancher/k3s/k3s.yaml"
}

variable "context" {
  description = "The context in the kubeconfig; K3s has one, called default."
  type        = string
  default     = "default"
}

variable "registry" {
  description = "The registry of our own images and who may read it. Without a user the images are taken to be public."
  type = object({
    host     = string
    user     = optional(string, "")
    password = optional(string, "")
  })
  sensitive = true
  default   = { host = "git.crops.example.org" }
}
