#!/usr/bin/env bash
# The main job, with all its own set-up: sample mask in, synthetic whole-head MRI (NIfTI) and a PNG preview out.
#   bash Resources/demo.sh [MASK] [OUT_FOLDER] [further options of `medddpm synthesize`]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
mask=${1:-$root/Resources/masks/one_tumor.nii.gz}
out=${2:-$root/out}
python=$(bash "$root/Resources/environment.sh")
"$python" -m MedDDPMCore.cli synthesize "$mask" "$out" "${@:3}"
echo "Look at the PNG in $out"
