"""Fill in the templates of ``workflow/report``: pages that need nothing but themselves.

A page forbids itself every request by its own Content Security Policy. The only script that may run
is the one that stands in the page, known by its digest.
"""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from unburn import numerals

TEMPLATES = Path(__file__).resolve().parents[1] / "report"
ALONE = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'"
FILTERS = {
    "count": numerals.count_text,
    "percent": numerals.percent_text,
    "number": numerals.number_text,
    "score": numerals.score_text,
    "hours": numerals.hours_text,
    "spread": numerals.spread_text,
    "things": numerals.things,
}


@cache
def environment() -> jinja2.Environment:
    """What reads the templates; every value is escaped."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(FILTERS)
    return made


def policy(script: str) -> str:
    """The Content Security Policy of a page with this script, or with none."""
    if not script:
        return ALONE
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return f"{ALONE}; script-src 'sha256-{digest}'"


def render(template: str, script: str = "", **values: Any) -> str:
    """Fill in a template; ``script`` names a file of ours beside it that the page carries."""
    css = Markup((TEMPLATES / "report.css").read_text("utf-8"))
    code = (TEMPLATES / script).read_text("utf-8") if script else ""
    page = environment().get_template(template)
    text = page.render(css=css, script=Markup(code), policy=policy(code), **values)
    return text.lstrip() + "\n"


def caption(name: str) -> str:
    """What a figure shows; Snakemake's report has the same text."""
    wildcards = {"wildcards": {"figure": name}}
    template = environment().overlay(autoescape=False).get_template("figure.rst")
    return " ".join(template.render(snakemake=wildcards).split())
