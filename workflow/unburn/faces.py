"""Volumes from which a face could be drawn, by what their headers say."""

import re

import pydicom

# Whose volumes show no surface of a head; a modality that is missing or unknown may.
OTHER_MODALITIES = {"US", "IVUS", "NM", "MG", "SM", "OP", "OPT", "OCT", "OAM", "ES", "GM"}
HEAD = re.compile(
    r"HEAD|BRAIN|FACE|FACIAL|SKULL|CRANI|NECK|ORBIT|SINUS|TEMPORAL|PITUIT|SELLA|DENTAL|MAXILL"
    r"|MANDIB|JAW|NASAL|KOPF|SCHAEDEL|SCHÄDEL|HIRN|WHOLE ?_?BODY|NEURO|MPRAGE|\bEARS?\b|\bEYES?\b"
    r"|\bIAC\b|\bTMJ\b|\bEAM\b"
)
# Words of Body Part Examined (PS3.16 annex L) that have no face near them; all others may.
ELSEWHERE = re.compile(
    r"ABDOMEN(PELVIS)?|ADRENAL|ANKLE|AORTA|ARM|BLADDER|BOWEL|BREAST|CALCANEUS|CALF|CARDIAC"
    r"|CHEST(ABDOMEN|ABDPELVIS)?|COCCYX|COLON|CORONARYARTERY|DUODENUM|ELBOW|EXTREMITY|FEMUR|FIBULA"
    r"|FINGERS?|FOOT|FOREARM|GALLBLADDER|HAND|HEART|HIP|HUMERUS|ILIUM|KIDNEY|KNEE|LEG|LIVER|LS?SPINE"
    r"|LUMBAR(SPINE)?|LUNG|MEDIASTINUM|PANCREAS|PELVIS|PENIS|PROSTATE|RADIUS(ULNA)?|RECTUM|RIBS?"
    r"|SACRUM|SCROTUM|SIJOINT|SMALLBOWEL|SPLEEN|SSPINE|STERNUM|STOMACH|TESTIS|THIGH|THORA(X|CIC)"
    r"|THUMB|TIB(IA|FIB)|TOES?|TSPINE|ULNA|UPPERARM|UTERUS|VAGINA|WRIST"
)
BESIDE = {"AND", "LEFT", "RIGHT", "UPPER", "LOWER", "BOTH", "JOINT", "LIMB", "SPINE"}
HEAD_FIELD_MM = 400.0  # a larger field of view was not chosen for a head


def may_show_face(header: pydicom.Dataset) -> bool:
    """Whether a volume could show a face: head, neck or whole body, or nobody says what.

    ``header`` is the original's. A body part counts unless it is known to have no face near it, and
    a volume without a word about it when its field of view is that of a head.
    """
    if str(header.get("Modality", "")) in OTHER_MODALITIES:
        return False
    body_part = str(header.get("BodyPartExamined", "") or "").upper()
    words = " ".join(
        str(header.get(keyword, "") or "")
        for keyword in ("StudyDescription", "SeriesDescription", "ProtocolName")
    )
    if HEAD.search(f"{body_part} {words.upper()}"):
        return True
    if body_part.strip():
        parts = set(re.findall(r"\w+", body_part)) - BESIDE
        return not parts or not all(map(ELSEWHERE.fullmatch, parts))
    spacing = header.get("PixelSpacing")
    return not spacing or int(header.Rows) * float(spacing[0]) <= HEAD_FIELD_MM
