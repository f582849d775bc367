#!/usr/bin/env bash
# Models trained on each preset and tested on standard and hard. Usage: experiments/transfer/run.sh FOLDER
set -euo pipefail
out=${1:?name a folder for films, stores and runs}
mkdir -p "$out"
declare -A subjects=([random]=260 [standard]=200 [hard]=150)
declare -A ratios=([random]='[0.94,0.03,0.03]' [standard]='[0.8,0.05,0.15]' [hard]='[0.75,0.05,0.2]')
declare -A recipe=([random]="transfer trainer.max_epochs=12" [standard]=first_stage [hard]="transfer trainer.max_epochs=26") # hard: as many steps
for preset in random standard hard; do
    hipseg phantom out="$out/$preset" preset=$preset subjects="${subjects[$preset]}" seed=2 plants=false
    hipseg preprocess input="$out/$preset" store="$out/$preset.h5"
    rm -r "${out:?}/$preset"
    hipseg split store="$out/$preset.h5" out="$out/$preset.csv" ratios="${ratios[$preset]}"
done
python "$(dirname "$0")/ceiling.py" store="$out/standard.h5" annotations="$out/standard.truth.csv" split="$out/standard.csv"
for preset in random standard hard; do
    # shellcheck disable=SC2086
    hipseg train experiment=${recipe[$preset]} data.store="$out/$preset.h5" data.split="$out/$preset.csv" \
        inferer=shift_average inferer.passes=1 out="$out/run_$preset"
    for test in standard hard; do
        hipseg evaluate checkpoint="$out/run_$preset/checkpoints/best.ckpt" data.store="$out/$test.h5" \
            data.split="$out/$test.csv" annotations="$out/$test.truth.csv" out="$out/${preset}_on_$test"
    done
done
hipseg report runs="[$(echo "$out"/*_on_* | tr ' ' ',')]" out="$out/report.html"
