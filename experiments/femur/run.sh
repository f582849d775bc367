#!/usr/bin/env bash
# Femurs in CT: one network for both surfaces, a second one within its periosteal surfaces; FOLDER is made.
set -euo pipefail
mkdir -p "$1"
cd "$1"
hipseg phantom kind=ct subjects=40 seed=21 plants=false out=scans
hipseg convert source=scans input=scans store=femurs.h5
hipseg split store=femurs.h5 out=split.csv 'ratios=[0.55,0.075,0.375]'
hipseg train experiment=femur data.store=femurs.h5 data.split=split.csv data.workers=1 out=first
# Second networks, of true and of predicted periosteal surfaces; both tested within what the first one finds.
hipseg enclose store=femurs.h5 out=true.h5
hipseg enclose store=femurs.h5 checkpoint=first/checkpoints/best.ckpt out=predicted.h5
hipseg train experiment=femur_second data.store=true.h5 data.split=split.csv data.workers=1 out=second_true
hipseg evaluate checkpoint=second_true/checkpoints/best.ckpt data.store=predicted.h5 data.split=split.csv evaluation=femur out=cascade_true
hipseg train experiment=femur_second data.store=predicted.h5 data.split=split.csv data.workers=1 out=second_predicted
# The U-Net that the study compares with, as narrow as the V-Net here.
hipseg train experiment=femur model=unet_3d_small data.store=femurs.h5 data.split=split.csv data.workers=1 out=unet
hipseg report 'runs=[first,unet,cascade_true,second_predicted]' out=femurs.html
