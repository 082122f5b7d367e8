output "url" {
  value       = google_cloud_run_v2_service.api.uri
  description = "Where people find the server, once its host is in `names`."
}

output "project" {
  value       = local.curator_project
  description = "What to give `curator --project`."
}

# A job is no resource of Terraform. Submit it with: gcloud batch jobs submit --location REGION --config FILE
output "batch_job" {
  description = "The shards of `plan` as a job of Batch, which says in BATCH_TASK_INDEX which task is whose."
  value = jsonencode({
    taskGroups = [{
      taskCount   = var.tasks
      parallelism = var.tasks
      taskSpec = {
        runnables = [{
          container = {
            imageUri = var.image
            commands = ["shards", "run", var.plan, "--of", tostring(var.tasks)]
          }
        }]
        environment     = { variables = { CURATOR_PROJECT = local.curator_project } }
        computeResource = { cpuMilli = 4000, memoryMib = 8192 }
        maxRetryCount   = 3
      }
    }]
    allocationPolicy = {
      instances      = [{ policy = { machineType = "e2-standard-4", provisioningModel = "SPOT" } }]
      serviceAccount = { email = google_service_account.curator.email }
    }
    logsPolicy = { destination = "CLOUD_LOGGING" }
  })
}
