variable "project" {
  type        = string
  description = "The Google Cloud project; it must have the APIs of Cloud Run, Cloud SQL, Secret Manager and Batch."
}

variable "region" {
  type    = string
  default = "europe-west1"
}

variable "bucket" {
  type        = string
  description = "Name of the bucket to make; names are shared by all of Google Cloud."
}

variable "image" {
  type        = string
  description = "The image that deploy/Dockerfile makes, in a registry that Cloud Run and Batch can read."
}

variable "database_password" {
  type        = string
  sensitive   = true
  description = "Letters and digits only: it becomes a part of an address."
}

variable "names" {
  type        = list(string)
  default     = []
  description = "Names by which people address the server: the host of the output `url`, and those of your own."
}

variable "plan" {
  type        = string
  default     = ""
  description = "Id of a plan of shards, for the output `batch_job`."
}

variable "tasks" {
  type        = number
  default     = 100
  description = "Into how many tasks Batch divides the shards of the plan."
}
