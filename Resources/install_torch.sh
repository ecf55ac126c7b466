#!/usr/bin/env bash
# Installs PyTorch, in the version of torch.txt, into a Python.
#   bash Resources/install_torch.sh PYTHON
# On Linux without an NVIDIA card that is PyTorch's own build for processors (0.2 GB, not several); with a card, on other systems, or
# where PyTorch's index cannot be reached, the one of pip's own index. $TORCH_CPU_INDEX names another index of builds for processors.
set -euo pipefail
python=$1
wanted=$(cd "$(dirname "$0")" && pwd)/torch.txt
index=${TORCH_CPU_INDEX:-https://download.pytorch.org/whl/cpu}

has_card() { nvidia-smi -L >/dev/null 2>&1; }
answers() { "$python" -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=5)' "$1" 2>/dev/null; }
install() { "$python" -m pip install --quiet --disable-pip-version-check "$@" -r "$wanted"; }

if [ "$(uname -s)" = Linux ] && ! has_card; then
  if answers "$index/torch/" && install --index-url "$index"; then exit 0; fi
  echo "PyTorch's index of builds for processors could not be used: the build of pip's own index is taken, which may be larger."
fi
install
if has_card && ! "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then
  echo "This computer has an NVIDIA card, but the PyTorch installed cannot use it. See https://pytorch.org/get-started/locally"
fi
