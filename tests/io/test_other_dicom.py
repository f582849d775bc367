"""Real DICOM of other kinds: every file in pydicom's own wheel ends stored or with the reason a person would give."""

from __future__ import annotations

import shutil
import socket
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pydicom.data
import pytest

from hipseg.data.cohorts import Cohort
from hipseg.data.preprocess import Account, preprocess_folder
from hipseg.data.settings import Settings
from hipseg.data.store import Store
from hipseg.io.dicom import read_film
from hipseg.labels.curves import spline_curves
from hipseg.labels.points_file import write_points
from hipseg.labels.template import template

WHEEL = Path(pydicom.data.__file__).parent
FOLDERS = ("test_files", "charset_files", "palettes")
COHORT = Cohort(name="ANY", film="{subject}", points="points/{subject}.pts")
SETTINGS = Settings(512, 512, 0.9, 12, ("CR", "DX", "DR", "RG"), spline_curves)

# Path below pydicom/data -> reason, established by looking at each file. A name is looked up by the first line it fits.
EXPECTED = {
    # Text, ICC profile, JSON, gzip: no DICOM at all.
    "*.txt": "not_dicom",
    "*.md": "not_dicom",
    "*.dump": "not_dicom",
    "*.json": "not_dicom",
    "*.icc": "not_dicom",
    "*.gz": "not_dicom",
    "*/README": "not_dicom",
    # Data elements without the preamble and header that make them a DICOM file (part 10): plans and structures, read as
    # what they are. Not those in the byte order that nobody uses any more, nor those that a stray blank comes before.
    "test_files/ExplVR_LitEndNoMeta.dcm": "no_pixels",
    "test_files/rtstruct.dcm": "no_pixels",
    "test_files/ExplVR_BigEndNoMeta.dcm": "no_pixels or not_dicom",
    "test_files/no_meta.dcm": "not_dicom",
    # Has both, but no transfer syntax, so nothing says how to read on.
    "test_files/meta_missing_tsyntax.dcm": "not_dicom",
    # Stated to have '1A' frames: the header is damaged, which is noticed before what it states can be used.
    "test_files/badVR.dcm": "truncated",
    # Two bytes of pixel data, but neither rows, columns nor anything else of an image: not a colour image.
    "test_files/nested_priv_SQ.dcm": "truncated",
    # CR films of 32 x 32 pixels whose pixel data somebody removed.
    "charset_files/chrJapMulti.dcm": "truncated",
    "charset_files/chrJapMultiExplicitIR6.dcm": "truncated",
    "charset_files/chrKoreanMulti.dcm": "truncated",
    # A plan, which holds no image, and which breaks off in its last sequence: either is true.
    "test_files/rtplan_truncated.dcm": "no_pixels or truncated",
    # Plans, reports, curves, palettes, directories, single sequences: sound DICOM without an image.
    "test_files/rtplan.dcm": "no_pixels",
    "test_files/reportsi*.dcm": "no_pixels",
    "test_files/test-SR.dcm": "no_pixels",
    "test_files/waveform_ecg.dcm": "no_pixels",
    "test_files/UN_sequence.dcm": "no_pixels",
    "test_files/priv_SQ.dcm": "no_pixels",
    "test_files/empty_charset_LEI.dcm": "no_pixels",
    "test_files/no_meta_group_length.dcm": "no_pixels",
    "test_files/dicomdirtests/DICOMDIR*": "no_pixels",
    "test_files/dicomdirtests/TINY_ALPHA/*": "no_pixels",  # a directory, and CT headers without their images
    "charset_files/chrSQEncoding*.dcm": "no_pixels",
    "palettes/*.dcm": "no_pixels",
    # RGB, YBR or palette, some of them of several frames too: colour comes first.
    "test_files/SC_*.dcm": "colour",
    "test_files/ExplVR_BigEnd.dcm": "colour",
    "test_files/GDCMJ2K_TextGBR.dcm": "colour",
    "test_files/examples_jpeg2k.dcm": "colour",
    "test_files/examples_palette.dcm": "colour",
    "test_files/examples_rgb_color.dcm": "colour",
    "test_files/examples_ybr_color.dcm": "colour",
    # Dose in 15 planes, which comes before its modality; with one plane the modality is what is left.
    "test_files/rtdose.dcm": "multiframe",
    "test_files/rtdose_expb.dcm": "multiframe",
    "test_files/rtdose_rle.dcm": "multiframe",
    "test_files/rtdose*_1frame.dcm": "not_radiograph",
    # CT, MR, nuclear medicine, segmentation, other; a damaged image (MR_truncated, the JPEG 2000 with a
    # stray delimiter, the lossy JPEGs) is not decoded, as its modality excludes it before.
    "test_files/693_J2KI.dcm": "not_radiograph",
    "test_files/CT_small.dcm": "not_radiograph",
    "test_files/J2K_pixelrep_mismatch.dcm": "not_radiograph",
    "test_files/JPEG-lossy.dcm": "not_radiograph",
    "test_files/JPEG2000*.dcm": "not_radiograph",
    "test_files/JPGExtended.dcm": "not_radiograph",
    "test_files/MR_*.dcm": "not_radiograph",
    "test_files/examples_overlay.dcm": "not_radiograph",
    "test_files/image_dfl.dcm": "not_radiograph",
    "test_files/liver_*1frame.dcm": "not_radiograph",
    "test_files/dicomdirtests/77654033/CT2/*": "not_radiograph",
    "test_files/dicomdirtests/98892001/*": "not_radiograph",  # CT, also those with 0.545 by 0.597 mm
    "test_files/dicomdirtests/98892003/*": "not_radiograph",
    "charset_files/chr*.dcm": "not_radiograph",
    # Grey secondary captures in JPEG-LS that state no modality, so they may be scanned films: they lack a spacing.
    "test_files/JPEGLSNearLossless_*.dcm": "spacing_missing",
    # Three CR films of a neck, cut to 16 x 16 pixels of 0.1 mm.
    "test_files/dicomdirtests/77654033/CR?/*": "stored",
}


def expected(name: str) -> str:
    return next((reason for pattern, reason in EXPECTED.items() if fnmatchcase(name, pattern)), "not looked at yet")


@pytest.fixture(scope="module")
def names() -> dict[str, str]:
    """Every file's path below pydicom/data, by its name in the flat folder."""
    files = [path for folder in FOLDERS for path in (WHEEL / folder).rglob("*") if path.is_file()]
    paths = [path.relative_to(WHEEL).as_posix() for path in files]
    return {path.replace("/", "__"): path for path in sorted(paths)}


@pytest.fixture(scope="module")
def folder(names: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("other")
    (folder / "points").mkdir()
    right = template() + np.array([200.0, 100.0])
    write_points(folder / "any.pts", np.concatenate([right, right * [-1, 1] + [400.0, 0.0]]))
    for flat, path in names.items():
        shutil.copyfile(WHEEL / path, folder / flat)
        shutil.copyfile(folder / "any.pts", folder / "points" / f"{flat}.pts")
    (folder / "any.pts").unlink()
    return folder


def _no_network(*_: Any) -> None:
    raise OSError("this test must not use the network")


def _preprocess(folder: Path, out: Path) -> tuple[Account, Store, pd.DataFrame]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", _no_network)
        account = preprocess_folder(folder, out / "other.h5", {"any": COHORT}, SETTINGS, workers=0)
    return account, Store(out / "other.h5"), pd.read_csv(out / "other.h5.exclusions.csv", keep_default_na=False)


def test_every_file_ends_stored_or_with_its_reason(names: dict[str, str], folder: Path, tmp_path: Path) -> None:
    assert len(names) > 150
    account, store, exclusions = _preprocess(folder, tmp_path)
    films, hips = exclusions[exclusions["side"] == ""], exclusions[exclusions["side"] != ""]
    assert films["file"].is_unique
    ended = dict(zip(films["file"], films["reason"], strict=True)) | dict.fromkeys(store.films["subject"], "stored")
    wrong = {
        path: f"{ended.get(flat)}, expected {expected(path)}"
        for flat, path in names.items()
        if ended.get(flat) not in expected(path).split(" or ")
    }
    assert wrong == {}

    assert len(ended) == len(films) + len(store.films) == account.found == len(names)
    assert account.found == account.stored + account.film_reasons.total()
    assert (account.stored, account.new, account.elsewhere) == (3, 3, 0)
    assert account.film_reasons == Counter(films["reason"])
    # The films are 1.6 mm wide: every landmark lies outside, so no hip of them can be used.
    assert account.hip_reasons == Counter(points_outside=6) == Counter(hips["reason"])
    assert account.usable_hips == 0 and not store.samples["usable"].any()
    assert account.lines()[0] == f"{len(names)} files found = 3 stored + {len(names) - 3} excluded"


def test_every_line_of_the_table_is_about_a_file(names: dict[str, str]) -> None:
    """A line that fits no file, or that a line before it takes the files from, checks nothing."""
    used = {next((p for p in EXPECTED if fnmatchcase(path, p)), None) for path in names.values()}
    assert used == set(EXPECTED)


def test_real_cr_films_are_read_by_their_own_statements(names: dict[str, str]) -> None:
    """They are MONOCHROME1 and state ImagerPixelSpacing alone."""
    paths = [WHEEL / path for path in names.values() if "/CR" in path]
    assert len(paths) == 3
    for path in paths:
        film, dataset = read_film(path, ("CR",)), pydicom.dcmread(path)
        assert (film.spacing.mm, film.spacing.tag) == (0.1, "ImagerPixelSpacing")
        raw = np.frombuffer(dataset.PixelData, dtype="<u2").reshape(16, 16).astype(np.int64)
        slope, intercept = float(dataset.get("RescaleSlope", 1)), float(dataset.get("RescaleIntercept", 0))
        inverted = (2**dataset.BitsStored - 1 - raw) * slope + intercept
        np.testing.assert_allclose(film.pixels, inverted, rtol=1e-6)
