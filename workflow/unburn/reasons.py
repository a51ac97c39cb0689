"""Why an item was held back or ignored: a code for programs, one sentence for people.

A sentence says what was found and what a data manager can do. It never holds a value
from a header or an image.
"""

IGNORED = {
    "dicomdir": "A DICOMDIR is an index of other files; the files it lists are handled themselves.",
    "duplicate": "An exact copy of another file of this submission.",
    "same_picture": "The same picture of the same patient as another file of this submission, "
    "with the same UID in another encoding.",
    "nifti_voxels": "The voxels of a pair .hdr and .img; they are handled with the header file.",
    "not_an_image": "Not a DICOM file (a note, a program, a picture or the like); left out.",
    "empty_file": "The file has no content.",
    "withdrawn": "Of a patient who was withdrawn; nothing of it is kept but its number.",
}

HELD_BACK = {
    # --- found by plan
    "unreadable": "The file could not be opened; check its access rights and hand it in again.",
    "archive": "An archive (zip, tar, gz or the like); unpack it and hand in the files in it.",
    "link_outside": "A link to something outside the submission's folder; hand in the file itself.",
    "file_name": "The file's name has characters that no table can hold; rename it.",
    "broken": "Its name or first bytes promise an image, but it cannot be read; "
    "it is damaged or cut off.",
    "no_sop_class": "The file does not say what kind of object it is (SOP Class UID is missing).",
    "private_sop_class": "An object of a manufacturer's own kind; its content cannot be checked.",
    "unsupported_sop_class": "An object of a kind that unburn has no rule for.",
    "structured_report": "A structured report: free text that unburn does not clean.",
    "encapsulated_document": "A document (PDF, CDA, model) inside DICOM; its text is not cleaned.",
    "waveform": "A waveform object; its annotations are not cleaned.",
    "raw_data": "Raw data of a scanner; its content cannot be checked.",
    "photograph": "A photograph, which can show the person.",
    "whole_slide": "A whole-slide image; its label and overview pictures are not cleaned.",
    "video": "A video stream (MPEG, H.264, H.265); it is not decoded.",
    "nifti_type": "A NIfTI volume of a kind that unburn does not clean (Analyze, complex, RGBA, "
    "128 bits).",
    "unsupported_syntax": "No installed decoder reads this file's transfer syntax.",
    # --- found while cleaning
    "undecodable": "The pixels could not be decoded; the file is damaged or mislabelled.",
    "pixels_missing": "The header promises an image, but there is no pixel data.",
    "too_large": "The header promises more pixels than a scanner makes, or than so few bytes hold; "
    "it was not decoded.",
    "float_pixels": "Pixels stored as floating point numbers; unburn cleans whole numbers only.",
    "bad_geometry": "Rows, columns, frames or bits in the header do not fit the pixel data.",
    "not_examined": "Not every frame was searched for text, so nothing is known about it.",
    "not_painted": "A masked place was not painted, so it is not released.",
    "metadata_failed": "The header could not be cleaned: the SOP Instance UID that every object "
    "needs is missing, or an attribute is malformed; the log of reassemble_objects names it.",
    "sidecar_failed": "The file beside a volume cannot be read as what its name says: JSON, or a "
    "table of b-values or directions and of nothing else; mend it.",
    "not_written": "The cleaned object could not be written as valid DICOM.",
    # --- found by the gate
    "residual_text": "The independent reader still read text in the cleaned picture; "
    "look at it, it may also be a false alarm.",
    "residual_identifier": "An identifier of the original header was found in the cleaned object; "
    "the log of check_candidates names the attribute, or the frame in whose picture it was read.",
    "over_painted": "More of it was painted over than the setting gate.max_painted_share allows.",
    "gate_failed": "The independent check could not be done.",
    "pixels_differ": "A pixel outside the mask differs from the original; please report this.",
    "face": "A head volume that could show the face (setting gate.faces).",
    # --- decided by people
    "rejected": "A person who looked at it held it back.",
    "decision_outdated": "A person decided on an earlier version of it; look at it again, and "
    "decide anew.",
    "controls_missed": "Of known lines, planted on copies of frames of this kind of device, too "
    "few were found (setting controls.min_recall); look at it before it is released.",
    "controls_failed": "No copy of a frame of this kind of device, with known lines, could be made "
    "and cleaned, so nothing shows what is found on it; look at it before it is released.",
    # --- found when series are put together
    "conflicting_instance": "Another object would be written to the same place; "
    "please report this.",
    "series_held": "Another part of the same volume was held back, and a volume is released whole.",
    "reference_held": "It refers to images that were held back or are not in this submission.",
    "mask_not_written": "The mask of painted pixels could not be written.",
    "changed_input": "The file changed while the run was under way; run it again.",
}

REASONS = {**IGNORED, **HELD_BACK}

# What a person who looks can overrule: a reading, a share, a face, what a kind of device showed.
# Not what was not checked, nor an identifier that was found, nor what makes a file or its links
# unusable.
OVERRIDABLE = frozenset(
    ("residual_text", "over_painted", "face", "controls_missed", "controls_failed")
)
