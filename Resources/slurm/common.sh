# shellcheck shell=bash
# What the batch scripts share. They source it from the folder in which sbatch was called.

read -ra medddpm <<<"${MEDDDPM:-$PWD/.venv/bin/medddpm}" # a container's: MEDDDPM="apptainer exec --nv medddpm.sif medddpm" sbatch …
if ! command -v "${medddpm[0]}" >/dev/null; then
  echo "There is no ${medddpm[0]}. Call sbatch in the project's folder, after: bash Resources/environment.sh" >&2
  exit 1
fi
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}

# Slurm's name of this job, or of this element where it is one of an array
job=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID}
job=${job:-$SLURM_JOB_ID}

# together COMMAND…: what each task of srun is to run: COMMAND with the variables that torchrun would set
# shellcheck disable=SC2016,SC2034  # for each task to expand; the scripts use it
together=(bash -c 'RANK=$SLURM_PROCID WORLD_SIZE=$SLURM_NTASKS LOCAL_RANK=$SLURM_LOCALID LOCAL_WORLD_SIZE=$SLURM_NTASKS_PER_NODE exec "$@"' -)
MASTER_ADDR=$(hostname) # this script runs on the first node, as task 0 does
MASTER_PORT=$((20000 + SLURM_JOB_ID % 20000))
export MASTER_ADDR MASTER_PORT

# restartable COMMAND…: runs it by srun. A SIGTERM, from Slurm before the time limit or from whoever wants the node, is passed on; the
# command stops with what it has done saved. The job is then put back into the queue under its number, and goes on where it was.
restartable() {
  local told='' code
  trap 'told=1; scancel --signal=TERM "$job"' TERM # to the command alone, not to this script
  srun --kill-on-bad-exit=1 "$@" &
  while true; do # a signal ends wait, but not the command
    wait $! && code=0 || code=$?
    kill -0 $! 2>/dev/null || break
  done
  trap - TERM
  [ "$code" -ne 0 ] || return 0
  # 130 and 143: the command was interrupted, which it can be without this script being told
  [ -n "$told" ] || [ "$code" -eq 130 ] || [ "$code" -eq 143 ] || return "$code"
  # A job that was cancelled, or that Slurm itself puts back, is not running any more
  if [ "$(squeue --noheader --format=%T --job="$job")" = RUNNING ]; then
    echo "Job $job was stopped, and is put back into the queue." >&2
    scontrol requeue "$job"
    sleep 60 # Slurm ends this script
  fi
  return "$code"
}
