#!/bin/sh
# One network on bones projected from three dimensions and one on outlines alone, tested on films that neither has seen.
# usage: run.sh FOLDER
set -e
folder=$1
. "$(dirname "$0")/../make_store.sh"
make_store test standard 14 91 '[0,0,1]' fine
for preset in random projected; do
    make_store "$preset" "$preset" 600 3 '[0.96,0.02,0.02]' fine
    hipseg train experiment=transfer data.store="$folder/$preset.h5" data.split="$folder/$preset.csv" out="$folder/run_$preset"
    hipseg evaluate checkpoint="$folder/run_$preset/checkpoints/best.ckpt" data.store="$folder/test.h5" \
        data.split="$folder/test.csv" out="$folder/on_standard_$preset"
done
