"""What a paper that uses a release should cite: the tools and methods that made it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Citation:
    """One reference: as a line of a list, and as an entry for BibTeX."""

    key: str
    text: str
    bibtex: str


def entry(kind: str, key: str, **fields: str) -> str:
    """An entry for BibTeX; its title keeps its capitals."""
    lines = [f"  {name} = {{{value}}}" for name, value in fields.items()]
    return f"@{kind}{{{key},\n" + ",\n".join(lines) + "\n}"


PAPER = Citation(
    "redaction2026",
    "From Redaction to Restoration: Deep Learning for Medical Image Anonymization and "
    "Reconstruction. arXiv:2604.11376.",
    entry(
        "misc",
        "redaction2026",
        title="{From Redaction to Restoration: Deep Learning for Medical Image Anonymization and "
        "Reconstruction}",
        eprint="2604.11376",
        archiveprefix="arXiv",
    ),
)
STANDARD = Citation(
    "dicom-ps3.15",
    "NEMA. DICOM PS3.15 2024b: Security and System Management Profiles, Annex E: Attribute "
    "Confidentiality Profiles.",
    entry(
        "manual",
        "dicom-ps3.15",
        title="{DICOM PS3.15 2024b: Security and System Management Profiles}",
        organization="National Electrical Manufacturers Association",
        note="Annex E: Attribute Confidentiality Profiles",
    ),
)
BOUNDS = Citation(
    "clopper1934",
    "Clopper CJ, Pearson ES. The use of confidence or fiducial limits illustrated in the case of "
    "the binomial. Biometrika 1934;26(4):404-413.",
    entry(
        "article",
        "clopper1934",
        author="Clopper, C. J. and Pearson, E. S.",
        title="{The use of confidence or fiducial limits illustrated in the case of the binomial}",
        journal="Biometrika",
        volume="26",
        number="4",
        pages="404--413",
        year="1934",
    ),
)
WORKFLOW = Citation(
    "snakemake2021",
    "Mölder F, Jablonski KP, Letcher B, et al. Sustainable data analysis with Snakemake. "
    "F1000Research 2021;10:33.",
    entry(
        "article",
        "snakemake2021",
        author='M{\\"o}lder, Felix and Jablonski, Kim Philipp and Letcher, Brice and others',
        title="{Sustainable data analysis with Snakemake}",
        journal="F1000Research",
        volume="10",
        pages="33",
        year="2021",
    ),
)
TELEA = Citation(
    "telea2004",
    "Telea A. An image inpainting technique based on the fast marching method. "
    "Journal of Graphics Tools 2004;9(1):23-34.",
    entry(
        "article",
        "telea2004",
        author="Telea, Alexandru",
        title="{An image inpainting technique based on the fast marching method}",
        journal="Journal of Graphics Tools",
        volume="9",
        number="1",
        pages="23--34",
        year="2004",
    ),
)
DIFFUSION = Citation(
    "rombach2022",
    "Rombach R, Blattmann A, Lorenz D, Esser P, Ommer B. High-resolution image synthesis with "
    "latent diffusion models. CVPR 2022:10684-10695.",
    entry(
        "inproceedings",
        "rombach2022",
        author="Rombach, Robin and Blattmann, Andreas and Lorenz, Dominik and Esser, Patrick and "
        'Ommer, Bj{\\"o}rn',
        title="{High-Resolution Image Synthesis with Latent Diffusion Models}",
        booktitle="CVPR",
        pages="10684--10695",
        year="2022",
    ),
)
TESSERACT = Citation(
    "smith2007",
    "Smith R. An overview of the Tesseract OCR engine. ICDAR 2007:629-633.",
    entry(
        "inproceedings",
        "smith2007",
        author="Smith, Ray",
        title="{An Overview of the Tesseract OCR Engine}",
        booktitle="ICDAR",
        pages="629--633",
        year="2007",
    ),
)


def software(key: str, name: str, what: str, version: str) -> Citation:
    """A program by its version."""
    return Citation(
        key,
        f"{name}: {what}. Version {version}.",
        entry("software", key, title=f"{{{name}: {what}}}", version=version),
    )


def due(provenance: Mapping[str, Any], engines: Iterable[str]) -> list[Citation]:
    """What to cite for a release; ``engines`` are those that painted, ``a+b`` is two."""
    settings = provenance["settings"]
    made = provenance["unburn"]
    painted = {name for engine in engines for name in engine.split("+")}
    version = f"{made['version']}, commit {made['commit'][:12]}"
    what = "burned-in text out of medical images, identity out of their headers"
    found = [software("unburn", "unburn", what, version), PAPER]
    found += [TELEA] if "telea" in painted else []
    found += [DIFFUSION] if "sd2" in painted else []
    found.append(STANDARD)
    if settings["gate"]["reader"] == "rapidocr":
        reader = provenance["readers"]["rapidocr"]["version"] or "unknown"
        found.append(software("rapidocr", "RapidOCR", "optical character recognition", reader))
    if settings["gate"]["reader"] == "tesseract" or settings["detect"]["tesseract"]:
        found.append(TESSERACT)
    return [*found, BOUNDS, WORKFLOW]
