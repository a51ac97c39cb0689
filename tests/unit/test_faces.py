import pytest
from pydicom import Dataset

from unburn import faces


@pytest.mark.parametrize(
    ("header", "face"),
    [
        ({"Modality": "MR", "BodyPartExamined": "BRAIN"}, True),
        ({"Modality": "CT", "SeriesDescription": "t1 mprage"}, True),
        ({"Modality": "PT", "BodyPartExamined": "WHOLEBODY"}, True),
        ({"Modality": "CT", "BodyPartExamined": "KNEE"}, False),
        ({"Modality": "CT", "Rows": 512, "PixelSpacing": [0.5, 0.5]}, True),
        ({"Modality": "CT", "Rows": 512, "PixelSpacing": [0.9, 0.9]}, False),
        ({"Modality": "CT", "BodyPartExamined": "CHEST ABDOMEN"}, False),
        ({"Modality": "US", "BodyPartExamined": "BRAIN"}, False),
        ({"Modality": "OT", "BodyPartExamined": "HEAD"}, True),
        ({"BodyPartExamined": "HEAD"}, True),
        ({"Modality": "MRI", "BodyPartExamined": "head"}, True),
        ({"Modality": "MR", "BodyPartExamined": "HOOFD"}, True),
        ({"Modality": "MR", "BodyPartExamined": "CSPINE"}, True),
        ({"Modality": "MR", "BodyPartExamined": "ENTIRE BODY"}, True),
        ({"Modality": "MR", "BodyPartExamined": "KNEE", "SeriesDescription": "brain"}, True),
        ({"Modality": "CT", "BodyPartExamined": "SPINE"}, True),
        ({"Modality": "CT", "BodyPartExamined": "LUMBAR SPINE"}, False),
    ],
)
def test_a_volume_may_show_a_face_when_nobody_says_no(header, face):
    dataset = Dataset()
    for keyword, value in header.items():
        setattr(dataset, keyword, value)
    assert faces.may_show_face(dataset) is face
