"""List what an image holds, as CycloneDX 1.6 in JSON. Runs at the end of an image's `%post`.

    python sbom.py NAME VERSION > sbom.cdx.json

Python's packages are those of the interpreter that runs this, Debian's those that dpkg knows.
"""

import subprocess
import sys
import warnings
from collections.abc import Iterator
from importlib.metadata import distributions

from cyclonedx.factory.license import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL


def python_packages() -> Iterator[Component]:
    """Every distribution that this interpreter can import, with its licence where it states one."""
    for package in distributions():
        name, version = package.metadata["Name"], package.version
        stated = package.metadata.get("License-Expression")
        yield _component(
            PackageURL("pypi", None, name.lower().replace("_", "-"), version),
            [LicenseFactory().make_from_string(stated)] if stated else [],
        )


def debian_packages() -> Iterator[Component]:
    """Every package that dpkg has installed."""
    form = "${db:Status-Abbrev}\t${Package}\t${Version}\t${Architecture}\n"
    listed = subprocess.run(
        ["dpkg-query", "--show", f"--showformat={form}"], capture_output=True, text=True, check=True
    )
    for line in listed.stdout.splitlines():
        state, name, version, architecture = line.split("\t")
        if state.startswith("ii"):
            yield _component(PackageURL("deb", "debian", name, version, {"arch": architecture}), [])


def bill_of_materials(name: str, version: str) -> str:
    """The list as text; what it describes is the image."""
    image = Component(name=name, version=version, type=ComponentType.CONTAINER, bom_ref=name)
    bom = Bom(components=[*python_packages(), *debian_packages()])
    bom.metadata.component = image
    bom.register_dependency(image, bom.components)
    return make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=1)


def _component(purl: PackageURL, licences: list) -> Component:
    return Component(
        name=purl.name,
        version=purl.version,
        purl=purl,
        bom_ref=purl.to_string(),
        licenses=licences,
        type=ComponentType.LIBRARY,
    )


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(bill_of_materials(*sys.argv[1:]))
