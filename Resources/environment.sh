#!/usr/bin/env bash
# Makes (once) the virtual environment .venv in the project's folder with the package in it, and prints its Python.
#   bash Resources/environment.sh [EXTRAS, such as test]
# Runs on Linux, on macOS and, in Git's bash, on Windows. On Debian and Ubuntu, a missing venv module is installed with apt-get (as
# root, or through sudo). $PYTHON names another Python.
set -euo pipefail
cd "$(dirname "$0")/.."
extras=${1:-}

runs() { "$1" -c 'import sys' >/dev/null 2>&1; } # Windows has a python3 that only advertises a shop
python=${PYTHON:-python3}
[ -n "${PYTHON:-}" ] || runs python3 || python=python
inside() { # the Python of .venv
  if [ -e .venv/Scripts/python.exe ]; then echo "$PWD/.venv/Scripts/python.exe"; else echo "$PWD/.venv/bin/python"; fi
}
{
  "$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' ||
    { echo "Python 3.10 to 3.13 is needed, $("$python" --version) was found: name another with PYTHON=..."; exit 1; }
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update && $sudo apt-get install -y python3-venv
  fi
  stamp=.venv/.ready-$(cat pyproject.toml Resources/torch.txt | cksum | cut -d' ' -f1)${extras:+-$extras}
  if [ ! -e "$stamp" ]; then
    [ -x "$(inside)" ] || "$python" -m venv .venv
    bash Resources/install_torch.sh "$(inside)"
    "$(inside)" -m pip install --quiet --disable-pip-version-check -e ".${extras:+[$extras]}"
    touch "$stamp"
  fi
} >&2
inside
