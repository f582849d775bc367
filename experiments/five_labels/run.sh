#!/bin/sh
# Five folds, all and their mean on phantoms of single joints at a small scale: run.sh OUT
set -eu
out=$1
here=$(dirname "$0")
mkdir -p "$out"
hipseg joints out="$out/Dataset005_joints" train_subjects=20 test_subjects=10 coarser=10 seed=1
hipseg convert input="$out/Dataset005_joints" store="$out/joints.h5" 'source.subject="(?P<subject>subject[0-9]+)"'
hipseg split store="$out/joints.h5" out="$out/split.csv" by=given folds=5
hipseg plan store="$out/joints.h5" split="$out/split.csv" out="$out/plan.yaml" 'features=[16,128]'
hipseg train experiment=nnunet scale=small plan="$out/plan.yaml" data.store="$out/joints.h5" data.split="$out/split.csv" \
    -m data.fold=0,1,2,3,4,all out="$out/folds"
checkpoints=$(for fold in 0 1 2 3 4; do printf '"%s/folds/%s/checkpoints/best.ckpt",' "$out" "$fold"; done)
hipseg evaluate "checkpoint=[${checkpoints%,}]" data.store="$out/joints.h5" data.split="$out/split.csv" \
    evaluation=overlap out="$out/ensemble"
hipseg components "checkpoint=[${checkpoints%,}]" data.store="$out/joints.h5" data.split="$out/split.csv" \
    out="$out/components.csv"
hipseg report "runs=[$out/folds,$out/ensemble]" out="$out/report.html" tables="$out/tables" \
    'names=["fold 0","fold 1","fold 2","fold 3","fold 4","fold all",ensemble]' published="$here/published.csv"
