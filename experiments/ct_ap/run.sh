#!/usr/bin/env bash
# Radiographs and CT summed to look like them, five networks by what they were trained on; FOLDER is made.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
mkdir -p "$1"
cd "$1"
hipseg phantom out=films preset=arthritis subjects=150 seed=11 plants=false
hipseg phantom kind=ct ct_preset=pelvis out=ct subjects=50 seed=5 plants=false
python "$here/found.py" ct found.csv
hipseg convert source=film_hips input=films grades=films.grades.csv store=xray.h5
for projection in sum drr; do
    hipseg convert source=ct_ap source.projection=$projection input=ct grades=ct.grades.csv store=ct_$projection.h5
done
stores='[xray.h5,ct_sum.h5]'
hipseg split "store=$stores" out=split.csv stratify=true 'ratios=[0.5,0.2,0.3]'
hipseg train -m experiment=osteoarthritis mixture=xray,xray_coarse,both,both_coarse,ct_ap "data.store=$stores" data.split=split.csv data.workers=1 trainer.max_epochs=16 out=models
hipseg report 'runs=[models/0,models/1,models/2,models/3,models/4]' 'names=[xray,xray_coarse,both,both_coarse,ct_ap]' out=models.html tables=models_compared
# By Beer and Lambert's law in place of sums.
hipseg train experiment=osteoarthritis mixture=both 'data.store=[xray.h5,ct_drr.h5]' data.split=split.csv data.workers=1 trainer.max_epochs=16 out=drr
# Split by image: hips of one subject, and its visits, on both sides.
hipseg split store=xray.h5 by=sample out=by_image.csv 'ratios=[0.5,0.2,0.3]'
hipseg split store=xray.h5 out=by_subject.csv 'ratios=[0.5,0.2,0.3]'
for by in image subject; do
    hipseg train experiment=osteoarthritis data.store=xray.h5 data.split=by_$by.csv data.workers=1 trainer.max_epochs=16 out=by_$by
done
hipseg train experiment=osteoarthritis grading=ordinal data.store=xray.h5 data.split=by_subject.csv data.workers=1 trainer.max_epochs=16 out=ordinal
