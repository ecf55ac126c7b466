#!/usr/bin/env bash
# All tests, with all their own set-up. Further arguments go to pytest.
#   bash Testing/run.sh [-k WORDS ...]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
python=$(bash "$root/Resources/environment.sh" test)
cd "$root"
exec "$python" -m pytest "$@"
