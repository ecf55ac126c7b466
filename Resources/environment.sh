#!/usr/bin/env bash
# Makes (once) the virtual environment .venv in the project's folder with the package in it, and prints its Python.
#   bash Resources/environment.sh [EXTRAS, such as test]
# On Debian and Ubuntu, a missing venv module is installed with apt-get (as root, or through sudo). $PYTHON names another Python.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-python3}
extras=${1:-}
venv=$root/.venv
{
  "$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' ||
    { echo "Python 3.10 to 3.13 is needed, $("$python" --version) was found: name another with PYTHON=..."; exit 1; }
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update && $sudo apt-get install -y python3-venv
  fi
  stamp=$venv/.ready-$(cat "$root/pyproject.toml" | cksum | cut -d' ' -f1)${extras:+-$extras}
  if [ ! -e "$stamp" ]; then
    [ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check torch==2.13.0
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -e "$root${extras:+[$extras]}"
    touch "$stamp"
  fi
} >&2
echo "$venv/bin/python"
