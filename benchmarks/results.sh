#!/usr/bin/env bash
# Every table of docs/results/: leave-one-out on HER2ST and MOB, Stem on B1.
#   benchmarks/results.sh DATA OUT        (DATA: folder with her2st/, mob/, encoders/, genes/, …)
set -euo pipefail
data=$(realpath "$1")
out=$2
cache=$out/cache
here=$(dirname "$0")
mkdir -p "$out"
{
    echo slide,donor,expression,image,pitch_um
    for i in 1 2 3; do
        echo "MOB$i,animal$((i / 3 + 1)),$data/mob/MOB$i.h5ad,$data/mob/MOB$i.jpg,200"
    done
} > "$out/mob.csv"
curve="--image-weights 0,0.25,0.5,0.75,1 --tune"
for encoder in color "onnx:$data/encoders/mobilenet_v2_imagenet.onnx"; do
    name=${encoder%%:*}
    her2st="--her2st $data/her2st --sections B4,C2,C3,C4 --encoder $encoder --cache $cache"
    mob="--slides $out/mob.csv --encoder $encoder --cache $cache"
    spatialrag loso $her2st $curve --gmt "$(ls "$data"/genes/*.gmt)" --json "$out/her2st_$name.json"
    spatialrag loso $mob $curve --json "$out/mob_$name.json"
    spatialrag loso $her2st --leave donor --json "$out/her2st_donor_$name.json"
    spatialrag loso $mob --leave donor --json "$out/mob_donor_$name.json"
done
python "$here/stem_b1.py" "$data" --json "$out/stem_b1.json"
python "$here/tables.py" "$out"
