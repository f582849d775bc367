"""What an evaluation leaves in its folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from hipseg.report.agreement import agreement_table, headline
from hipseg.report.hip_figures import HipPicture, choose_hips, draw_hips
from hipseg.report.run_figures import draw_agreement
from hipseg.report.summary import by_cohort, summarise


def write_evaluation(
    folder: Path,
    hips: pd.DataFrame,
    repeats: Mapping[str, str],
    pictures: Mapping[str, Callable[[], HipPicture]],
    count: int,
) -> tuple[dict[str, float], list[Path]]:
    """Write `test_hips.csv`, `cohorts.csv`, `agreement.csv`, `summary.json` and the figures, which name no subject.

    Args:
        folder: The run folder.
        hips: A row a test hip.
        repeats: From a hip to the one whose exposure it repeats.
        pictures: What makes the picture of a sample that can be drawn.
        count: How many hips to draw.

    Returns:
        The summary, and the figures' files.
    """
    figures = folder / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    hips.to_csv(folder / "test_hips.csv", index=False, float_format="%.6g")
    by_cohort(hips).to_csv(folder / "cohorts.csv", float_format="%.6g")
    agreement = agreement_table(hips, repeats)
    agreement.to_csv(folder / "agreement.csv", index=False, float_format="%.6g")
    summary = summarise(hips) | headline(agreement)
    (folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    drawn = [figures / "mjsw.png"]
    draw_agreement(hips, agreement, drawn[0])
    if count:
        drawn.append(figures / "hips.png")
        chosen = choose_hips(hips[hips["sample"].isin(pictures)], count)
        # Figures get around, so the subjects stand in a table beside them.
        names = [f"hip {i}" for i in range(1, len(chosen) + 1)]
        pd.DataFrame({"hip": names, "sample": chosen}).to_csv(figures / "hips.csv", index=False)
        draw_hips({name: pictures[sample]() for name, sample in zip(names, chosen, strict=True)}, drawn[1])
    return summary, drawn
