"""Fill what was masked, from what stands around it.

Engines see pixels whose masked values are already gone (``crop.blank``), so that nothing they
paint depends on what was hidden. All of them fill a float picture; the way from and back to
stored values is the same for all: ``unit_values`` and ``stored_values``.

``classic`` fills by a partial differential equation, the one that measured best for the mask's
thickness, and adds noise like that of the surroundings. ``telea`` is the baseline of the paper,
without noise. ``flat`` is one value for each connected place, with noise. ``sd2`` is a generator
(module ``sd2``): it gets ``view`` of a crop, and ``fit`` makes what it drew continue the
surroundings.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import cv2
import numpy as np
from scipy import linalg, sparse
from scipy.sparse import csgraph

from unburn.patches import Content

log = logging.getLogger(__name__)

RING_PX = 6  # width of what counts as the surroundings of a mask
BOUND_PX = 2  # known pixels next to a mask that the fills take their values from
MEDIAN_PX = 4  # reach of the median that takes thin lines out of them
TELEA_RADIUS_PX = 3
TELEA_SCALE = 65535.0  # OpenCV adds a constant of about 1 to each value: let it be small
# Measured on boxes of 10 to 120 px over anatomy of 58 frames, mean squared error: up to
# 20 px a thin plate under tension is best (1581, harmonic 1671, biharmonic 1812, Telea 2004),
# from 40 px harmonic is (1890, plate 1967, biharmonic 2709, Telea 2415).
THIN_PX = 28
# Share of slope, as opposed to bending, in the energy of the plate; the mean squared error over
# anatomy is 735, 676 and 672 for boxes of 20 px at 0.1, 0.35 and 0.5, and 589, 567 and 571 for
# letters. More of it also carries less of the surroundings' noise into the mask.
TENSION = 0.35
# Unknowns that are solved at once. A larger plate is filled harmonically, a larger harmonic fill
# starts from half the resolution.
PLATE_PIXELS, DIRECT_PIXELS = 40_000, 3_000
BAND_CELLS = 10_000_000  # of a matrix: 80 MB; more than DIRECT_PIXELS can have
ITERATIONS = 30
NOISE_REACH_PX = 12  # how far around a mask noise is measured
# A little less noise than around looks the same and is nearer to the truth. Next to known pixels
# the fill itself carries part of theirs.
NOISE_SHARE = 0.88
NOISE_DEPTHS_PX, NOISE_SHARES = (1.0, 2.0, 3.0), (0.45, 0.8, 1.0)
DETAIL_SIGMA_PX = 2.0  # what is finer than this counts as texture
LEVEL_STEP_PX = 4  # the strength of noise is measured in squares of this side
LEVEL_SIGMA_PX = 8.0
BRIGHTNESSES = 8  # groups of known pixels by brightness
SIMILAR = 4.0  # noise may have so many times the variance of where it is as bright
REACH_PX = 32  # beyond this distance from the mask, nothing is looked at: 4 LEVEL_SIGMA_PX
OUTLIER = 3.0  # robust standard deviations beyond which detail is an edge, not noise
VIEW_SHARES = (0.005, 0.995)  # quantiles of the surroundings that become 0 and 1 for a generator
SEAM_SIGMA_PX = 1.0  # noise is no step: the difference at a seam is smoothed by this


@dataclass(frozen=True)
class Settings:
    """Section ``inpaint`` of the settings; its schema explains the values."""

    engine: str
    flat_tolerance: float
    noise: bool
    seed: int

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> "Settings":
        """Take what every engine needs out of the section; the rest concerns ``sd2``."""
        return cls(**{one.name: section[one.name] for one in fields(cls)})


# --- fills: values float64 in 0..1, mask and hidden bool, all (side, side) -> float64 (side, side).
# ``mask`` is what to fill, ``hidden`` what is not known (mask, other masks, beyond the frame).


def fill_flat(values: np.ndarray, mask: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Fill each connected place with the median of its ring."""
    filled = values.copy()
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    for label in range(1, count):
        place = labels == label
        ring = surroundings(place, hidden)
        if ring.any():
            filled[place] = np.quantile(values[ring], 0.5, method="lower")
    return filled


def fill_telea(values: np.ndarray, mask: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Fill by the fast marching method (Telea, 2004, as in OpenCV)."""
    picture = (values * TELEA_SCALE).astype(np.float32)
    filled = cv2.inpaint(picture, mask.astype(np.uint8), TELEA_RADIUS_PX, cv2.INPAINT_TELEA)
    return filled.astype(np.float64) / TELEA_SCALE


def fill_classic(values: np.ndarray, mask: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Fill each connected place by the equation that suits its thickness.

    A thin one by a thin plate under tension, which carries slopes across; a thick one
    harmonically, since plates overshoot there. Values stay within those of the ring.
    """
    filled = values.copy()
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=8
    )
    for label in range(1, count):
        window = _around(boxes[label], RING_PX, hidden.shape)
        place = labels[window] == label
        ring = surroundings(place, hidden[window])
        if not ring.any():
            continue
        tension = TENSION if 2 * float(depth_of(place).max()) <= THIN_PX else 1.0
        # places beyond the frame or of other patches bound nothing: leave them out of the domain
        usable = place | ~hidden[window]
        solved = solve(values[window], place, usable, tension)
        low, high = np.quantile(values[window][ring], (0.01, 0.99))
        filled[window][place] = np.clip(solved[place], low, high)
    return filled


def solve(values: np.ndarray, place: np.ndarray, usable: np.ndarray, tension: float) -> np.ndarray:
    """Minimise ``tension`` |gradient|^2 + (1 - ``tension``) |Laplacian|^2 over ``place``.

    ``values`` float64 (rows, columns), known where ``usable`` and not ``place``; both bool. Pixels
    that are not usable have no neighbours (natural boundary). ``tension`` 1 is the harmonic fill,
    which is made from coarse to fine in a large place. A plate is thin, so that numbered across,
    each pixel depends on few others; one for which that does not hold is filled harmonically.
    """
    if tension == 1 and place.sum() > DIRECT_PIXELS:
        return _relaxed(_coarse(values, place, usable), place, usable)
    if tension < 1 and place.sum() > PLATE_PIXELS:
        return solve(values, place, usable, 1.0)
    # the plate's energy at a pixel reaches two neighbours far, and their degree one more
    nodes = usable & (cv2.dilate(place.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0)
    laplacian = _laplacian(nodes)
    energy = laplacian
    if tension < 1:
        energy = tension * laplacian + (1 - tension) * (laplacian @ laplacian)
    unknown = place[nodes]
    rows = energy[unknown]
    matrix = rows[:, unknown]
    order = csgraph.reverse_cuthill_mckee(matrix, symmetric_mode=True)
    bands = _bands(matrix[order][:, order].tocoo())
    if bands is None:
        return solve(values, place, usable, 1.0)
    right = -(rows[:, ~unknown] @ values[nodes & ~place])
    found = np.empty(len(right))
    found[order] = linalg.solveh_banded(bands, right[order], overwrite_ab=True, check_finite=False)
    filled = values.copy()
    filled[place] = found
    return filled


def _bands(matrix: sparse.coo_matrix) -> np.ndarray | None:
    """Upper bands of a symmetric matrix, as LAPACK takes them; None where they are too wide."""
    upper = matrix.row <= matrix.col
    row, column = matrix.row[upper], matrix.col[upper]
    width, count = int((column - row).max(initial=0)), matrix.shape[0]
    if (width + 1) * count > BAND_CELLS:
        return None
    bands = np.zeros((width + 1, count))
    bands[width + row - column, column] = matrix.data[upper]
    bands[width] += 1e-9  # else a pixel that has no neighbour at all would make it singular
    return bands


def depth_of(mask: np.ndarray) -> np.ndarray:
    """Distance of each masked pixel to the nearest that is not, or to the edge; float32, px."""
    padded = np.pad(mask, 1).astype(np.uint8)
    return cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]


def _laplacian(nodes: np.ndarray) -> sparse.csr_matrix:
    """Graph Laplacian of the 4-neighbourhood among ``nodes``, bool (rows, columns)."""
    index = np.cumsum(nodes).reshape(nodes.shape) - 1
    pairs = []
    for first, second in (
        ((slice(None), slice(None, -1)), (slice(None), slice(1, None))),
        ((slice(None, -1), slice(None)), (slice(1, None), slice(None))),
    ):
        both = nodes[first] & nodes[second]
        pairs.append(np.stack((index[first][both], index[second][both])))
    one, two = np.concatenate(pairs, axis=1)
    count = int(nodes.sum())
    joined = sparse.csr_matrix(
        (np.ones(2 * len(one)), (np.concatenate((one, two)), np.concatenate((two, one)))),
        shape=(count, count),
    )
    degree = np.asarray(joined.sum(axis=1)).ravel()
    return (sparse.diags(degree) - joined).tocsr()


def _coarse(values: np.ndarray, place: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Solve harmonically at half the resolution and enlarge into ``place``."""
    rows, columns = values.shape
    edge = ((0, rows % 2), (0, columns % 2))

    def halves(array: np.ndarray) -> np.ndarray:
        padded = np.pad(array.astype(np.float64), edge)
        return padded.reshape(padded.shape[0] // 2, 2, padded.shape[1] // 2, 2).sum(axis=(1, 3))

    known = usable & ~place
    weight = halves(known)
    small = halves(np.where(known, values, 0)) / np.maximum(weight, 1)
    small_place = (weight == 0) & (halves(place) > 0)
    if small_place.any():
        small = solve(small, small_place, (weight > 0) | small_place, 1.0)
    large = cv2.resize(small, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    return np.where(place, large[:rows, :columns], values)


def _relaxed(values: np.ndarray, place: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Bring ``place`` nearer to the harmonic fill by Jacobi's iteration."""
    cross = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float64)

    def neighbours(array: np.ndarray) -> np.ndarray:
        return cv2.filter2D(array, -1, cross, borderType=cv2.BORDER_CONSTANT)

    count = np.maximum(neighbours(usable.astype(np.float64)), 1)
    filled = np.where(usable, values, 0.0)
    for _ in range(ITERATIONS):
        mean = neighbours(filled) / count
        filled[place] = mean[place]
    return np.where(place, filled, values)


ENGINES: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {
    "flat": fill_flat,
    "telea": fill_telea,
    "classic": fill_classic,
}
WITHOUT_NOISE = {"telea"}  # the baseline is left as it was published
GENERATOR = "sd2"
DEFAULT = "classic"  # what paints where a generator cannot
NAMES = (*ENGINES, GENERATOR)


# --- surroundings and texture


def surroundings(place: np.ndarray, hidden: np.ndarray, width: int = RING_PX) -> np.ndarray:
    """The ring: known pixels within ``width`` px of ``place``. All bool (rows, columns)."""
    kernel = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    return (cv2.dilate(place.astype(np.uint8), kernel) > 0) & ~hidden


def without_lines(values: np.ndarray, mask: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Replace the values that bound ``mask`` by the median of the known pixels around each.

    A coloured line of the screen (a Doppler box, an ECG) that runs along a mask would else tint
    all of it. Grey pictures are not treated so: there the fill is nearer to the truth with
    the values themselves, and nothing is tinted.
    """
    near = surroundings(mask, hidden, BOUND_PX)
    rows, columns = np.nonzero(near)
    if not len(rows):
        return values
    known = np.pad(np.where(hidden, np.nan, values), MEDIAN_PX, constant_values=np.nan)
    side = 2 * MEDIAN_PX + 1
    windows = np.lib.stride_tricks.sliding_window_view(known, (side, side))[rows, columns]
    bounds = values.copy()
    bounds[near] = np.nanmedian(windows.reshape(len(rows), -1), axis=1)
    return bounds


def _around(box: Sequence[int], margin: int, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Slices of a component's box (left, top, width, height, ..) and a margin around it."""
    left, top, width, height = (int(v) for v in box[:4])
    return (
        slice(max(top - margin, 0), min(top + height + margin, shape[0])),
        slice(max(left - margin, 0), min(left + width + margin, shape[1])),
    )


def smooth(values: np.ndarray, weights: np.ndarray, sigma_px: float) -> np.ndarray:
    """Gaussian mean of the pixels with weight; 0 where none is in reach. float64."""
    share = cv2.GaussianBlur(weights, (0, 0), sigma_px, borderType=cv2.BORDER_CONSTANT)
    total = cv2.GaussianBlur(values * weights, (0, 0), sigma_px, borderType=cv2.BORDER_CONSTANT)
    return np.where(share > 1e-6, total / np.maximum(share, 1e-6), 0.0)


def detail(values: np.ndarray, near: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """What is finer than ``DETAIL_SIGMA_PX`` in the pixels ``near``, without edges; 0 elsewhere."""
    known = (~hidden).astype(np.float64)
    fine = np.where(near, values - smooth(values, known, DETAIL_SIGMA_PX), 0.0)
    if near.any():
        spread = 1.4826 * float(np.median(np.abs(fine[near]))) or float(fine[near].std())
        fine = np.clip(fine, -OUTLIER * spread, OUTLIER * spread)
    return fine


def texture(
    values: np.ndarray,
    base: np.ndarray,
    mask: np.ndarray,
    hidden: np.ndarray,
    white: np.ndarray,
) -> np.ndarray:
    """Noise for the masked pixels with the spectrum and strength of the surroundings' noise.

    Parameters
    ----------
    values : float64 (side, side)
    base : float64 (side, side), what it is added to
    mask, hidden : bool (side, side), what to fill and what is not known
    white : float64 (side, side), standard normal; the same for all samples keeps grey grey

    Returns
    -------
    float64 (side, side), mean near 0

    Notes
    -----
    The known detail convolved with white noise has the autocorrelation of the detail (Galerne,
    Gousseau and Morel, 2011, "spot noise"), and moves with it from frame to frame. Its strength
    follows the local deviation, and that of surroundings as bright as the base: air beside anatomy
    stays without noise.
    """
    near = surroundings(mask, hidden, NOISE_REACH_PX)
    fine = detail(values, near, hidden)
    energy = float((fine**2).sum())
    if energy == 0.0:
        return np.zeros_like(values)
    spot = np.where(near, fine - fine[near].mean(), 0.0)
    field = np.fft.irfft2(np.fft.rfft2(spot) * np.fft.rfft2(white), s=spot.shape)
    field /= max(float(field.std()), 1e-12)
    power = _power(fine, near, energy / near.sum())
    return field * np.sqrt(np.minimum(power, SIMILAR * _power_at(base, values, fine, near)))


def _power_at(
    base: np.ndarray, values: np.ndarray, fine: np.ndarray, near: np.ndarray
) -> np.ndarray:
    """Variance of the noise of known pixels that are as bright as ``base``, by groups of them.

    All float64 (rows, columns) but ``near``, bool. Of each group the median counts: edges do not.
    """
    smoothed, rough = (values - fine)[near], np.abs(fine[near])
    order = np.argsort(smoothed, kind="stable")
    groups = [group for group in np.array_split(order, BRIGHTNESSES) if len(group)]
    bright = [float(smoothed[group].mean()) for group in groups]
    deviation = [1.4826 * float(np.median(rough[group])) for group in groups]
    return np.interp(base, bright, np.square(deviation))


def _power(fine: np.ndarray, near: np.ndarray, whole: float) -> np.ndarray:
    """Mean square of ``fine`` around each pixel, ``whole`` where no pixel of ``near`` is in reach.

    The middle of a thick mask is far from any. ``fine`` float64, ``near`` bool (rows, columns).
    """
    rows, columns = fine.shape
    size = (-(-columns // LEVEL_STEP_PX), -(-rows // LEVEL_STEP_PX))
    squares = (
        cv2.resize(array, size, interpolation=cv2.INTER_AREA)
        for array in (fine**2, near.astype(np.float64))
    )
    total, weight = (
        cv2.GaussianBlur(part, (0, 0), LEVEL_SIGMA_PX / LEVEL_STEP_PX,
                         borderType=cv2.BORDER_CONSTANT)
        for part in squares
    )  # fmt: skip
    power = (total + whole * 1e-3) / (weight + 1e-3)
    return cv2.resize(power, (columns, rows), interpolation=cv2.INTER_LINEAR)


# --- from stored values and back


def paint(
    pixels: np.ndarray,
    mask: np.ndarray,
    hidden: np.ndarray,
    engine: str,
    noise: bool,
    rng: np.random.Generator,
) -> np.ndarray:
    """Fill the masked pixels of one crop.

    Parameters
    ----------
    pixels : float64 (side, side, samples), about 0..1, blanked where hidden
    mask : bool (side, side), what to fill
    hidden : bool (side, side), what is not known; contains ``mask``
    engine : a key of ``ENGINES``
    noise : add texture like that of the surroundings
    rng : the only source of chance

    Returns
    -------
    float64 (side, side, samples); equal to ``pixels`` outside the mask, and everywhere
    when nothing is known
    """
    ring = surroundings(mask, hidden)
    if not ring.any():
        return pixels.copy()
    if engine == "flat":
        hidden = ~ring  # only the ring was found to be empty: no noise from beyond it
    near = surroundings(mask, hidden, NOISE_REACH_PX)
    noise = noise and engine not in WITHOUT_NOISE and bool(np.ptp(pixels[near], axis=0).any())
    fill = ENGINES[engine]
    painted = pixels.astype(np.float64, copy=True)
    white = rng.standard_normal(mask.shape) if noise else np.zeros(mask.shape)
    strength = NOISE_SHARE * np.ones(mask.shape)
    if engine == DEFAULT:
        strength *= np.interp(depth_of(mask), NOISE_DEPTHS_PX, NOISE_SHARES)
    for sample in range(pixels.shape[2]):
        known = pixels[..., sample]
        bounds = known if pixels.shape[2] == 1 else without_lines(known, mask, hidden)
        filled = fill(bounds, mask, hidden)
        if noise:
            filled = filled + strength * texture(known, filled, mask, hidden, white)
        low, high = known[ring].min(), known[ring].max()
        painted[mask, sample] = np.clip(filled[mask], low, high)
    return painted


def unit_values(content: Content) -> np.ndarray:
    """The pixels of a crop on the scale of its limits, float64 (side, side, samples), about 0..1.

    Padding counts as the darkest known value, so that it does not pull tissue down to it.
    """
    values = content.pixels.astype(np.float64)
    low, high = content.limits
    pad_low, pad_high = content.padding
    padding = (values >= pad_low) & (values <= pad_high)
    if not padding[~content.hidden].all():
        values[padding] = low
    return (values - low) / max(high - low, 1)


def stored_values(content: Content, unit: np.ndarray) -> np.ndarray:
    """Write ``unit``, float64 (masked pixels, samples), into a copy of a crop's stored values.

    Nothing but the mask is written; values stay within the limits and off the padding value.
    """
    low, high = content.limits
    found = np.clip(np.rint(unit * max(high - low, 1) + low), low, high)
    if content.padding[0] <= content.padding[1]:
        found = avoid(found, content)
    painted = content.pixels.copy()
    painted[content.mask] = found.astype(painted.dtype)
    return painted


def chance(content: Content, settings: Settings) -> int:
    """The seed of a crop: from its mask, modality and the settings.

    Its pixels do not count: in a cine, what is painted under the same mask then changes from frame
    to frame as what stands around it does, and no more.
    """
    seed = hashlib.sha256(np.packbits(content.mask).tobytes())
    parts = (content.group, content.modality, settings.engine, settings.noise, settings.seed)
    seed.update(repr(parts).encode())
    return int.from_bytes(seed.digest(), "big")


def paint_content(content: Content, settings: Settings) -> np.ndarray:
    """Paint a crop by a fill: stored values (side, side, samples), changed only under its mask."""
    rng = np.random.default_rng(chance(content, settings))
    box = cv2.boundingRect(content.mask.astype(np.uint8))
    window = _around(box, REACH_PX, content.mask.shape)
    mask, hidden = content.mask[window], content.hidden[window]
    unit = unit_values(content)[window]
    return stored_values(
        content, paint(unit, mask, hidden, settings.engine, settings.noise, rng)[mask]
    )


def avoid(found: np.ndarray, content: Content) -> np.ndarray:
    """Move values that equal the padding value to the nearest one allowed, if there is one."""
    low, high = content.limits
    pad_low, pad_high = content.padding
    hit = (found >= pad_low) & (found <= pad_high)
    above = pad_high + 1 if pad_high < high else pad_low - 1
    if not low <= above <= high:
        return found
    return np.where(hit, float(above), found)


# --- generators: they draw whole pictures, of which only the mask is used


@dataclass(frozen=True)
class View:
    """What a generator sees of a crop.

    ``values`` float32 (side, side, samples), 0..1, grey or RGB; ``hidden`` bool (side, side),
    where they mean nothing; ``low``, ``high`` what 0 and 1 stand for, on the scale of
    ``unit_values``; ``seed`` of the generator's noise.
    """

    values: np.ndarray
    hidden: np.ndarray
    modality: str
    low: float
    high: float
    seed: int


def view(content: Content, settings: Settings) -> View | None:
    """Map a crop to what a generator sees; None where one cannot help.

    The scale is that of the surroundings' values, without the outermost 0.5 % on each side: the
    generator gets the contrast of the place, whatever the bit depth. A generator cannot help
    where the surroundings are unknown or of one value, or where there are neither 1 nor 3 samples.
    """
    known = ~content.hidden
    ring = surroundings(content.mask, content.hidden)
    if content.pixels.shape[2] not in (1, 3) or not ring.any():
        return None
    unit = unit_values(content)
    if content.ybr:
        unit = _rgb(unit, content)
    low, high = (float(v) for v in np.quantile(unit[known], VIEW_SHARES))
    if high <= low:
        return None
    values = np.clip((unit - low) / (high - low), 0, 1).astype(np.float32)
    seed = chance(content, settings) % (1 << 63)
    return View(values, content.hidden, content.modality, low, high, seed)


def fit(content: Content, seen: View, drawn: np.ndarray, settings: Settings) -> np.ndarray:
    """Put what a generator drew under the mask of a crop.

    Parameters
    ----------
    content : the crop
    seen : what the generator saw of it
    drawn : float32 (side, side, samples), on the scale of ``seen.values``

    Returns
    -------
    stored values (side, side, samples), changed only under the mask

    Notes
    -----
    The difference between picture and drawing in the ring is continued harmonically into the mask
    and added, so that no step is seen there (Perez, Gangnet and Blake, 2003). Where the drawing
    is smoother than the ring, the noise that is missing is added.
    """
    unit = unit_values(content)
    own = drawn.astype(np.float64) * (seen.high - seen.low) + seen.low
    if content.ybr:
        own = _ybr(own, content)
    window = _around(cv2.boundingRect(content.mask.astype(np.uint8)), REACH_PX, content.mask.shape)
    mask, hidden = content.mask[window], content.hidden[window]
    rng = np.random.default_rng(chance(content, settings))
    white = rng.standard_normal(mask.shape)
    filled = np.empty((int(mask.sum()), unit.shape[2]))
    for sample in range(unit.shape[2]):
        known, draft = unit[window][..., sample], own[window][..., sample]
        filled[:, sample] = (draft + _seam(known - draft, mask, hidden))[mask]
        if settings.noise:
            filled[:, sample] += _missing_texture(known, draft, mask, hidden, white)[mask]
    return stored_values(content, filled)


@dataclass(frozen=True)
class Drawn:
    """A crop, what the generator saw of it and what it drew; None where it was not asked."""

    content: Content
    seen: View | None
    picture: np.ndarray | None


def finished(drawn: Drawn, name: str, settings: Settings) -> Content:
    """The crop painted by the generator ``name``; ``DEFAULT`` paints what it could not."""
    content, seen, picture = drawn.content, drawn.seen, drawn.picture
    if seen is not None and picture is not None and np.isfinite(picture).all():
        return replace(content, pixels=fit(content, seen, picture, settings), engine=name)
    if picture is not None:
        log.warning("the model gave values that are no numbers; %s painted the crop", DEFAULT)
    instead = replace(settings, engine=DEFAULT)
    return replace(content, pixels=paint_content(content, instead), engine=DEFAULT)


def _seam(difference: np.ndarray, mask: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Continue ``difference``, float64 (rows, columns), from the ring into the mask."""
    ring = surroundings(mask, hidden).astype(np.float64)
    even = np.where(hidden, 0.0, smooth(difference, ring, SEAM_SIGMA_PX))
    return solve(even, mask, mask | ~hidden, 1.0)


def _missing_texture(
    known: np.ndarray, draft: np.ndarray, mask: np.ndarray, hidden: np.ndarray, white: np.ndarray
) -> np.ndarray:
    """Noise like that of the surroundings, as far as ``draft`` has less of it."""
    near = surroundings(mask, hidden, NOISE_REACH_PX)
    wanted = float((detail(known, near, hidden)[near] ** 2).mean())
    there = float((detail(draft, mask, np.zeros_like(mask))[mask] ** 2).mean())
    missing = 1 - there / wanted if wanted > 0 else 0.0
    return texture(known, draft, mask, hidden, white) * np.sqrt(max(missing, 0.0))


# (0028,0004) YBR_FULL, PS3.3 section C.7.6.3.1.2; the middle of the range stands for no colour
_FROM_YBR = np.array([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]])


def _middle(content: Content) -> float:
    """No colour, on the scale of ``unit_values``."""
    low, high = content.limits
    return (2.0 ** (8 * content.pixels.dtype.itemsize - 1) - low) / max(high - low, 1)


def _rgb(unit: np.ndarray, content: Content) -> np.ndarray:
    """YBR_FULL to RGB, both on the scale of ``unit_values``, which is one for all samples."""
    offset, zero = _middle(content), _zero(content)
    return (unit - [zero, offset, offset]) @ _FROM_YBR.T + zero


def _ybr(rgb: np.ndarray, content: Content) -> np.ndarray:
    """The way back from ``_rgb``."""
    offset, zero = _middle(content), _zero(content)
    return (rgb - zero) @ np.linalg.inv(_FROM_YBR).T + [zero, offset, offset]


def _zero(content: Content) -> float:
    """Black, on the scale of ``unit_values``."""
    low, high = content.limits
    return -low / max(high - low, 1)
