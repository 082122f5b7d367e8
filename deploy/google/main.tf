# Curator on Google Cloud: the API on Cloud Run, the project in a bucket, labels in Cloud SQL, shards by Batch.
# Checked by scripts/check_deploy.py without Google Cloud; never applied by us.

terraform {
  required_version = ">= 1.5"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.50"
    }
  }
}

provider "google" {
  project = var.project
  region  = var.region
}

locals {
  curator_project = "gs://${google_storage_bucket.projects.name}/project"
}

# -- who the server and the shards are -----------------------------------------------------------------------------

resource "google_service_account" "curator" {
  account_id   = "curator"
  display_name = "Curator"
}

resource "google_project_iam_member" "curator" {
  for_each = toset(["roles/cloudsql.client", "roles/batch.agentReporter", "roles/logging.logWriter"])
  project  = var.project
  role     = each.value
  member   = google_service_account.curator.member
}

# -- where the project is ------------------------------------------------------------------------------------------

resource "google_storage_bucket" "projects" {
  name                        = var.bucket
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  soft_delete_policy {
    retention_duration_seconds = 604800
  }
}

resource "google_storage_bucket_iam_member" "curator" {
  bucket = google_storage_bucket.projects.name
  role   = "roles/storage.objectUser"
  member = google_service_account.curator.member
}

# -- where labels are ----------------------------------------------------------------------------------------------

resource "google_sql_database_instance" "labels" {
  name                = "curator-labels"
  database_version    = "POSTGRES_17"
  region              = var.region
  deletion_protection = true

  settings {
    tier    = "db-custom-1-3840"
    edition = "ENTERPRISE"

    database_flags { # 16 for each server, and some for you
      name  = "max_connections"
      value = "200"
    }

    backup_configuration {
      enabled                        = true
      point_in_time_recovery_enabled = true
    }
  }
}

resource "google_sql_database" "labels" {
  name     = "curator"
  instance = google_sql_database_instance.labels.name
}

resource "google_sql_user" "curator" {
  name     = "curator"
  instance = google_sql_database_instance.labels.name
  password = var.database_password
}

resource "google_secret_manager_secret" "database_url" {
  secret_id = "curator-database-url"

  replication {
    auto {}
  }
}

resource "google_secret_manager_secret_version" "database_url" {
  secret      = google_secret_manager_secret.database_url.id
  secret_data = "postgresql://curator:${var.database_password}@/curator?host=/cloudsql/${google_sql_database_instance.labels.connection_name}"
}

resource "google_secret_manager_secret_iam_member" "curator" {
  secret_id = google_secret_manager_secret.database_url.id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.curator.member
}

# -- the API -------------------------------------------------------------------------------------------------------

resource "google_cloud_run_v2_service" "api" {
  name     = "curator"
  location = var.region
  ingress  = "INGRESS_TRAFFIC_ALL"

  # It holds no state, and one whose first start failed has to be replaced.
  deletion_protection = false

  depends_on = [
    google_project_iam_member.curator,
    google_secret_manager_secret_iam_member.curator,
    google_secret_manager_secret_version.database_url,
    google_storage_bucket_iam_member.curator,
  ]

  template {
    service_account                  = google_service_account.curator.email
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"
    timeout                          = "3600s" # a WebSocket is one request
    max_instance_request_concurrency = 200

    scaling {
      min_instance_count = 1
      max_instance_count = 8
    }

    volumes {
      name = "cloudsql"
      cloud_sql_instance {
        instances = [google_sql_database_instance.labels.connection_name]
      }
    }

    containers {
      image = var.image
      # All requests come through Cloud Run's own proxy, which says who asks.
      args = concat(
        ["serve", "--host", "0.0.0.0", "--port", "8000", "--log-format", "json", "--trusted-proxy", "*"],
        flatten([for name in var.names : ["--name", name]]),
      )

      ports {
        container_port = 8000
      }

      env {
        name  = "CURATOR_PROJECT"
        value = local.curator_project
      }

      env {
        name = "CURATOR_DATABASE_URL"
        value_source {
          secret_key_ref {
            secret  = google_secret_manager_secret.database_url.secret_id
            version = "latest"
          }
        }
      }

      # Files of an instance count against its memory.
      env {
        name  = "CURATOR_TILE_CACHE_GB"
        value = "0.3"
      }

      env {
        name  = "CURATOR_UPLOAD_GB"
        value = "0.3"
      }

      resources {
        limits = {
          cpu    = "2"
          memory = "4Gi"
        }
        cpu_idle = false # jobs go on between requests
      }

      startup_probe {
        period_seconds    = 2
        timeout_seconds   = 2
        failure_threshold = 60
        http_get {
          path = "/readyz"
        }
      }

      liveness_probe {
        period_seconds  = 10
        timeout_seconds = 5
        http_get {
          path = "/healthz"
        }
      }

      volume_mounts {
        name       = "cloudsql"
        mount_path = "/cloudsql"
      }
    }
  }
}

# Curator itself asks everybody to sign in.
resource "google_cloud_run_v2_service_iam_member" "everybody" {
  name     = google_cloud_run_v2_service.api.name
  location = google_cloud_run_v2_service.api.location
  role     = "roles/run.invoker"
  member   = "allUsers"
}
