#!/usr/bin/env bash
# Phantoms with osteoarthritis, a network that grades them, joint space width alone beside it; FOLDER is made.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
mkdir -p "$1"
cd "$1"
hipseg phantom out=films preset=arthritis subjects=100 seed=11 plants=false
hipseg convert source=film_hips input=films grades=films.grades.csv store=xray.h5
hipseg split store=xray.h5 out=split.csv 'ratios=[0.55,0.2,0.25]'
hipseg train experiment=osteoarthritis data.store=xray.h5 data.split=split.csv data.workers=1 trainer.max_epochs=12 out=run
python - <<'P'
import pandas as pd
truth = pd.read_csv("films.truth.csv")
parts = truth["key"].str.split("/", expand=True)
truth["key"] = "xray/" + parts[1] + "/" + parts[2] + "_" + parts[3]
truth[["key", "mjsw_mm"]].dropna().to_csv("widths.csv", index=False)
P
hipseg evaluate checkpoint=run/checkpoints/best.ckpt data.store=xray.h5 data.split=split.csv evaluation=classification annotations=widths.csv out=beside_width
python "$here/heat.py" run/checkpoints/best.ckpt xray.h5 run/test_cases.csv films.truth.csv
