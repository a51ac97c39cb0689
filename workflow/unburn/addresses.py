"""Patterns of what tells a machine or a place: addresses of networks, serial numbers, post codes.

They are regular expressions without groups that are referred to, to be joined with others.
"""

_HEX = "[0-9A-Fa-f]"
# 00:1A:2B:3C:4D:5E, 00-1A-2B-3C-4D-5E, 001a.2b3c.4d5e, 001A2B3C4D5E
_MAC = (
    rf"(?<![0-9A-Za-z])(?:{_HEX}{{2}}(?:[:-]{_HEX}{{2}}){{5}}"
    rf"|(?=[\d ._]{{0,17}}[A-Fa-f]){_HEX}{{2}}(?:[ ._]{_HEX}{{2}}){{5}}"
    rf"|{_HEX}{{4}}[.:-]{_HEX}{{4}}[.:-]{_HEX}{{4}}"
    rf"|(?=(?:[A-Fa-f]*\d){{3}}){_HEX}{{12}})(?![0-9A-Za-z])"
)
# fe80::1, ::1, 2001:db8:0:0:0:0:0:1; itk::Filter is none
_IPV6 = (
    rf"(?<![\w:])(?:(?:{_HEX}{{1,4}}:){{7}}{_HEX}{{1,4}}"
    rf"|(?:{_HEX}{{1,4}}:){{1,7}}:(?:{_HEX}{{1,4}}(?::{_HEX}{{1,4}}){{0,6}})?"
    rf"|::{_HEX}{{1,4}}(?::{_HEX}{{1,4}}){{0,6}})(?![\w:])"
)
# Four numbers up to 255, of which the first has two digits or another three: 10.1.2.3. Four small
# ones are a version (5.4.1.2), and so is what has a letter in front (R10.1.2.3).
_BYTE = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_IPV4 = (
    r"(?<![A-Za-z\d])(?<!\d\.)(?=\d\d|[\d.]{0,12}\d{3})"
    rf"{_BYTE}(?:\.{_BYTE}){{3}}(?!\.?\d)"
)
# T2.SE is a sequence, so some domains count only behind two names and more.
_LABEL = r"(?:[a-z\d_][a-z\d_-]{0,62}\.)"
_HOST = (
    rf"(?<![A-Za-z\d])(?i:{_LABEL}{{1,5}}"
    r"(?:local|localdomain|lan|home|internal|intranet|corp|net|org|com|edu|gov|de|nl|uk|eu)"
    rf"(?![a-z\d])|{_LABEL}{{2,5}}(?:at|au|be|br|ca|ch|cn|cz|dk|es|fi|fr|gr|hu|ie|il|in|it|jp|kr|mx"
    r"|no|nz|pl|pt|ru|se|tr|tw|us|za)(?![a-z\d])"
    r"|localhost|(?:host|hostname|desktop|laptop|srv|server|workstation)[_:=-][a-z\d._-]+)"
)
# SN 12345, S/N: A-47, Serial No. 4711, Ser.-Nr. 12
_ITEM = r"[a-z\d/_-]{0,20}\d[a-z\d/_-]*"
_SERIAL = (
    rf"(?<![A-Za-z\d])(?i:s/?n(?:[ .:#=_-]+{_ITEM}|\d{{3}}[a-z\d/_-]*)"
    r"|(?:serial(?:[ ._-]*(?:number|num|no|nr))?|seriennummer|seriennr"
    rf"|ser[ ._-]*(?:number|num|no|nr))(?![a-z])[ .:#=_-]*{_ITEM})"
)
# zip 021 39, PLZ D-10115, postcode SW1A 2AA
_POST_CODE = (
    r"(?<![A-Za-z])(?i:(?:zip|plz|postleitzahl|post(?:al)?[ _-]?code)(?:[ _-]?code)?[ .:=#_-]*"
    r"(?:[a-z]{1,2}[ -]?)?\d[\da-z]*(?:[ -]\d[\da-z]*)?(?![a-z\d]))"
)
ADDRESS = "|".join((_MAC, _IPV6, _IPV4, _HOST, _SERIAL, _POST_CODE))
