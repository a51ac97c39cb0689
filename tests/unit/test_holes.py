import numpy as np
import pytest

from unburn import holes


def picture():
    """Tissue in the middle, black around, uint8."""
    made = np.zeros((400, 520), np.uint8)
    made[100:400, 60:460] = 120 + np.random.default_rng(1).integers(-20, 20, (300, 400))
    return made


def rng(seed=1):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("shape", holes.SHAPES)
def test_holes_lie_on_the_ground_that_they_name(shape):
    frame = picture()
    over = holes.hole(rng(), frame, shape, holes.ANATOMY)
    assert (frame[over.mask] > 60).mean() > 0.85
    empty = holes.hole(rng(), frame, shape, holes.FLAT)
    if shape in ("120x300", "200x200"):
        assert empty is None  # there is no room
    else:
        assert (frame[empty.mask] == 0).all()


@pytest.mark.parametrize(("shape", "size"), holes.BOXES.items())
def test_boxes_have_their_size(shape, size):
    mask = holes.hole(rng(), picture(), shape, holes.ANATOMY).mask
    rows, columns = np.nonzero(mask)
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == size and mask.sum() == size[0] * size[1]


def test_places_are_all_that_fit_and_no_other():
    frame = np.zeros((60, 60), np.uint8)
    frame[:, 40:] = 200
    found = {tuple(corner) for corner in holes.places(frame, (10, 12), holes.FLAT)}
    edge = holes.MARGIN_PX
    expected = {
        (top, left)
        for top in range(edge, 60 - edge - 10 + 1)
        for left in range(edge, 60 - edge - 12 + 1)
        if np.ptp(frame[top : top + 10, left : left + 12]) == 0
    }
    assert found == expected
    assert len(holes.places(frame, (100, 100), holes.FLAT)) == 0


def test_letters_are_thin_and_within_their_room():
    frame = np.full((200, 400), 100, np.uint8)
    mask = holes.hole(rng(), frame, holes.TEXT, holes.ANATOMY).mask
    rows, columns = np.nonzero(mask)
    assert np.ptp(rows) < holes.TEXT_BOX[0] and 100 < np.ptp(columns) < holes.TEXT_BOX[1]
    assert 0.15 < mask.sum() / (holes.TEXT_BOX[0] * holes.TEXT_BOX[1]) < 0.75


def test_burned_text_is_under_its_exact_mask_alone():
    frame = picture()
    ink = holes.corner_lines(rng(), frame.shape)
    burned = holes.burned(frame, ink)
    mask = holes.strokes(ink)
    assert (burned[~mask] == frame[~mask]).all()
    assert (burned[ink == 255] == 255).all()
    for corner in (np.s_[:40, :210], np.s_[:40, -210:], np.s_[-40:, :210], np.s_[-40:, -210:]):
        assert mask[corner].any()


def test_deep_frames_show_the_same_without_steps():
    frame = picture()
    stored = holes.deep(rng(), frame)
    assert stored.dtype == np.uint16 and (np.floor(holes.grey(stored)) == frame).all()
    assert len(np.unique(stored)) > 2000


def test_cines_stand_still_or_change_by_as_much_as_is_said():
    still, noise, moving = (holes.cine(rng(), picture(), motion) for motion in holes.MOTIONS)
    assert all((frame == picture()).all() for frame in still)
    middle = np.s_[150:350, 120:400]
    steps = (noise[1].astype(float) - noise[0])[middle]
    assert steps.std() == pytest.approx(np.sqrt(2) * holes.NOISE, rel=0.05)
    assert np.abs(moving[1].astype(float) - moving[0])[middle].mean() > steps.std()


def test_the_same_seed_gives_the_same_holes():
    one, two = (holes.holes(rng(), picture()) for _ in range(2))
    assert [(a.shape, a.ground) for a in one] == [(b.shape, b.ground) for b in two]
    assert all((a.mask == b.mask).all() for a, b in zip(one, two, strict=True))
