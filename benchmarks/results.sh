#!/usr/bin/env bash
# Every table of docs/results/: leave-one-out on HER2ST, MOB and mob_mice, Stem on B1.
#   benchmarks/results.sh DATA OUT        (DATA: folder with her2st/, mob/, encoders/, genes/, …)
# Tables that are there already are kept: called again, it goes on.
set -euo pipefail
data=$(realpath "$1")
out=$2
here=$(dirname "$0")
mkdir -p "$out"
{
    echo slide,donor,expression,image,pitch_um
    for i in 1 2 3; do
        echo "MOB$i,animal$((i / 3 + 1)),$data/mob/MOB$i.h5ad,$data/mob/MOB$i.jpg,200"
    done
} > "$out/mob.csv"

table() { # NAME ARGUMENT...
    local json=$out/$1.json
    shift
    [ -e "$json" ] || spatialrag loso "$@" --cache "$out/cache" --json "$json"
}

curve="--image-weights 0,0.25,0.5,0.75,1 --tune"
gmt=$(ls "$data"/genes/*.gmt)
for encoder in color "onnx:$data/encoders/mobilenet_v2_imagenet.onnx"; do
    name=${encoder%%:*}
    her2st="--her2st $data/her2st --sections B4,C2,C3,C4 --encoder $encoder"
    mob="--slides $out/mob.csv --encoder $encoder"
    mice="--slides $data/mob_mice/slides.csv --encoder $encoder"
    table "her2st_$name" $her2st $curve --gmt "$gmt"
    table "her2st_donor_$name" $her2st --leave donor
    table "mob_$name" $mob $curve
    table "mob_donor_$name" $mob --leave donor
    table "mice_$name" $mice
    table "mice_donor_$name" $mice --leave donor
done
[ -e "$out/stem_b1.json" ] || python "$here/stem_b1.py" "$data" --json "$out/stem_b1.json"
python "$here/tables.py" "$out"
