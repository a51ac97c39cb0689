from test_report import PROVENANCE

from unburn import citations


def keys(engines, **settings):
    made = PROVENANCE | {"settings": PROVENANCE["settings"] | settings}
    return [one.key for one in citations.due(made, engines)]


def test_only_what_made_the_release_is_cited():
    assert keys(["classic"]) == [
        *("unburn", "redaction2026", "dicom-ps3.15", "rapidocr", "clopper1934", "snakemake2021")
    ]
    assert "rombach2022" in keys(["classic+sd2"]) and "telea2004" in keys(["telea"])
    both = keys([], detect={"tesseract": True, "threshold": 0.1})
    assert "smith2007" in both


def test_every_citation_is_a_line_and_an_entry_with_its_key():
    for one in citations.due(PROVENANCE, ["telea", "sd2"]):
        kind, rest = one.bibtex.split("{", 1)
        assert kind.startswith("@") and rest.startswith(f"{one.key},")
        assert one.bibtex.count("{") == one.bibtex.count("}")
        assert one.text.endswith(".")
