#!/bin/sh
# hipseg and nnunetv2 trained on one fold of phantoms, by one plan and as many patches: train.sh OUT [FOLD]
# NNUNET is the folder of nnunetv2's commands, if they are not on the path.
set -eu
out=$1 fold=${2:-0}
beside="python $(dirname "$0")/beside.py"
mkdir -p "$out/raw"
export nnUNet_raw="$out/raw" nnUNet_preprocessed="$out/preprocessed" nnUNet_results="$out/results" nnUNet_n_proc_DA=1
data="$nnUNet_raw/Dataset006_joints"
theirs=${NNUNET:+$NNUNET/}
if [ ! -e "$out/plan.yaml" ]; then
    hipseg joints out="$data" train_subjects=20 test_subjects=10 coarser=14 seed=1
    hipseg convert input="$data" store="$out/joints.h5" 'source.subject="(?P<subject>subject[0-9]+)"'
    hipseg split store="$out/joints.h5" out="$out/split.csv" by=given folds=5
    hipseg plan store="$out/joints.h5" split="$out/split.csv" out="$out/plan.yaml" 'features=[16,128]'
    "${theirs}nnUNetv2_plan_and_preprocess" -d 6 -c 2d -np 1 -npfp 1
    $beside prepare "$out/plan.yaml" "$out/split.csv" "$nnUNet_preprocessed/Dataset006_joints"
fi
$beside measure "$out/times.csv" "hipseg, fold $fold" hipseg train experiment=nnunet plan="$out/plan.yaml" \
    data.store="$out/joints.h5" data.split="$out/split.csv" data.fold="$fold" data.workers=1 \
    data.dataset.patches_per_epoch=500 data.dataset.val_patches=100 'data.dataset.augmentation.mirror=[0,1]' \
    'inferer.flips=[0,1]' trainer.max_epochs=10 out="$out/hipseg_$fold"
$beside measure "$out/times.csv" "nnunetv2, fold $fold" "${theirs}nnUNetv2_train" 6 2d "$fold" -tr nnUNetTrainer_10epochs \
    -device cpu
"${theirs}nnUNetv2_predict" -i "$data/imagesTs" -o "$out/predicted_$fold" -d 6 -c 2d -f "$fold" -tr nnUNetTrainer_10epochs \
    -device cpu -npp 1 -nps 1
$beside score "$data/labelsTs" "$out/predicted_$fold" "$out/hipseg_$fold" 6
cat "$out/times.csv"
