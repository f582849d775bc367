"""An adult right hip's landmarks, to compare others with."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

import numpy as np

from hipseg.labels.landmarks import Points


@cache
def template() -> Points:
    """(80, 2) in mm, x from the mid-sagittal line, y from the head's centre, radiographically magnified.

    The head's radius is 26 mm.
    """
    text = files("hipseg.labels").joinpath("data/hip_landmarks_template.csv").read_text(encoding="ascii")
    points = np.array([(float(row["x_mm"]), float(row["y_mm"])) for row in csv.DictReader(text.splitlines())])
    points.setflags(write=False)
    return points
