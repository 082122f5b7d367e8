#!/usr/bin/env bash
# Shards as an array of a real Slurm (slurmctld, slurmd and munge of Debian, this machine as the only node): one task is
# killed with SIGKILL, the same array is submitted again: every vector is there once, what was finished is not done again,
# and at most one shard is. Run as root, in a container:
#   apt-get install slurm-wlm munge && make check-slurm
# Needs `curator` on PATH. Leaves nothing behind.
set -euo pipefail

work=$(mktemp -d)
chmod 755 "$work"
control=$((20000 + RANDOM % 10000))
daemons=()
finish() { for pid in "${daemons[@]}"; do kill "$pid" 2>/dev/null || true; done; wait 2>/dev/null || true; rm -rf "$work"; }
trap finish EXIT

# -- a Slurm of our own, with a munge of its own -------------------------------------------------------------------------
mkdir "$work/munge" "$work/state" "$work/spool"
head -c 128 /dev/urandom > "$work/munge/key"
chown -R munge "$work/munge"; chmod 700 "$work/munge"; chmod 400 "$work/munge/key"
mkdir -m 755 "$work/socket"; chown munge "$work/socket"
setpriv --reuid=munge --regid=munge --clear-groups munged --foreground --key-file="$work/munge/key" \
  --socket="$work/socket/munge" --pid-file="$work/munge/pid" --log-file="$work/munge/log" \
  --seed-file="$work/munge/seed" >/dev/null 2>&1 & daemons+=($!)
cat > "$work/slurm.conf" <<CONF
ClusterName=check
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$control
SlurmdPort=$((control + 1))
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$work/socket/munge
CredType=cred/munge
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF=$work/slurm.conf
until [ -S "$work/socket/munge" ]; do sleep 0.1; done
slurmctld -D -f "$SLURM_CONF" >/dev/null 2>&1 & daemons+=($!)
slurmd -D -f "$SLURM_CONF" >/dev/null 2>&1 & daemons+=($!)
until sinfo --noheader --format=%T 2>/dev/null | grep -q idle; do sleep 0.2; done
echo "slurm $(sinfo --version | cut -d' ' -f2) is up after $SECONDS s"

# -- work for it ---------------------------------------------------------------------------------------------------------
export CURATOR_PROJECT=$work/project CURATOR_CACHE=$work/cache
python3 - "$work/pictures" <<'PYTHON'
import sys
from pathlib import Path
import numpy as np
from PIL import Image
folder, rng = Path(sys.argv[1]), np.random.default_rng(0)
folder.mkdir()
for number in range(120):
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8)).save(folder / f"{number}.png")
PYTHON
curator init "$CURATOR_PROJECT" 2>/dev/null
curator import "$work/pictures" 2>/dev/null
plan=$(curator shards plan embed --size 4 2>/dev/null)

# Of the first array, task 1 is killed when the first of its ten shards is done.
submit() {
  sbatch --array=0-2 --output="$work/task-%a.log" --export=ALL,ROUND="$1" --wrap "
    if [ \$ROUND = 1 ] && [ \$SLURM_ARRAY_TASK_ID = 1 ]; then
      (until [ -e $CURATOR_PROJECT/shards/$plan/done/1.json ]; do sleep 0.01; done; kill -9 \$\$) &
    fi
    [ \$SLURM_ARRAY_TASK_COUNT = 3 ] || exit 1
    exec curator shards run $plan --of 3" >/dev/null
  while squeue --noheader | grep -q .; do sleep 0.5; done
}
done_shards() { curator shards status "$plan" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["done"])'; }
submit 1
first=$(done_shards)
echo "after the array of which one task was killed: $first of 30 shards, $SECONDS s"
cp -r "$CURATOR_PROJECT/shards/$plan/done" "$work/early"
submit 2
for record in "$work"/early/*.json; do cmp "$record" "$CURATOR_PROJECT/shards/$plan/done/${record##*/}"; done
written=$(find "$CURATOR_PROJECT"/embeddings/*.lance/data -type f | wc -l)
[ "$written" -le 31 ] || { echo "error: $written files were written for 30 shards" >&2; exit 1; }
echo "after the same array again: $(done_shards) of 30 shards, $SECONDS s"
curator shards commit "$plan" --json > "$work/commit.json" 2>/dev/null
python3 - "$work/commit.json" "$first" <<'PYTHON'
import json, sys
done = json.load(open(sys.argv[1]))
assert (done["shards"], done["rows"], done["doubled"]) == (30, 120, 0), done
assert 21 <= int(sys.argv[2]) < 30, "the killed task was to leave some of its shards, and the others none"
PYTHON
echo "ok: 120 of 120 vectors, each once, $SECONDS s"
