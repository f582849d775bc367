"""Eight phantoms on one sheet: `python experiments/phantom_realism/contact_sheet.py [preset=standard] [out=...]`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from hydra.utils import instantiate
from matplotlib.figure import Figure
from omegaconf import OmegaConf

from hipseg.config import conf_folder
from hipseg.geometry.grid import Grid
from hipseg.phantom.film import expose_film
from hipseg.phantom.layout import DELIVERIES
from hipseg.phantom.skeleton import pose_skeleton
from hipseg.phantom.subject import draw_beam, draw_stance, draw_subject
from hipseg.transforms.resample import resample


def main(preset: str, out: Path) -> None:
    """Draw eight subjects on the machines of both cohorts."""
    config = instantiate(OmegaConf.load(conf_folder() / "preset" / f"{preset}.yaml"))
    figure = Figure(figsize=(20, 8.6), dpi=64)
    for index, axes in enumerate(figure.subplots(2, 4).flat):
        rng = np.random.default_rng([8, index])
        film = DELIVERIES[index % 2].grid(rng)
        subject, stance = draw_subject(rng, config), draw_stance(rng, config.pose)
        skeleton = pose_skeleton(subject, stance, subject.widths_mm, film.centre_mm)
        values = expose_film(subject, skeleton, draw_beam(rng, config.exposure), film, rng).values
        view = Grid.centred((780, 960), 0.43, film.centre_mm)
        axes.imshow(resample(values, film, view), cmap="gray", vmin=0, vmax=0.95)
        widths = " / ".join(f"{width:.1f}" for width in subject.widths_mm.values())
        axes.set_title(f"joint space width right / left {widths} mm", fontsize=13)
        axes.set_axis_off()
    figure.tight_layout(pad=0.3)
    figure.savefig(out, pil_kwargs={"quality": 85})


if __name__ == "__main__":
    options = dict(argument.split("=", 1) for argument in sys.argv[1:])
    default = Path(__file__).parents[2] / "docs" / "phantoms.jpg"
    main(options.get("preset", "standard"), Path(options.get("out", default)))
