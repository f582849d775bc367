#!/bin/sh
# One network for every choice of grey values, trained on the same hips and tested on films that none has seen.
# usage: run.sh FOLDER; two cores take over two hours.
set -e
folder=$1
choices="local thesis wide"
. "$(dirname "$0")/../make_store.sh"
make_store train projected 600 3 '[0.96,0.02,0.02]' fine
for preset in standard hard random; do make_store "test_$preset" "$preset" 40 91 '[0,0,1]' fine; done
for choice in $choices; do
    hipseg train experiment=transfer intensity="$choice" data.store="$folder/train.h5" data.split="$folder/train.csv" \
        out="$folder/$choice"
    for preset in standard hard random; do
        hipseg evaluate checkpoint="$folder/$choice/checkpoints/best.ckpt" data.store="$folder/test_$preset.h5" \
            data.split="$folder/test_$preset.csv" out="$folder/${choice}_$preset"
    done
done
python "$(dirname "$0")/table.py" "$folder"
