#!/usr/bin/env bash
# One network at 0.9 mm, two networks at 0.2 mm, measured on the same hips. Usage: experiments/two_stage/run.sh FOLDER
set -euo pipefail
out=${1:?name a folder for films, stores and runs}
mkdir -p "$out"

make_films() { # name, preset, subjects, seed, exposures
    hipseg phantom out="$out/films/$1" preset="$2" subjects="$3" seed="$4" exposures="$5" plants=false
}

# The first stage, which is also the one-stage system.
make_films coarse standard 450 3 1
hipseg preprocess input="$out/films/coarse" store="$out/coarse.h5"
hipseg split store="$out/coarse.h5" out="$out/coarse.csv" ratios=[0.96,0.02,0.02]
hipseg train experiment=hour trainer.max_epochs=24 data.store="$out/coarse.h5" data.split="$out/coarse.csv" \
    out="$out/run_coarse"
coarse=$out/run_coarse/checkpoints/best.ckpt

# The second stage, on regions around the landmarks.
make_films joints standard 200 2 1
hipseg preprocess input="$out/films/joints" store="$out/joints.h5" region=joint
hipseg split store="$out/joints.h5" out="$out/joints.csv" ratios=[0.92,0.05,0.03]
hipseg train experiment=joint data.store="$out/joints.h5" data.split="$out/joints.csv" out="$out/run_joint"
joint=$out/run_joint/checkpoints/best.ckpt

# Subjects that neither has seen, every visit exposed twice on standard; the first stage finds the regions.
make_films standard standard 45 9 2
make_films hard hard 30 9 1
for test in standard hard; do
    hipseg preprocess input="$out/films/$test" store="$out/$test.h5"
    hipseg preprocess input="$out/films/$test" store="$out/$test.joints.h5" region=joint locator="$coarse"
    hipseg split store="$out/$test.h5" out="$out/$test.csv" ratios=[0,0,1]
    hipseg evaluate checkpoint="$coarse" data.store="$out/$test.h5" data.split="$out/$test.csv" \
        truth="$out/films/$test.truth.csv" out="$out/one_on_$test"
    hipseg evaluate checkpoint="$joint" data.store="$out/$test.joints.h5" data.split="$out/$test.csv" \
        truth="$out/films/$test.truth.csv" out="$out/two_on_$test"
done
hipseg report runs="[$(echo "$out"/*_on_* | tr ' ' ',')]" out="$out/report.html"
