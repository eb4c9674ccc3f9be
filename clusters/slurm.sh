#!/usr/bin/env bash
#SBATCH --job-name=replications --ntasks=9 --cpus-per-task=1 --mem-per-cpu=4G --time=4:00:00
#
# Runs a command on a Slurm cluster, with a Dask worker on every task but the first:
#
#     sbatch clusters/slurm.sh dvc repro --pull real/dvc.yaml
#     KERAS_BACKEND=jax sbatch --ntasks=16 --gpus-per-task=1 clusters/slurm.sh dvc repro --pull paper/dvc.yaml
#
# from a clone on a disk that all nodes see, in the environment of the project. Data go to the workers and results come
# back as messages. All speak TLS, with a key that is made for the job, in a folder that its owner alone can read.
set -euo pipefail

keys=$(mktemp -d "$PWD/.dask-XXXXXX")
trap 'kill $(jobs -p) 2> /dev/null || true; wait; rm -rf "$keys"' EXIT
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=replications \
  -keyout "$keys/key.pem" -out "$keys/cert.pem" 2> /dev/null

export DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION=true
export DASK_DISTRIBUTED__COMM__TLS__CA_FILE="$keys/cert.pem"
for role in SCHEDULER WORKER CLIENT; do
  export "DASK_DISTRIBUTED__COMM__TLS__${role}__CERT=$keys/cert.pem"
  export "DASK_DISTRIBUTED__COMM__TLS__${role}__KEY=$keys/key.pem"
done
export REPLICATIONS_CHECKPOINTS=${REPLICATIONS_CHECKPOINTS:-$PWD/.checkpoints} # a lost worker's run goes on elsewhere

dask scheduler --protocol tls --port 0 --no-dashboard --scheduler-file "$keys/scheduler.json" &
until [ -s "$keys/scheduler.json" ]; do
  kill -0 $! # it has not ended
  sleep 0.5
done
srun --ntasks=$((SLURM_NTASKS - 1)) \
  dask worker --scheduler-file "$keys/scheduler.json" --protocol tls --nthreads 1 --no-dashboard &

DASK_SCHEDULER_ADDRESS=$(python -c 'import json, sys; print(json.load(open(sys.argv[1]))["address"])' "$keys/scheduler.json")
export DASK_SCHEDULER_ADDRESS
python - << 'WAIT' # for the first worker; others may join later
from distributed import Client

with Client(timeout=60) as client:
    client.wait_for_workers(1)
WAIT
"$@"
