#!/usr/bin/env bash
# Models trained on each preset and tested on standard and hard. Usage: experiments/transfer/run.sh FOLDER
set -euo pipefail
out=${1:?name a folder for films, stores and runs}
mkdir -p "$out"
declare -A subjects=([random]=140 [standard]=60 [hard]=60)
declare -A ratios=([random]='[0.9,0.05,0.05]' [standard]='[0.6,0.1,0.3]' [hard]='[0.6,0.1,0.3]')
declare -A epochs=([random]=14 [standard]=42 [hard]=42) # about as many steps each
for preset in random standard hard; do
    hipseg phantom out="$out/$preset" preset=$preset subjects="${subjects[$preset]}" seed=11 plants=false
    hipseg preprocess input="$out/$preset" store="$out/$preset.h5"
    rm -r "${out:?}/$preset"
    hipseg split store="$out/$preset.h5" out="$out/$preset.csv" ratios="${ratios[$preset]}"
done
for preset in random standard hard; do
    hipseg train experiment=transfer data.store="$out/$preset.h5" data.split="$out/$preset.csv" \
        trainer.max_epochs="${epochs[$preset]}" out="$out/run_$preset"
    for test in standard hard; do
        hipseg evaluate checkpoint="$out/run_$preset/checkpoints/best.ckpt" data.store="$out/$test.h5" \
            data.split="$out/$test.csv" out="$out/${preset}_on_$test"
    done
done
hipseg report runs="[$(echo "$out"/*_on_* | tr ' ' ',')]" out="$out/report.html"
