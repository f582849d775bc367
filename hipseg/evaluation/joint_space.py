"""The minimum joint space width of every test hip, beside what the landmarks, the label map and the truth say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from hipseg.data.annotations import read_annotations, require_annotated
from hipseg.data.datasets.hips import read_image
from hipseg.data.exclusions import NOT_LOCATED
from hipseg.data.store import Store
from hipseg.errors import HipsegError
from hipseg.evaluation.evaluator import Case, Findings, Judged
from hipseg.evaluation.overlap import PackedMap, choose_cases, name_drawn
from hipseg.geometry.crop import Crop
from hipseg.inference.judgement import Surface, measure_hip
from hipseg.labels.curves import CURVE_FUNCTIONS
from hipseg.labels.label_map import LABEL_NAMES, draw_label_shares
from hipseg.labels.landmarks import mirror_columns
from hipseg.measure import JointSpace, Method, joint_space_width
from hipseg.measure.quality import Plausible
from hipseg.measure.reference import reference_width
from hipseg.report.agreement import agreement_table, headline
from hipseg.report.agreement_figures import draw_agreement
from hipseg.report.hip_figures import HipPicture, draw_hips
from hipseg.transforms.intensity import FilmPercentiles
from hipseg.transforms.polarity import corrected

_LOOK: Final = FilmPercentiles((1.0, 99.0))  # pictures are for people, whatever the network saw
_PROFILES: Final = "test_profiles.csv"


class _Kept(NamedTuple):
    """Of a hip: the three measurements and what its picture needs."""

    row: int
    predicted: PackedMap
    reference: JointSpace
    label: JointSpace
    found: JointSpace


class JointSpaceWidth:
    """Measures every test hip.

    Args:
        method: How joint space widths are measured; see `hipseg.measure`.
        plausibility: Beyond which a measurement's status warns.
        pictures: How many hips to draw: the worst, the median and so on, by Dice.
        annotations: CSV of what is known beside the points files; see `hipseg.data.annotations`.
    """

    headlines: Final[Mapping[str, tuple[str, str]]] = {
        "mjsw/mae_mm": ("mJSW MAE mm", "{:.3f}"),
        "mjsw/bias_mm": ("bias mm", "{:+.3f}"),
        "mjsw/sd_mm": ("SD mm", "{:.3f}"),
        "mjsw/failed": ("failed", "{:.0f}"),
    }

    def __init__(
        self,
        method: Method,
        plausibility: Plausible,
        pictures: Annotated[int, Field(ge=0)],
        annotations: Path | None,
    ) -> None:
        self._method, self._plausibility, self._pictures = method, plausibility, pictures
        self._annotations = read_annotations(Path(annotations)) if annotations is not None else None
        self._store: Store
        self._crop: Crop
        self._finds_heads: bool
        self._has_middle: bool

    def begin(self, data: Any) -> None:
        """Learn where the hips lie.

        Raises:
            HipsegError: If the data are no hips with landmarks, or none of them stands in the annotations.
        """
        if not isinstance(data.store, Store) or tuple(data.store.label_names) != LABEL_NAMES:
            said = f"joint space is measured on hips with landmarks, {data.store.path} holds none"
            raise HipsegError(f"evaluation: {said}; choose evaluation=overlap")
        self._store, self._crop = data.store, data.test_dataset.crop
        # The film's middle says nothing where hips may lie anywhere; what finds them tells one from the other.
        self._finds_heads = bool(data.test_dataset.finds_heads)
        self._has_middle = data.store.preprocessing["region"] == "film" and not self._finds_heads
        if self._annotations is not None:
            require_annotated(self._annotations, data.samples["test"])

    def compare(self, case: Case) -> Judged:
        """Widths in mm by landmarks, label map and prediction, where they lie, and the measurement's status.

        What is predicted of a hip whose status warns stands in a column of its own.
        """
        store, crop, row = self._store, self._crop, case.row
        grid, mirror = store.grid(row), bool(store.samples["mirror"].iloc[row])
        found = self._measure(case)
        reference, label = _without_network(store, row, mirror, self._method)
        predicted, unreliable = found.believed_and_not()
        columns = {
            "mjsw_reference_mm": reference.mjsw_mm,
            "mjsw_label_mm": label.mjsw_mm,
            "mjsw_predicted_mm": predicted,
            "mjsw_unreliable_mm": unreliable,
            "error_mm": predicted - reference.mjsw_mm,
            "error_to_label_mm": predicted - label.mjsw_mm,
            **self._against_truth(case.key, predicted),
            **_places("reference", reference),
            **_places("predicted", found),
            **found.ends_on_film(lambda at: store.to_file_mm(row, crop.to_film_mm(at, mirror=mirror, stored=grid))),
            "status": found.status,
        }
        return Judged(columns, _Kept(row, PackedMap.of(case.predicted), reference, label, found))

    def _measure(self, case: Case) -> JointSpace:
        store, crop, row = self._store, self._crop, case.row
        if self._finds_heads and (case.probabilities[0] == 1).all():  # no window was laid anywhere
            return JointSpace.failed("not_located")
        grid = store.grid(row)
        image = read_image(store, row, crop, bool(store.samples["mirror"].iloc[row]))
        surface = Surface(image, store.quantiles(row), corrected(store.polarity(row)))
        middle = crop.middle(grid.shape[1]) if self._has_middle else None
        return measure_hip(case.probabilities, surface, grid.spacing_mm, self._method, self._plausibility, middle)

    def _against_truth(self, key: str, predicted: float) -> dict[str, float]:
        if self._annotations is None:
            return {}
        known = float(self._annotations["mjsw_mm"].get(key, np.nan))
        return {"mjsw_truth_mm": known, "error_to_truth_mm": predicted - known}

    def missing(self, key: str) -> dict[str, Any]:
        """A hip that the locator did not find has no width."""
        return {"status": NOT_LOCATED}

    def summarise(self, cases: pd.DataFrame) -> dict[str, float]:
        """`mjsw/...` in mm of the hips whose status is `ok`, and how many are not.

        Mean absolute, mean and standard deviation of prediction - reference; mean and SD of the absolute difference
        between prediction and label map (the thesis' table 2).
        """
        measured = cases[cases["status"] == "ok"]
        error, to_label = measured["error_mm"].dropna(), measured["error_to_label_mm"].dropna().abs()
        return {
            "mjsw/mae_mm": float(error.abs().mean()),
            "mjsw/bias_mm": float(error.mean()),
            "mjsw/sd_mm": float(error.std()),
            "mjsw/mean_abs_to_label_mm": float(to_label.mean()),
            "mjsw/sd_abs_to_label_mm": float(to_label.std()),
            "mjsw/measured": len(measured),
            "mjsw/failed": len(cases) - len(measured),
        }

    def finish(self, cases: pd.DataFrame, kept: Mapping[str, Any], folder: Path) -> Findings:
        """Write profiles and agreement, draw predicted against reference widths and chosen hips."""
        profiles = pd.concat([_profile(key, hip) for key, hip in kept.items()])
        profiles.to_csv(folder / _PROFILES, index=False, float_format="%.4f")
        repeats: dict[str, str] = {}
        if self._annotations is not None:
            keys, first = self._annotations.index.astype(str), self._annotations["repeat_of"].astype(str)
            repeats = dict(zip(keys, first, strict=True))
        agreement = agreement_table(cases, repeats)
        agreement.to_csv(folder / "agreement.csv", index=False, float_format="%.6g")
        figures = [folder / "figures" / "mjsw.png"]
        draw_agreement(cases, agreement, figures[0])
        if self._pictures:
            figures.append(folder / "figures" / "hips.png")
            chosen = choose_cases(cases[cases["sample"].isin(kept)], self._pictures)
            names = name_drawn(chosen, "hips", folder / "figures")
            draw_hips({name: self._picture(kept[key]) for name, key in zip(names, chosen, strict=True)}, figures[1])
        return Findings(headline(agreement), figures)

    def _picture(self, hip: _Kept) -> HipPicture:
        store, crop = self._store, self._crop
        mirror, spacing_mm = bool(store.samples["mirror"].iloc[hip.row]), store.grid(hip.row).spacing_mm
        label = crop.cut(store.label(hip.row), mirror).astype(np.uint8)
        offset = np.array([crop.column, crop.row]) * spacing_mm
        image = read_image(store, hip.row, crop, mirror, _LOOK)
        predicted = hip.predicted.unpacked()
        return HipPicture(image, label, predicted, hip.reference, hip.label, offset, hip.found, spacing_mm)


def _without_network(store: Store, row: int, mirror: bool, method: Method) -> tuple[JointSpace, JointSpace]:
    """What the landmarks say, and what the method finds on a label map without a network's error."""
    grid, landmarks = store.grid(row), store.landmarks(row)
    if mirror:
        landmarks = mirror_columns(landmarks, grid.shape[1])
    if method == "contour":
        truth: NDArray[np.float32] = draw_label_shares(
            landmarks, grid.shape, CURVE_FUNCTIONS[store.preprocessing["curves"]]
        )
    else:
        label = store.label(row)[:, ::-1] if mirror else store.label(row)
        truth = (label == np.arange(len(LABEL_NAMES))[:, None, None]).astype(np.float32)
    spacing_mm = grid.spacing_mm
    return reference_width(landmarks * spacing_mm), joint_space_width(truth, spacing_mm, method)


def _places(name: str, joint: JointSpace) -> dict[str, float]:
    profile = joint.profile
    widths = {"lateral": profile.lateral_mm, "apex": profile.apex_mm, "medial": profile.medial_mm}
    return {f"jsw_{place}_{name}_mm": width for place, width in widths.items()}


def _profile(key: str, hip: _Kept) -> pd.DataFrame:
    """The widths along the weight-bearing region at every degree that any of the three reaches."""
    joints = {"reference_mm": hip.reference, "label_mm": hip.label, "predicted_mm": hip.found}
    widths = {name: pd.Series(j.profile.width_mm, index=j.profile.angle_deg) for name, j in joints.items()}
    table = pd.DataFrame(widths).rename_axis("angle_deg").reset_index()
    table.insert(0, "sample", key)
    return table
