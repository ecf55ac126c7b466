#!/usr/bin/env bash
# Builds the source archive and the wheel into dist/, installs the wheel into an empty environment, and makes a head with it from a
# folder outside this one. On a commit with a version's tag, the package must be of that version.
#   bash Testing/package.sh
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"${PYTHON:-python3}" -m venv "$scratch/venv"
python=$scratch/venv/bin/python
"$python" -m pip install --quiet --disable-pip-version-check build
rm -rf dist
"$python" -m build --outdir dist . >"$scratch/build.log" || { cat "$scratch/build.log"; exit 1; }
bash Resources/install_torch.sh "$python"
"$python" -m pip install --quiet --disable-pip-version-check dist/*.whl
cd "$scratch"
version=$("$scratch/venv/bin/medddpm" --version)
tag=$(git -C "$root" tag --points-at HEAD 'v*' 2>/dev/null || true)
if [ -n "$tag" ] && [ "$tag" != "v$version" ]; then
  echo "This commit is tagged $tag, and the package is of version $version" >&2
  exit 1
fi
"$scratch/venv/bin/medddpm" synthesize "$root/Resources/masks/one_tumor.nii.gz" out --steps 2
ls -l "$root/dist"
