import numpy as np
import pytest
import torch

from unburn import lines


def test_greedy_decoding_joins_repeats_and_drops_blanks():
    steps = [0, 1 + lines.ALPHABET.index("A")] + [1 + lines.ALPHABET.index("A")] * 2
    steps += [0, 1 + lines.ALPHABET.index("A"), 1 + lines.ALPHABET.index("b"), 0]
    scores = np.full((len(steps), len(lines.ALPHABET) + 1), np.log(0.001))
    scores[np.arange(len(steps)), steps] = np.log(0.9)
    text, confidence = lines.decoded(scores)
    assert text == "AAb"
    assert confidence == pytest.approx(0.9)


def test_straightening_cuts_the_quadrangle_and_nothing_else():
    picture = np.zeros((100, 100), np.uint8)
    picture[20:40, 10:70] = 200
    quad = np.array([[10, 20], [70, 20], [70, 40], [10, 40]], np.float32)
    crop = lines.straightened(picture, quad)
    assert crop.shape == (32, 120)  # a quarter wider
    assert (crop[1:-1, 1:-1] == 200).all()


def test_a_tall_region_is_turned_both_ways():
    picture = np.zeros((100, 40), np.uint8)
    picture[10:20, 10:20] = 255  # at the top
    quad = np.array([[10, 10], [20, 10], [20, 90], [10, 90]], np.float32)
    down, up = lines.upright(picture, quad)
    assert down.shape == up.shape == (32, 320)
    # read downwards it comes first, read upwards last
    first, last = (np.abs(crop[:, :30].mean() - 255) < 30 for crop in (down, up))
    assert first != last


def test_a_reading_does_not_depend_on_its_neighbours():
    torch.manual_seed(0)
    network = lines.Reader(lines.Shape((4, 4, 4, 4), 4)).eval()
    rng = np.random.default_rng(0)
    short, long = (rng.integers(0, 255, (32, n)).astype(np.uint8) for n in (40, 300))
    assert lines.read(network, [short]) == lines.read(network, [long, short])[1:]


def test_large_letters_are_averaged_down():
    stripes = np.zeros((128, 256), np.uint8)
    stripes[::2] = 200
    quad = np.array([[0, 0], [256, 0], [256, 128], [0, 128]], np.float32)
    crop = lines.straightened(stripes, quad)
    assert crop.shape == (32, 80)
    assert np.abs(crop.astype(int) - 100).max() <= 2


def test_one_step_to_each_four_columns_of_the_padded_crop():
    network = lines.Reader(lines.Shape((4, 4, 4, 4), 4)).eval()
    scores = network(lines.prepared([np.zeros((32, 101), np.uint8)]))
    assert scores.shape == (1, 128 / lines.STEP, len(lines.ALPHABET) + 1)
