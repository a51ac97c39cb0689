import numpy as np
import pytest

from unburn.rendering import (
    BUNDLED_FACES,
    FREQUENT,
    KIND_NAMES,
    SCRIPTS,
    Face,
    Faces,
    Page,
    Style,
    foreign,
    plant,
    wording,
)


def test_ink_is_where_the_picture_changed():
    page = Page(np.zeros((64, 200)))
    page.put("ABC 123", "random", BUNDLED_FACES[0], Style(size=24, level=200), 10, 10)
    changed = page.picture > 0.3 * 200
    assert changed.any()
    assert np.array_equal(page.owner == 1, changed)


@pytest.mark.parametrize("angle", [0, 90, 180, 270, 4, -5, 37])
def test_quad_holds_all_ink_and_little_else(angle):
    page = Page(np.zeros((200, 200)))
    assert page.put("WORD", "random", BUNDLED_FACES[0], Style(size=20, angle=angle), 60, 60)
    rows, columns = np.nonzero(page.owner)
    quad = page.lines[0].quad
    along, down = quad[1] - quad[0], quad[3] - quad[0]
    places = np.stack([columns + 0.5, rows + 0.5], 1) - quad[0]
    for side in (along, down):
        share = places @ side / (side @ side)
        assert share.min() > -0.1 and share.max() < 1.1
        assert share.min() < 0.2 and share.max() > 0.8


def test_text_turned_by_90_degrees_reads_upwards():
    page = Page(np.zeros((200, 200)))
    page.put("WORD", "random", BUNDLED_FACES[0], Style(size=20, angle=90), 40, 40)
    quad = page.lines[0].quad
    assert quad[1][1] < quad[0][1]  # the line's end is above its beginning
    assert abs(quad[1][0] - quad[0][0]) < 1


def test_a_line_that_does_not_fit_or_overlaps_is_refused():
    page = Page(np.zeros((40, 100)))
    style = Style(size=20)
    assert page.put("a long line of text", "random", BUNDLED_FACES[0], style, 5, 5) is None
    assert page.put("ab", "random", BUNDLED_FACES[0], style, 5, 5)
    assert page.put("ab", "random", BUNDLED_FACES[0], style, 8, 8) is None
    assert len(page.lines) == 1


@pytest.mark.parametrize("shape", [(80, 160), (80, 160, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_plant_changes_nothing_outside_the_ink(shape, dtype):
    top = np.iinfo(dtype).max
    frame = np.random.default_rng(0).integers(0, top // 2, shape).astype(dtype)
    out, ink = plant(frame, [("DOE^JANE", 20, 10, Style(size=22, level=top))])
    assert out.dtype == dtype and out.shape == shape
    assert ink.shape == shape[:2] and ink.sum() > 100
    assert np.array_equal(out[~ink], frame[~ink])
    assert (out[ink] != frame[ink]).mean() > 0.9
    assert out.max() == top


def test_plant_says_when_a_line_does_not_fit():
    with pytest.raises(ValueError, match="does not fit"):
        plant(np.zeros((20, 20), np.uint8), [("too long", 0, 0, Style(size=20))])


def test_wording_is_the_same_for_the_same_seed_and_of_every_kind():
    first = [wording(np.random.default_rng([7, k])) for k in range(300)]
    again = [wording(np.random.default_rng([7, k])) for k in range(300)]
    assert first == again
    assert {kind for _, kind in first} == set(KIND_NAMES)
    assert all(text.strip() for text, _ in first)


def test_faces_are_sorted_by_script_and_strange_files_left_out(tmp_path):
    for name in (
        "DejaVuSans.ttf",
        "DroidSansFallbackFull.ttf",
        "readme.txt",
        "9x15-ISO8859-7.pcf.gz",
    ):
        (tmp_path / name).touch()
    faces = Faces.of(tmp_path.iterdir(), bundled=False)
    assert faces.latin == (Face(str(tmp_path / "DejaVuSans.ttf")),)
    assert set(faces.others) == {"greek", "cyrillic", "arabic", "cjk", "hangul"}


def test_words_of_other_scripts_are_of_their_letters():
    for script, ranges in SCRIPTS.items():
        known = {chr(code) for first, last in ranges for code in range(first, last + 1)}
        known |= {" ", *FREQUENT.get(script, "")}
        made = [foreign(np.random.default_rng([3, k]), script) for k in range(40)]
        assert set("".join(made)) <= known and len(set(made)) > 35


@pytest.mark.parametrize("face", BUNDLED_FACES)
def test_bundled_fonts_draw_without_any_font_file(face):
    page = Page(np.zeros((60, 120)))
    assert page.put("Rg9", "random", face, Style(size=24), 5, 5)
    assert (page.owner == 1).sum() > 40


@pytest.mark.parametrize(
    "style",
    [
        Style(size=20, outline=0.0), Style(size=20, shadow=0.0), Style(size=20, box=30.0),
        Style(size=20, frame=255.0), Style(size=20, stacked=True), Style(size=20, mirrored=True),
        Style(size=20, stretch=1.4), Style(size=20, spacing=4), Style(size=10, enlarge=2),
        Style(size=20, thicken=1), Style(size=20, antialias=False), Style(size=20, opacity=0.6),
    ],
)  # fmt: skip
def test_every_style_leaves_ink_of_one_line(style):
    page = Page(np.full((140, 140), 90.0))
    assert page.put("AB1", "random", BUNDLED_FACES[0], style, 12, 12)
    assert set(np.unique(page.owner)) == {0, 1}
