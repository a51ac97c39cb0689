from pathlib import Path

import numpy as np
import pandas as pd

import tiny_sd2
from unburn import glyphs, holes, planted, planted_restoration, weights
from unburn.planted_restoration import BLACK_BOX, BURNED, CLEAN, ORACLE, OURS, PIPELINE, Bench

DETECTOR = Path(__file__).parents[2] / "resources" / "models" / "detector.safetensors"


def box(side=64):
    mask = np.zeros((side, side), bool)
    mask[20:30, 10:50] = True
    return mask


def picture(side=64):
    rows, columns = np.mgrid[:side, :side]
    return (90 + rows + columns).astype(np.uint8)


def test_letters_that_a_mask_missed_count_on_the_frame_alone():
    clean, burned = picture(), picture()
    burned[50, 10:20] = 255
    burned[box()] = 255
    painted = np.where(box(), clean, burned)
    figures = planted_restoration.judged(clean, burned, painted, box())
    assert figures["mse"] == 0 and figures["ssim"] == 1
    assert figures["frame_mse"] > 0 and figures["frame_ssim"] < 1


def test_an_empty_mask_has_figures_of_the_frame_alone():
    figures = planted_restoration.judged(picture(), picture(), picture(), np.zeros_like(box()))
    assert set(figures) == {"frame_mse", "frame_psnr", "frame_ssim"}
    assert figures["frame_mse"] == 0


def test_a_generator_paints_with_and_without_the_modality(tmp_path):
    found = planted_restoration.methods(Bench(DETECTOR, tiny_sd2.write(tmp_path / "weights")))
    named = [name for name in found if name.startswith(weights.TEST_NAME)]
    assert len(named) == 2 and named[1].endswith(planted_restoration.NO_CONTEXT)
    assert set(planted_restoration.BASELINES) < set(found)


def test_every_version_of_a_frame_is_kept(tmp_path, monkeypatch):
    planted.make(planted.Bench(5, None, "test", 3, 1, 1, glyphs.OWN), 1, tmp_path)

    def masks_of(one, detector):
        exact = holes.strokes((one.owner > 0).astype(np.uint8))
        return {ORACLE: exact, PIPELINE: np.zeros_like(exact)}

    monkeypatch.setattr(planted_restoration, "masks_of", masks_of)
    path = tmp_path / "planted.h5"
    planted_restoration.run(path, Bench(DETECTOR, None), 1, tmp_path)
    rows = pd.read_csv(tmp_path / "restored.csv")
    assert set(rows["mask"]) == {ORACLE, PIPELINE}
    by = rows[rows["mask"] == ORACLE].set_index("method").mse
    assert by[OURS] < by[BLACK_BOX]
    assert rows[rows["mask"] == PIPELINE].mse.isna().all()  # nothing was masked there
    one = planted.load(path, 0)
    outside = ~masks_of(one, None)[ORACLE]
    shown = list(planted_restoration.paintings(tmp_path / "restored.h5", 0))
    assert len(shown) == 2 * len(planted_restoration.BASELINES)
    for name, mask, picture in shown:
        beside = outside if mask == ORACLE else np.ones_like(outside)
        assert np.array_equal(picture[beside], one.burned[beside]), name
    (clean, burned) = planted_restoration.unpainted(one)
    assert (clean[:2], burned[:2]) == ((CLEAN, ""), (BURNED, ""))
    assert np.array_equal(clean[2], one.clean) and np.array_equal(burned[2], one.burned)
