import base64
import hashlib
import re

from unburn import drawing, figures, pages


def test_only_the_script_of_the_page_itself_may_run():
    assert "script-src" not in pages.policy("")
    digest = base64.b64encode(hashlib.sha256(b"let a;").digest()).decode()
    assert f"script-src 'sha256-{digest}'" in pages.policy("let a;")
    assert pages.policy("").startswith("default-src 'none'")


def test_every_figure_has_a_caption_of_its_own():
    metrics = {
        "quality": {"flagged_from_painted_share": 0.25},
        "modalities": [],
        "resources": {"by_stage": {}, "core_hours": 0.0, "jobs": 0},
    }
    settings = {"detect": {"threshold": 0.1}, "gate": {"suspicion": 0.05}}
    drawn = figures.draw_all([], [], metrics, settings)
    captions = [pages.caption(name) for name in drawn]
    assert len(set(captions)) == len(captions) == 8
    assert "detector's" in pages.caption("certainty")  # escaped by the page, once
    assert all(re.fullmatch(r"[A-Z].*\.", caption) for caption in captions)
    assert all(isinstance(one, drawing.Figure) and not one.rows for one in drawn.values())
