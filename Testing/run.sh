#!/usr/bin/env bash
# All tests, with all their own set-up. Arguments, if any, go to pytest, in one run.
#   bash Testing/run.sh [Testing/core/test_cli.py -k WORDS ...]
# The tests of the Slicer module draw into an off-screen window: on Debian and Ubuntu the libraries for it are installed with apt-get
# where this user may; without them those tests are skipped, and say so.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
libraries=(xvfb xauth libegl1 libgl1 libgl1-mesa-dri libxkbcommon0 libxkbcommon-x11-0 libdbus-1-3 libfontconfig1 libglib2.0-0
  libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-xkb1
  fonts-dejavu-core openssh-server openssh-client)
missing=()
if command -v apt-get >/dev/null; then
  for name in "${libraries[@]}"; do dpkg -s "$name" >/dev/null 2>&1 || missing+=("$name"); done
fi
if [ ${#missing[@]} -gt 0 ]; then
  sudo=; [ "$(id -u)" = 0 ] || sudo="sudo -n"
  { $sudo apt-get update && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } \
    >/dev/null || echo "Not installed, so some tests of the Slicer module may be skipped: ${missing[*]}" >&2
fi
python=$(bash Resources/environment.sh test)
stamp=.venv/.slicer-$(cksum <Testing/slicer/requirements.txt | cut -d' ' -f1)
if [ ! -e "$stamp" ]; then
  "$python" -m pip install --quiet --disable-pip-version-check -r Testing/slicer/requirements.txt >&2 && touch "$stamp" ||
    echo "Testing/slicer/requirements.txt could not be installed: the tests of the Slicer module will be skipped." >&2
fi
if [ $# -gt 0 ]; then
  exec "$python" -m pytest "$@"
fi
status=0
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} # a process for each core instead, which take files of tests in turns
tests=("$python" -m pytest -n auto --maxprocesses 4 --dist loadfile)
"${tests[@]}" Testing/project Testing/core Testing/gpu Testing/faults || status=$?
"${tests[@]}" Testing/slicer || status=$?  # processes of their own: the host that stands in for Slicer changes Qt's classes
exit $status
