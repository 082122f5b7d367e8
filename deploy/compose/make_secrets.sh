#!/bin/sh
# Make the secrets of compose.yaml, once: random words in the folder secrets/, which only you can enter.
# The files themselves can be read by all, because in the containers other users than you read them.
set -eu

cd "$(dirname "$0")"
if [ -e secrets ]; then
    echo "secrets/ is there already; it is left as it is" >&2
    exit 0
fi
mkdir -m 700 secrets
word() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
umask 022

password=$(word)
key=$(word)
printf '%s' "$password" > secrets/postgres_password
printf 'postgresql://curator:%s@database/curator' "$password" > secrets/curator_database_url
printf 'curator' > secrets/aws_access_key_id
printf '%s' "$key" > secrets/aws_secret_access_key
word > secrets/curator_metrics_token
cat > secrets/seaweedfs_s3 <<JSON
{
  "identities": [
    {
      "name": "curator",
      "credentials": [{ "accessKey": "curator", "secretKey": "$key" }],
      "actions": ["Admin", "Read", "Write", "List"]
    }
  ]
}
JSON
