"""The pages in a real browser: what they ask for, how they fit, and who can use them."""

import os
import time
from pathlib import Path

import many
import pytest
from test_release import Made, box
from test_report import PROVENANCE
from test_report import pages as make_pages

from unburn import decisions, report

# A4 without the margins that the style sheet sets, in CSS pixels.
PAPER_PX = (680, 1009)
PHONES_PX = ((390, 844), (320, 568))
OPEN_ALL = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"
WIDER = """[...document.querySelectorAll("body *")]
    .filter((one) => !one.closest(".scroll > *, .unseen, .skip, svg") && one.checkVisibility())
    .filter((one) => one.getBoundingClientRect().right > %d + 1)
    .map((one) => one.outerHTML.slice(0, 80))"""
CUT = """[...document.querySelectorAll("table, pre, .columns, .series summary, figure")]
    .filter((one) => one.checkVisibility())
    .filter((one) => one.getBoundingClientRect().right > %d + 1
        || one.scrollWidth > one.clientWidth + 1
        || one.closest(".scroll")?.scrollWidth > one.closest(".scroll")?.clientWidth + 1)
    .map((one) => one.outerHTML.slice(0, 200))"""
# The lowest contrast of what is drawn in figures, by WCAG 2.2: text needs 4.5, shapes need 3.
CONTRAST = """(() => {
    const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const light = (colour) => {
        const [r, g, b] = parts(colour).slice(0, 3).map((one) => one / 255)
            .map((one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const paper = light(getComputedStyle(document.body).backgroundColor);
    const against = (colour) => {
        const [low, high] = [light(colour), paper].sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
    };
    const all = (selector) => [...document.querySelectorAll(selector)]
        .filter((one) => !one.closest("defs, clipPath"))
        .map((one) => getComputedStyle(one)).filter((one) => one.fill.startsWith("rgb"));
    const lowest = (found) => Math.min(...found.map((one) => against(one.fill)));
    const bars = all(".chart path, .chart rect").filter((one) => Number(one.fillOpacity) === 1);
    return [lowest(all(".chart text")), lowest(bars)];
})()"""


def test_a_page_opens_without_an_error_and_asks_for_nothing(page, file):
    page.open(file)
    page.evaluate(OPEN_ALL)
    assert page.problems == []
    assert page.requests == [file.resolve().as_uri()]


def test_a_page_forbids_itself_every_request(page, file):
    page.open(file)
    page.evaluate("document.body.append(Object.assign(new Image(), {src: 'outside.png'}))")
    page.evaluate("new Promise((done) => setTimeout(done, 100))")
    assert page.evaluate("document.images[document.images.length - 1].naturalWidth") == 0
    assert any("Content Security Policy" in problem for problem in page.problems)


def test_pictures_load(page, file):
    page.open(file)
    loaded = page.evaluate("[...document.images].map((one) => one.complete && one.naturalWidth)")
    assert len(loaded) >= 12 and all(loaded)


@pytest.mark.parametrize("size", PHONES_PX, ids=str)
def test_a_phone_needs_no_sideways_scroll(page, file, size):
    page.view(*size)
    page.open(file)
    page.evaluate(OPEN_ALL)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert page.evaluate(WIDER % size[0]) == []


def test_paper_cuts_no_table(page, file, tmp_path):
    page.view(*PAPER_PX, media="print")
    page.open(file)
    page.evaluate(OPEN_ALL)
    assert page.evaluate(CUT % PAPER_PX[0]) == []
    page.pdf(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


def test_paper_shows_what_a_reader_of_paper_cannot_unfold(page, lab):
    page.view(*PAPER_PX, media="print")
    page.open(lab / "results" / "lab7" / "report.html")
    shown = page.evaluate(
        "[...document.querySelectorAll('details.paper table')].map((one) => one.checkVisibility())"
    )
    assert len(shown) == 4 and all(shown)


@pytest.mark.parametrize(
    ("size", "dark"),
    [((1280, 900), False), (PHONES_PX[0], True)],
    ids=["light desk", "dark phone"],
)
def test_axe_finds_no_serious_problem(page, file, axe, size, dark):
    page.view(*size, dark=dark)
    page.open(file)
    page.evaluate(OPEN_ALL)
    held, serious = page.audit(axe)
    assert held > 10  # rules that were looked at
    assert serious == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_figures_can_be_made_out(page, lab, dark):
    page.view(1280, 900, dark=dark)
    page.open(lab / "results" / "lab7" / "report.html")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") is not dark
    text, shapes = page.evaluate(CONTRAST)
    assert text >= 4.5 and shapes >= 3


def test_the_keyboard_reaches_everything(page, lab):
    page.open(lab / "results" / "lab7" / "report.html")
    press(page, "Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    press(page, "Enter")
    assert page.evaluate("location.hash") == "#content"
    page.evaluate("document.querySelector('.series summary').focus()")
    press(page, "Enter")
    assert page.evaluate("document.querySelector('.series details').open") is True
    reached = "[...document.querySelectorAll('summary, .scroll')].every((one) => one.tabIndex >= 0)"
    assert page.evaluate(reached)


def press(page, key):
    """Press a key on the page."""
    text = {"Enter": "\r"}.get(key, "")
    for kind in ("keyDown", "keyUp"):
        page.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, text=text,
                  windowsVirtualKeyCode={"Enter": 13, "Tab": 9}[key])  # fmt: skip


# --- the queue


@pytest.fixture
def queue(page, lab):
    page.open(lab / "work" / "lab7" / "review.html")
    return page


def shown(page, name="item"):
    """What the visible items of the queue have as data, in their order."""
    code = "[...document.querySelectorAll('#queue > li:not([hidden])')].map((one) => one.dataset."
    return page.evaluate(f"{code}{name})")


def choose(page, selector, value):
    page.evaluate(
        f"((one) => {{ one.value = {value!r}; one.dispatchEvent(new Event('change')); "
        f"one.dispatchEvent(new Event('input')); }})(document.querySelector({selector!r}))"
    )


def test_the_queue_sorts(queue):
    assert shown(queue, "rank") == sorted(shown(queue, "rank"), key=int)
    assert shown(queue, "status")[0] == "held_back"
    choose(queue, "#sort", "item")
    assert shown(queue) == sorted(shown(queue), key=int)
    choose(queue, "#sort", "share")
    shares = list(map(float, shown(queue, "share")))
    assert shares == sorted(shares, reverse=True) and len(set(shares)) > 2
    choose(queue, "#sort", "modality")
    assert shown(queue, "modality") == sorted(shown(queue, "modality"))
    choose(queue, "#sort", "rank")
    assert shown(queue, "rank") == sorted(shown(queue, "rank"), key=int)


def test_the_queue_filters(queue):
    everything = shown(queue)
    choose(queue, "[data-filter=status]", "held_back")
    held = shown(queue)
    assert 0 < len(held) < len(everything) and set(shown(queue, "status")) == {"held_back"}
    said = queue.evaluate("document.getElementById('count').textContent")
    assert said == f"{len(held)} of {len(everything)} items shown"
    choose(queue, "[data-filter=status]", "")
    choose(queue, "[data-filter=modality]", "US")
    assert set(shown(queue, "modality")) == {"US"}
    choose(queue, "[data-filter=modality]", "")
    paths = queue.evaluate("[...document.querySelectorAll('#queue .path')].map((p) => p.innerText)")
    number = next(item for item in held if not any(item in path for path in paths))
    choose(queue, "#find", number)
    assert shown(queue) == [number]
    choose(queue, "[data-filter=modality]", "US")
    assert set(shown(queue, "modality")) <= {"US"}
    choose(queue, "[data-filter=modality]", "")
    choose(queue, "#find", "inputs/US.dcm")
    assert set(shown(queue, "modality")) == {"US"}


def test_without_its_script_the_review_shows_everything(page, lab):
    page.send("Emulation.setScriptExecutionDisabled", value=True)
    page.send("Page.navigate", url=(lab / "work" / "lab7" / "review.html").as_uri())
    time.sleep(1)  # no script can say when it is there
    page.send("Emulation.setScriptExecutionDisabled", value=False)
    assert len(shown(page)) > 100
    assert page.evaluate("document.querySelectorAll('[data-line]').length") > 200
    hidden = "[...document.querySelectorAll('.tools, .acts, .picked')].every((one) => one.hidden)"
    assert page.evaluate(hidden)


def test_outlines_and_size_of_pictures_are_switched(queue):
    tall = "document.querySelector('.shot').clientHeight"
    lines = "getComputedStyle(document.querySelector('.shot path')).display"
    before = queue.evaluate(tall)
    for name in ("large", "bare"):
        queue.evaluate(f"document.getElementById('{name}').click()")
    assert queue.evaluate(tall) > before and queue.evaluate(lines) == "none"
    pressed = "[...document.querySelectorAll('[aria-pressed=true]')].map((one) => one.id)"
    assert queue.evaluate(pressed) == ["bare", "large"]


def test_lines_that_are_picked_are_decisions(queue, lab, tmp_path):
    choose(queue, "[data-filter=code]", "residual_text")
    item = shown(queue)[0]
    choose(queue, "#reviewer", "A. Reader")
    choose(queue, "#date", "2026-01-31")
    queue.evaluate(f"document.querySelector('#item-{item} [data-decide=release]').click()")
    left, top, width, height, columns, rows = queue.evaluate(
        f"""((svg) => {{
            svg.scrollIntoView({{block: "center"}});
            const at = svg.getScreenCTM();
            const view = svg.viewBox.baseVal;
            return [at.e, at.f, at.a * view.width, at.d * view.height, view.width, view.height];
        }})(document.querySelector("#item-{item} .shot svg:last-child"))"""
    )
    for kind, share in (("mousePressed", 0.25), ("mouseMoved", 0.5), ("mouseReleased", 0.5)):
        queue.send(
            "Input.dispatchMouseEvent",
            **{"type": kind, "x": left + share * width, "y": top + share * height},
            **{"button": "left", "buttons": 1, "clickCount": 1},
        )
    queue.evaluate(f"document.querySelector('#item-{item} [data-decide=mask]').click()")
    lines = queue.evaluate("document.getElementById('picked').value")
    (tmp_path / decisions.FILE).write_text("\t".join(decisions.COLUMNS) + "\n" + lines)
    release, mask = decisions.read(tmp_path)
    assert (release.item, release.kind, release.reviewer) == (item, "release", "A. Reader")
    assert mask.kind == "mask" and mask.box.frame is not None
    assert mask.box.left == pytest.approx(columns / 4, abs=2)
    assert mask.box.right == pytest.approx(columns / 2, abs=2)
    assert mask.box.top == pytest.approx(rows / 4, abs=2)
    assert mask.box.bottom == pytest.approx(rows / 2, abs=2)
    queue.evaluate(f"document.querySelector('#item-{item} [data-decide=reject]').click()")
    left = queue.evaluate("document.getElementById('picked').value")
    assert [line.split("\t")[1] for line in left.splitlines()] == ["reject", "mask"]


def test_lines_without_a_reviewer_are_not_copied(queue):
    queue.evaluate("document.querySelector('[data-decide=reject]').click()")
    queue.evaluate("document.getElementById('copy').click()")
    assert "name as reviewer" in queue.evaluate("document.getElementById('said').textContent")
    assert queue.evaluate("document.activeElement.id") == "reviewer"
    choose(queue, "#reviewer", "A. Reader")
    queue.evaluate("document.getElementById('copy').click()")
    assert "name as reviewer" not in queue.evaluate("document.getElementById('said').textContent")


def test_a_box_that_is_none_is_refused_with_a_sentence(queue):
    box_ = "document.querySelector('input.box')"
    queue.evaluate(f"{box_}.value = '5,5,1'")
    queue.evaluate("document.querySelector('[data-decide=mask]').click()")
    assert "four whole numbers" in queue.evaluate("document.getElementById('said').textContent")
    assert queue.evaluate("document.getElementById('picked').value") == ""


# --- what can be missing


def nothing_found(lab):
    lab.other("ignored", "not_an_image")


def no_text(lab):
    lab.image()


def nothing_released(lab):
    lab.image(verdict="hold", mask=box())
    lab.other("held_back", "broken")


@pytest.mark.parametrize("what", [nothing_found, no_text, nothing_released])
def test_pages_open_whatever_is_missing(page, tmp_path, axe, what):
    lab = Made(tmp_path)
    what(lab)
    lab.release()
    make_pages(lab, tmp_path)
    for file in (lab.results / "report.html", lab.work / "review.html"):
        page.open(file)
        assert page.audit(axe)[1] == []
    assert page.problems == []


# --- many series


@pytest.mark.skipif("UNBURN_LONG" not in os.environ, reason="a minute; make test-browser runs it")
def test_the_report_of_500_series_is_small_and_there_at_once(page, tmp_path):
    many.make(tmp_path / "run", "lab7", 500, PROVENANCE)
    start = time.process_time()
    report.main(many.arguments(tmp_path / "run", "lab7"))
    assert time.process_time() - start < 60
    file: Path = tmp_path / "run" / "results" / "lab7" / "report.html"
    assert file.stat().st_size < 5_000_000
    page.open(file)
    first = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
    assert page.evaluate(first) < 1000
    assert page.evaluate("document.querySelectorAll('.series > li').length") == 500
