#!/usr/bin/env bash
# One network at 0.9 mm, two networks at 0.2 mm, measured on the same hips. Usage: experiments/two_stage/run.sh FOLDER
set -euo pipefail
out=${1:?name a folder for films, stores and runs}
mkdir -p "$out"

make_films() { # name, preset, subjects, seed, exposures
    hipseg phantom out="$out/films/$1" preset="$2" subjects="$3" seed="$4" exposures="$5" plants=false
}

# Films to learn from: 200 subjects first, then 450 others.
hipseg phantom out="$out/films/first" preset=standard subjects=200 seed=2
make_films more standard 450 3 1
for films in first more; do
    hipseg preprocess input="$out/films/$films" store="$out/$films.h5"
    hipseg preprocess input="$out/films/$films" store="$out/$films.joints.h5" roi=joint
done
hipseg split store="$out/first.h5" out="$out/first.csv" ratios=[0.8,0.05,0.15]
hipseg split store="$out/more.h5" out="$out/more.csv" ratios=[0.96,0.02,0.02]

# The first stage, which finds the regions, and the second, on regions around the landmarks.
train() { # experiment, stores' ending, epochs on the first films, epochs on the others
    hipseg train experiment="$1" trainer.max_epochs="$3" data.store="$out/first$2.h5" data.split="$out/first.csv" \
        out="$out/$1_first"
    hipseg train experiment="$1" trainer.max_epochs="$4" optimizer.lr=1e-3 \
        pretrained="$out/$1_first/checkpoints/best.ckpt" data.store="$out/more$2.h5" data.split="$out/more.csv" out="$out/$1"
}
train hour "" 34 10
train joint .joints 20 6
coarse=$out/hour/checkpoints/best.ckpt joint=$out/joint/checkpoints/best.ckpt

# One stage alone, on the other, more numerous films: taught soft targets, and taught label maps for longer.
hipseg train experiment=one_stage_soft data.store="$out/more.h5" data.split="$out/more.csv" out="$out/film"
hipseg train experiment=first_stage data.store="$out/more.h5" data.split="$out/more.csv" out="$out/longer"

# Subjects that neither has seen, every visit exposed twice on standard; the first stage finds the regions.
make_films standard standard 45 9 2
make_films hard hard 30 9 1
for test in standard hard; do
    hipseg preprocess input="$out/films/$test" store="$out/$test.h5"
    hipseg preprocess input="$out/films/$test" store="$out/$test.joints.h5" roi=joint locator="$coarse"
    hipseg split store="$out/$test.h5" out="$out/$test.csv" ratios=[0,0,1]
    for one in hour film longer; do
        hipseg evaluate checkpoint="$out/$one/checkpoints/best.ckpt" data.store="$out/$test.h5" \
            data.split="$out/$test.csv" annotations="$out/films/$test.truth.csv" out="$out/${one}_on_$test"
    done
    hipseg evaluate checkpoint="$joint" data.store="$out/$test.joints.h5" data.split="$out/$test.csv" \
        annotations="$out/films/$test.truth.csv" out="$out/two_on_$test"
done
hipseg report runs="[$(echo "$out"/*_on_* | tr ' ' ',')]" out="$out/report.html"
