"""Profile through the joint and mean value of regions of phantom films, beside those of a real film.

Run from anywhere: `python experiments/phantom_realism/measure.py [preset=standard] [films=50] [seed=51] [out=...]`.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from hydra.utils import instantiate
from omegaconf import OmegaConf
from scipy.ndimage import gaussian_filter, map_coordinates

from hipseg.config import conf_folder
from hipseg.geometry.grid import Grid
from hipseg.labels.circle import head_circle
from hipseg.phantom.film import expose_film
from hipseg.phantom.skeleton import Hip, Skeleton, pose_skeleton
from hipseg.phantom.subject import draw_beam, draw_stance, draw_subject
from hipseg.transforms.resample import inside_film, resample

HERE = Path(__file__).parent
ANGLES = np.deg2rad(np.arange(-10, 41, 2.0))  # 10 degrees lateral to 40 medial of vertical, of a right hip


def read(name: str) -> list[dict[str, str]]:
    """Rows of one of the real film's tables."""
    return list(csv.DictReader((HERE / name).read_text().splitlines()))


def region_points(skeleton: Skeleton, hip: Hip, flip: float) -> dict[str, np.ndarray]:
    """Where each region of the real film's table lies on this hip, film mm."""
    landmarks, parts, scale = hip.landmarks, hip.structures, skeleton.scale
    centre = head_circle(landmarks).centre
    neck = landmarks[[13, 30]].mean(axis=0)
    body = np.asarray(skeleton.centre_mm)

    def at(x: float, y: float) -> np.ndarray:
        return body + np.array([flip * x, y]) * scale

    lateral, medial = parts["shaft_lateral"][1], parts["shaft_medial"][1]
    across = (medial - lateral) / np.linalg.norm(medial - lateral)
    crown = landmarks[70:75].mean(axis=0)
    return {
        "thigh medial": at(-62, 108),
        "between the thighs": at(0, 125),
        "belly beside the ilium": parts["wing"][6] + np.array([flip * -14.0, 0.0]),
        "iliac wing": at(-118, -128),
        "pelvic cavity": at(-38, -28),
        "obturator foramen": landmarks[60:67].mean(axis=0),
        "iliac line near the sacroiliac joint": parts["pelvic_rim"][1],
        "femoral head": centre + np.array([0.0, -4.0]),
        "femoral neck": neck,
        "greater trochanter": landmarks[[3, 4, 39]].mean(axis=0),
        "shaft lateral cortex": lateral + 3.5 * across,
        "shaft medulla": (lateral + medial) / 2,
        "shaft medial cortex": medial - 3.5 * across,
        "bone above the roof": crown + np.array([flip * 4.0, -22.0]),
        "ischium": landmarks[[45, 47, 61]].mean(axis=0),
        "pubis": landmarks[[53, 54, 64]].mean(axis=0),
        "lower lumbar vertebra": skeleton.midline["vertebra_5"].mean(axis=0),
        "sacrum": skeleton.midline["sacrum"].mean(axis=0),
        "inner pelvic rim": landmarks[[58, 59]].mean(axis=0),
    }


def measure_film(
    preset: object, seed: int, index: int, millimetres: np.ndarray
) -> tuple[np.ndarray, dict[str, list[float]], dict]:
    """Profiles (hips, mm), region values and body percentiles of one film."""
    rng = np.random.default_rng([seed, index])
    subject, stance = draw_subject(rng, preset), draw_stance(rng, preset.pose)
    film = Grid.of_film((1860, 2316), 0.16896)
    skeleton = pose_skeleton(subject, stance, subject.widths_mm, film.centre_mm)
    beam = draw_beam(rng, preset.exposure)
    grid = Grid.centred((512, 512), 0.9, film.centre_mm)
    image = resample(expose_film(subject, skeleton, beam, film, rng).values, film, grid)
    # The real film's figures come from plain min-max scaling: the thesis' percentile step does not clip.
    raw, inside = image, inside_film(film, grid)
    image = np.zeros_like(raw)
    image[inside] = (raw[inside] - raw[inside].min()) / np.ptp(raw[inside])
    smooth = gaussian_filter(image, 1.5)

    def sample(source: np.ndarray, points: np.ndarray) -> np.ndarray:
        x, y = grid.to_pixels(points).T
        return map_coordinates(source, [y, x], order=1)

    profiles, regions = [], {}
    for side, hip in skeleton.hips.items():
        flip = 1.0 if side == "right" else -1.0
        circle = head_circle(hip.landmarks)
        direction = np.stack([flip * np.sin(ANGLES), -np.cos(ANGLES)], axis=1)
        points = circle.centre + (circle.radius + millimetres)[:, None, None] * direction
        profiles.append(sample(image, points.reshape(-1, 2)).reshape(points.shape[:2]).mean(axis=1))
        for name, point in region_points(skeleton, hip, flip).items():
            # A region that a shutter covers says nothing of the phantom's body.
            if (value := float(sample(smooth, point[None])[0])) > 0.02:
                regions.setdefault(name, []).append(value)
    body = image[image > 0.02]
    fine = float(np.sqrt(np.median(gaussian_filter((image - gaussian_filter(image, 2.0)) ** 2, 4.0)[image > 0.3])))
    percentiles = dict(zip((1, 5, 25, 50, 75, 95, 99), np.percentile(body, (1, 5, 25, 50, 75, 95, 99)), strict=True))
    return np.array(profiles), regions, percentiles | {"fine": fine}


def main(preset: str, films: int, seed: int, out: Path) -> None:
    """Measure, print and draw."""
    profile_rows = read("film_profile.csv")
    millimetres = np.array([float(row["mm"]) for row in profile_rows])
    real = np.array([float(row["value"]) for row in profile_rows])
    config = OmegaConf.load(conf_folder() / "preset" / f"{preset}.yaml")
    measured = [measure_film(instantiate(config), seed, index, millimetres) for index in range(films)]
    profile = np.concatenate([m[0] for m in measured]).mean(axis=0)
    inside = millimetres <= -2
    matched = profile + (real[inside] - profile[inside]).mean()
    print(f"preset {preset}, {films} films, {2 * films} hips")
    print("mm     " + " ".join(f"{v:6.0f}" for v in millimetres))
    print("film   " + " ".join(f"{v:6.3f}" for v in real))
    print("phantom" + " ".join(f"{v:6.3f}" for v in matched))
    print(f"largest difference {np.abs(matched - real).max():.3f}; level shift {np.mean(matched - profile):+.3f}")
    rows = []
    for row in read("film_regions.csv"):
        value = float(np.mean([v for m in measured for v in m[1].get(row["region"], [])]))
        low, high = float(row["low"]), float(row["high"])
        ratio = value / low if value < low else value / high if value > high else 1.0
        rows.append((row["region"], low, high, value, ratio))
        print(f"{row['region']:38s} {low:.2f}-{high:.2f} {value:.2f} {'' if 2 / 3 <= ratio <= 4 / 3 else '  <-- off'}")
    keys = measured[0][2].keys()
    print("percentiles " + " ".join(f"{k}:{np.mean([m[2][k] for m in measured]):.3f}" for k in keys))
    with (out / f"results_{preset}.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("quantity", "film_low", "film_high", "phantom", "ratio_to_range"))
        writer.writerows([(n, lo, hi, f"{v:.3f}", f"{r:.2f}") for n, lo, hi, v, r in rows])
        writer.writerows([(f"profile {m:g} mm", f, f, f"{p:.3f}", f"{p / f:.2f}")
                          for m, f, p in zip(millimetres, real, matched, strict=True)])  # fmt: skip
    draw(millimetres, real, matched, rows, out / f"realism_{preset}.png")


def draw(millimetres: np.ndarray, real: np.ndarray, phantom: np.ndarray, rows: list[tuple], path: Path) -> None:
    """Plot profile and regions."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5), width_ratios=(1, 1.1))
    left.plot(millimetres, real, "k-o", label="real film")
    left.plot(millimetres, phantom, "C1-s", label="phantom, head level matched")
    left.fill_between(millimetres, real - 0.03, real + 0.03, color="0.9", label="within 0.03")
    left.set(xlabel="mm outward from the femoral head's edge", ylabel="grey value", title="Through the joint")
    left.legend()
    for index, (_, low, high, value, _) in enumerate(rows):
        right.plot([low * 2 / 3, high * 4 / 3], [index, index], color="0.85", linewidth=7)
        right.plot([low, high], [index, index], "k-", linewidth=7)
        right.plot(value, index, "C1s")
    right.set_yticks(range(len(rows)), [row[0] for row in rows])
    right.set(xlabel="grey value (black: real film; grey: a third either way)", title="Regions")
    figure.tight_layout()
    figure.savefig(path, dpi=90)


if __name__ == "__main__":
    options = dict(argument.split("=", 1) for argument in sys.argv[1:])
    main(
        options.get("preset", "standard"),
        int(options.get("films", 50)),
        int(options.get("seed", 51)),
        Path(options.get("out", HERE)),
    )
