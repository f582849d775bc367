"""Plans are nnunetv2's: the numbers here were measured beside its own planner (version 2.8.1)."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from hipseg.errors import HipsegError
from hipseg.networks.plain_unet import PlainUNet
from hipseg.planning import Fingerprint, Plan, plan_network, read_plan, write_plan


def _alike(
    count: int, size: tuple[int, ...], spacing: tuple[float, ...], channels: int, labels: int
) -> Fingerprint:  # fmt: skip
    return Fingerprint((size,) * count, (spacing,) * count, channels, labels)


STUDY = _alike(100, (2320, 1414), (0.15, 0.15), 1, 6)
COLOURED = _alike(200, (256, 256), (1.0, 1.0), 3, 2)
UNEVEN = _alike(40, (900, 300), (0.3, 0.9), 1, 4)
FEW = _alike(12, (96, 64), (2.0, 2.0), 1, 3)
SHRUNK = _alike(60, (1000, 1100), (0.5, 0.5), 1, 3)
LARGE = _alike(500, (3000, 2500), (0.14, 0.14), 1, 3)


@pytest.mark.parametrize(
    ("fingerprint", "memory_gb", "patch", "batch", "stages"),
    [
        (STUDY, 8.0, (1536, 1024), 2, 9),
        (COLOURED, 8.0, (256, 256), 10, 7),
        (UNEVEN, 8.0, (1024, 320), 2, 8),
        (FEW, 8.0, (96, 64), 2, 5),
        (SHRUNK, 5.0, (896, 1024), 2, 8),
        (LARGE, 24.0, (2048, 2048), 2, 10),
    ],
)
def test_patch_batch_and_stages_are_nnunets(
    fingerprint: Fingerprint, memory_gb: float, patch: tuple[int, ...], batch: int, stages: int
) -> None:
    plan = plan_network(fingerprint, memory_gb)
    assert (plan.patch, plan.batch_size, len(plan.features)) == (patch, batch, stages)
    assert len(plan.strides) == len(plan.kernel_sizes) == stages
    assert (plan.convolutions, plan.normalisation, plan.channels) == (2, "zscore", fingerprint.channels)


def test_a_larger_card_gets_a_larger_patch() -> None:
    plan = plan_network(STUDY, 11.0)
    assert (plan.patch, plan.batch_size) == ((2048, 1024), 2)


@pytest.mark.parametrize(
    ("fingerprint", "memory_gb", "millions"),
    [
        (STUDY, 8.0, 59.187),
        (COLOURED, 8.0, 33.472),
        (UNEVEN, 8.0, 46.300),
        (FEW, 8.0, 7.767),
        (SHRUNK, 5.0, 46.327),
        (LARGE, 24.0, 72.033),
    ],
)
def test_the_planned_network_has_as_many_parameters_as_nnunets(
    fingerprint: Fingerprint, memory_gb: float, millions: float
) -> None:
    plan = plan_network(fingerprint, memory_gb)
    with torch.device("meta"):
        network = PlainUNet(
            plan.channels, fingerprint.labels, plan.features, plan.strides, plan.kernel_sizes, plan.convolutions
        )
    assert round(sum(weights.numel() for weights in network.parameters()) / 1e6, 3) == millions


def test_features_double_from_32_up_to_512() -> None:
    assert plan_network(STUDY).features == (32, 64, 128, 256, 512, 512, 512, 512, 512)
    assert plan_network(FEW).features == (32, 64, 128, 256, 512)


def test_fewer_features_leave_patch_and_batch_as_they_were() -> None:
    small, usual = plan_network(STUDY, 8.0, (8, 100)), plan_network(STUDY, 8.0)
    assert small.features == (8, 16, 32, 64, 100, 100, 100, 100, 100)
    assert (small.patch, small.batch_size, small.strides) == (usual.patch, usual.batch_size, usual.strides)


def test_even_pixels_are_halved_along_both_axes_and_seen_by_kernels_of_three() -> None:
    plan = plan_network(FEW)
    assert plan.strides == ((1, 1), (2, 2), (2, 2), (2, 2), (2, 2))
    assert plan.kernel_sizes == ((3, 3),) * 5


def test_coarse_pixels_wait_until_the_fine_ones_have_caught_up() -> None:
    plan = plan_network(UNEVEN)
    # 0.3 against 0.9 mm: one halving (0.6) brings them within a factor of two.
    assert plan.strides[:3] == ((1, 1), (2, 1), (2, 2))
    assert plan.kernel_sizes[:2] == ((3, 1), (3, 3))


def test_images_of_several_spacings_are_planned_at_their_median() -> None:
    sizes, spacings = ((100, 100), (200, 200), (50, 100)), ((0.2, 0.2), (0.1, 0.1), (0.4, 0.2))
    plan = plan_network(Fingerprint(sizes, spacings, 1, 2))
    # At 0.2 mm: 100 x 100, 100 x 100 and 100 x 100.
    assert (plan.spacing_mm, plan.median_size) == ((0.2, 0.2), (100, 100))


@pytest.mark.parametrize("fingerprint", [STUDY, COLOURED, UNEVEN, FEW])
@pytest.mark.parametrize("memory_gb", [2.0, 4.0, 8.0, 40.0])
def test_every_patch_can_be_halved_as_often_as_its_strides_say(fingerprint: Fingerprint, memory_gb: float) -> None:
    plan = plan_network(fingerprint, memory_gb)
    for axis, edge in enumerate(plan.patch):
        for stride in plan.strides:
            assert edge % stride[axis] == 0
            edge //= stride[axis]
        assert edge >= 4


def test_a_batch_covers_at_most_a_twentieth_of_all_pixels_but_never_fewer_than_two_patches() -> None:
    # 250 images of 64 x 64 at a patch of 64 x 64: a twentieth is 12.5 patches, however much memory there is.
    assert plan_network(_alike(250, (64, 64), (1.0, 1.0), 1, 2), 100.0).batch_size == 12
    assert plan_network(_alike(3, (64, 64), (1.0, 1.0), 1, 2), 100.0).batch_size == 2


def test_a_plan_is_the_same_twice_and_leaves_its_arguments() -> None:
    before = copy.deepcopy(UNEVEN)
    assert plan_network(UNEVEN) == plan_network(UNEVEN)
    assert before == UNEVEN


def test_images_of_three_axes_are_refused() -> None:
    solid = _alike(2, (64, 64, 64), (1.0, 1.0, 1.0), 1, 2)
    with pytest.raises(HipsegError, match="its images have 3 axes; plans are made for images of two axes"):
        plan_network(solid)
    with pytest.raises(HipsegError, match="2 and 3 axes"):
        plan_network(Fingerprint(((8, 8), (8, 8, 8)), ((1.0, 1.0), (1.0, 1.0, 1.0)), 1, 2))


def test_no_image_is_refused() -> None:
    with pytest.raises(HipsegError, match="no training image"):
        plan_network(Fingerprint((), (), 1, 2))


def _written(folder: Path) -> tuple[Plan, Path]:
    plan, path = plan_network(UNEVEN), folder / "new" / "plan.yaml"
    write_plan(plan, path, "made of forty\nimages")
    return plan, path


def test_a_plan_comes_back_from_its_file(tmp_path: Path) -> None:
    plan, path = _written(tmp_path)
    content = read_plan(path)
    assert path.read_text().startswith("# made of forty\n# images\n")
    assert set(content) == {
        "spacing_mm", "median_size", "patch", "batch_size", "features", "strides", "kernel_sizes", "convolutions",
        "normalisation", "channels",
    }  # fmt: skip
    assert (content["patch"], content["batch_size"], content["spacing_mm"]) == ([1024, 320], 2, [0.3, 0.9])
    assert [tuple(stride) for stride in content["strides"]] == list(plan.strides)


def test_an_edited_plan_keeps_what_was_edited(tmp_path: Path) -> None:
    _, path = _written(tmp_path)
    path.write_text(path.read_text().replace("batch_size: 2", "batch_size: 7"))
    assert read_plan(path)["batch_size"] == 7


def _edited(folder: Path, **changed: Any) -> Path:
    _, path = _written(folder)
    content = yaml.safe_load(path.read_text()) | changed
    path.write_text(yaml.safe_dump({name: value for name, value in content.items() if value is not None}))
    return path


def test_a_plan_that_lacks_a_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HipsegError, match=r"plan\.yaml lacks patch, .*make it with 'hipseg plan'"):
        read_plan(_edited(tmp_path, patch=None))


def test_a_plan_with_a_misspelt_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HipsegError, match=r"lacks batch_size, has beside it \['batchsize'\]"):
        read_plan(_edited(tmp_path, batch_size=None, batchsize=4))


def test_a_plan_whose_lists_differ_in_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HipsegError, match="other numbers of strides, kernel_sizes and features"):
        read_plan(_edited(tmp_path, features=[32, 64]))


@pytest.mark.parametrize("content", ["- a\n- list\n", "", "a: [", "\x00\x01"])
def test_what_is_no_plan_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(content)
    with pytest.raises(HipsegError, match=r"^plan: "):
        read_plan(path)


def test_a_missing_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HipsegError, match="make it with 'hipseg plan'"):
        read_plan(tmp_path / "plan.yaml")


@pytest.mark.parametrize("name", ["strides", "features", "kernel_sizes"])
def test_a_plan_with_a_number_in_place_of_a_list_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(HipsegError, match=name):
        read_plan(_edited(tmp_path, **{name: 2}))


def test_a_plan_with_numbers_and_words_as_strange_keys_is_refused(tmp_path: Path) -> None:
    _, path = _written(tmp_path)
    path.write_text(path.read_text() + "7: a\nextra: b\n")
    with pytest.raises(HipsegError, match="extra"):
        read_plan(path)
