"""Both hips of every CT scan, each a square of the scan seen from in front, as radiographs show hips."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hipseg.anatomy.pelvis_fit import FoundPelvis, PelvisLandmarks, find_pelvis
from hipseg.data.exclusions import Exclusion
from hipseg.data.image_store import StoredImage
from hipseg.data.sources.case_files import CaseFiles, FoundCases, Reading, require_names
from hipseg.data.sources.scans import find_scans, read_scan
from hipseg.errors import Excluded, HipsegError
from hipseg.geometry.volume import upright
from hipseg.io.tables import require_table
from hipseg.labels.landmarks import SIDES, Side
from hipseg.report.ct_ap_figures import draw_ct_ap
from hipseg.transforms.ct_projection import ProjectedScan, Projection, project
from hipseg.transforms.hip_square import CT_EDGE_MM, hip_square
from hipseg.transforms.implant import metal_in_scan

SOURCE: Final = "ct_ap"
_LANDMARKS: Final = ("asis_right", "asis_left", "tubercle_right", "tubercle_left")


@dataclass(frozen=True)
class ScanSeen:
    """A scan from in front, with its hips.

    Attributes:
        picture: Of pelvis and hips.
        pelvis: Where it was found.
        metal: Of each side, whether there is metal at the femoral head.
    """

    picture: ProjectedScan
    pelvis: FoundPelvis
    metal: Mapping[Side, bool]

    def square(self, side: Side, pixels: int) -> NDArray[np.uint16]:
        """One hip, (pixels, pixels), left ones mirrored.

        Raises:
            Excluded: `points_outside` where a part of the head lies beyond the picture.
        """
        x, y = self.picture.to_film(self.pelvis.heads_mm[side]).tolist()
        return hip_square(self.picture.pixels, self.picture.grid, (x, y), CT_EDGE_MM, pixels, side == "left")

    def draw(self, path: Path) -> None:
        """Write the picture with its landmarks and squares, as a PNG file."""
        picture = self.picture
        marks = {name: picture.to_film(point) for name, point in self.pelvis.landmarks.each().items()}
        middles = {str(side): picture.to_film(self.pelvis.heads_mm[side]).tolist() for side in SIDES}
        squares = {side: (x, y, CT_EDGE_MM) for side, (x, y) in middles.items()}
        draw_ct_ap(picture.pixels, picture.grid, marks, squares, path)


def see_scan(path: Path, projection: Projection, landmarks: PelvisLandmarks | None = None) -> ScanSeen:
    """Read a scan, lay it on its anterior pelvic plane and look at it from in front.

    Args:
        path: A folder of DICOM slices, a multi-frame or a NIfTI file.
        projection: See `hipseg.transforms.ct_projection.project`.
        landmarks: That lay the plane; those of a fitted pelvis if None.

    Raises:
        Excluded: If there is no volume, or no pelvis in it.
    """
    scan = upright(read_scan(path))
    pelvis = find_pelvis(scan)
    if landmarks is not None:
        pelvis = replace(pelvis, landmarks=landmarks)
    picture = project(scan, pelvis.landmarks, pelvis.heads_mm, projection)
    metal = {side: metal_in_scan(scan, pelvis.heads_mm[side]) for side in SIDES}
    return ScanSeen(picture, pelvis, metal)


@dataclass(frozen=True)
class ScanHips(CaseFiles):
    """Both hips of a scan.

    Attributes:
        projection: How it is looked at.
        pixels: Along an edge of the pictures.
        landmarks: Known ones.
    """

    projection: Projection = field(kw_only=True)
    pixels: int = field(kw_only=True)
    landmarks: PelvisLandmarks | None = field(kw_only=True)

    def load_all(self, reading: Reading) -> list[StoredImage | Exclusion]:
        """See `CaseFiles`; a hip that is cut or metal is left out without the other."""
        path = self.images[0]
        seen = see_scan(path, self.projection, self.landmarks)
        spacing, found = CT_EDGE_MM / self.pixels, list[StoredImage | Exclusion]()
        for side in SIDES:
            if seen.metal[side]:
                found.append(Exclusion(path.name, side, "implant", "there is metal at the femoral head"))
                continue
            try:
                square = seen.square(side, self.pixels)
            except Excluded as error:
                found.append(Exclusion(path.name, side, error.reason, error.detail))
                continue
            digest = hashlib.sha256(np.ascontiguousarray(square).tobytes()).hexdigest()
            key = f"{reading.dataset}/{self.subject}/{side}"
            found.append(StoredImage(
                key, self.subject, self.subset, self.fold, square[None], None, (spacing, spacing), path.name, digest
            ))  # fmt: skip
        return found


@dataclass(frozen=True)
class CtHips:
    """A folder with `scans`: a folder of DICOM slices, a multi-frame file or a NIfTI file a subject.

    Attributes:
        projection: `sum` or `drr`, see `hipseg.transforms.ct_projection.project`.
        pixels: Along an edge of the pictures.
        landmarks: CSV with `subject` and, in the patient's millimetres, x, y and z of each landmark of the anterior
            pelvic plane (`asis_right_x_mm`, ..., `tubercle_left_z_mm`); found by fitting a pelvis if None.
        dataset: Name of the cohort that the pictures make.
    """

    projection: Projection
    pixels: Annotated[int, Field(ge=16)]
    landmarks: Path | None = None
    dataset: str = SOURCE

    def find(self, input: Path) -> FoundCases:
        """See `ImageSource`."""
        known = {} if self.landmarks is None else _read_landmarks(Path(self.landmarks))
        scans, exclusions = find_scans(input)
        cases: list[CaseFiles] = [
            ScanHips(
                subject, subject, (path,), None, projection=self.projection, pixels=self.pixels,
                landmarks=known.get(subject),
            )
            for subject, path in scans
        ]  # fmt: skip
        require_names(cases, f"{input / 'scans'} holds no scan")
        about = {"source": SOURCE, "edge_mm": CT_EDGE_MM, "pixels": self.pixels, "projection": self.projection}
        return FoundCases(self.dataset, ("background", "hip"), tuple(cases), tuple(exclusions), about)


def _read_landmarks(path: Path) -> dict[str, PelvisLandmarks]:
    """Of every subject whose landmarks are all there.

    Raises:
        HipsegError: If the file is missing or lacks a column, or a value is no number.
    """
    table = require_table(path, "source.landmarks")
    columns = [f"{name}_{axis}_mm" for name in _LANDMARKS for axis in "xyz"]
    lacking = [name for name in ("subject", *columns) if name not in table]
    if lacking:
        raise HipsegError(
            f"source.landmarks: {path} has no column {lacking[0]}; it needs subject, {columns[0]} and so on"
        )
    found = {}
    for line, row in enumerate(table.to_dict("records"), start=2):
        try:
            values = {name: np.array([float(row[f"{name}_{axis}_mm"]) for axis in "xyz"]) for name in _LANDMARKS}
        except ValueError:
            raise HipsegError(f"source.landmarks: {path}, line {line} holds something that is no number") from None
        if all(np.isfinite(point).all() for point in values.values()):
            found[str(row["subject"]).strip()] = PelvisLandmarks.of(values)
    return found
