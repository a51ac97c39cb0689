"""Coded values of DICOM that must stay for an object to be valid, and names in their place."""

import pytest
from pydicom.dataset import Dataset
from test_metadata import KEY, image, written

from unburn import presets
from unburn.metadata import Settings, clean


def cleaned(dataset, preset="research"):
    return clean(dataset, KEY, Settings(preset, 3650)).dataset


@pytest.mark.parametrize("preset", list(presets.PRESETS))
@pytest.mark.parametrize(
    ("keyword", "term"),
    [
        ("DecayCorrection", "ADMIN"),
        ("RandomsCorrectionMethod", "SING"),
        ("RandomsCorrectionMethod", "DLYD"),
        ("SecondaryCountsType", "SING"),
        ("Units", "CNTS"),
        ("ApprovalStatus", "APPROVED"),
        ("GraphicType", "ELLIPSE"),
        ("ContourGeometricType", "CLOSEDPLANAR_XOR"),
        ("RTROIInterpretedType", "BRNCHY_CHNL_SHLD"),
        ("SourceType", "SPHERE"),
        ("SetupTechnique", "BREAST_BRIDGE"),
        ("KSpaceFiltering", "HAMMING"),
        ("KSpaceFiltering", "USER_DEFINED"),
        ("DiffusionDirectionality", "DIRECTIONAL"),
        ("AnatomicalOrientationType", "QUADRUPED"),
        ("ColorSpace", "DISPLAYP3"),
    ],
)
def test_terms_of_the_standard_stay(keyword, term, preset):
    assert cleaned(image(**{keyword: term}), preset)[keyword].value == term


@pytest.mark.parametrize("name", ["SING", "HAMMING", "TUKEY", "FERMI", "BRIDGE", "QUILLFEATHER"])
def test_terms_that_are_names_stay_where_they_are_terms_and_for_nobody_called_so(name):
    typed = cleaned(image(DecayCorrection=name, ScanOptions=name, SequenceName=name))
    assert name.encode() not in written(typed)
    terms = {"RandomsCorrectionMethod": name, "KSpaceFiltering": name}
    called_so = cleaned(image(**terms, PatientName=f"{name}^Jane"))
    assert name.encode() not in written(called_so)


@pytest.mark.parametrize(
    ("name", "keyword", "value"),
    [
        ("Ko^Min-ji", "Modality", "KO"),
        ("Lin^Mei", "PixelIntensityRelationship", "LIN"),
        ("Lin^Mei", "CorrectedImage", ["DECY", "LIN"]),
        ("Di Marco^Anna", "ConversionType", "DI"),
        ("Al-Hassan^Ali", "PatientOrientation", ["AL", "F"]),
        ("Ha^Minh", "PatientOrientation", ["L", "HA"]),
        ("Palette^Jane", "PhotometricInterpretation", "PALETTE COLOR"),
    ],
)
def test_values_of_closed_lists_stay_for_a_patient_called_so(name, keyword, value):
    called_so = cleaned(image(PatientName=name, SequenceName=name, **{keyword: value}))
    assert called_so[keyword].value == value
    assert not called_so.SequenceName


@pytest.mark.parametrize("preset", ["research", "safe_harbor"])
def test_annotations_find_their_layer_whose_name_says_nothing(preset):
    named = ("ZEBRAKOL", "SHUTTERX", "LAYER1")
    layers, annotations = [], []
    for number, name in enumerate(named):
        layers.append(Dataset())
        layers[-1].GraphicLayer, layers[-1].GraphicLayerOrder = name, number + 1
    for name in (*named[::-1], named[0]):
        graphic = Dataset()
        graphic.GraphicType, graphic.GraphicData = "ELLIPSE", [1.0, 2.0, 3.0, 4.0]
        annotations.append(Dataset())
        annotations[-1].GraphicLayer = name
        annotations[-1].GraphicObjectSequence = [graphic]
    dataset = image(GraphicLayerSequence=layers, GraphicAnnotationSequence=annotations)
    result = cleaned(dataset, preset)
    new = dict(zip(named, [item.GraphicLayer for item in result.GraphicLayerSequence], strict=True))
    assert {*new.values()} == {"LAYER1", "LAYER2", "LAYER3"}
    found = [item.GraphicLayer for item in result.GraphicAnnotationSequence]
    assert found == [new[name] for name in (*named[::-1], named[0])]
    assert not any(name.encode() in written(result) for name in named[:2])
