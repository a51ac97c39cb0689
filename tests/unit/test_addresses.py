import re
import time

import pytest

from unburn.addresses import ADDRESS
from unburn.vocabulary import allowed, technical, tells

TOLD = [
    *("00:1A:2B:3C:4D:5E", "F4:0F:24:1B:22:11", "aa-bb-cc-dd-ee-0f", "001a.2b3c.4d5e"),
    *("001A2B3C4D5E", "00 1A 2B 3C 4D 5E", "fe80::1", "::1", "fe80::", "2001:db8:0:0:0:0:0:1"),
    *("10.1.2.3", "172.16.0.9", "192.168.0.7", "84.112.3.9", "8.8.4.200"),
    *("host-brunhilde.local", "ct-brunhilde.lan", "pacs.spital-x.ch", "brunhilde.org"),
    *("HOST_BRUNHILDE", "DESKTOP-4F2A9K", "localhost"),
    *("SN 12345", "S/N: A-47", "SN4711", "serial 12345", "Serial No. A4711", "Ser.-Nr. 12"),
    *("zip 021 39", "PLZ D-101 15", "postcode SW1A 2AA"),
]


@pytest.mark.parametrize("text", TOLD)
def test_addresses_tell_and_nothing_is_left_of_them(text):
    for around in (text, f"HEAD {text}", f"{text}, COIL"):
        left = re.sub(r"HEAD|COIL|[ ,]", "", around.replace(text, ""))
        assert tells(around) and tells(around, version=True)
        for cut in (allowed(around), technical(around), technical(around, version=True)):
            assert re.sub(r"HEAD|COIL|[ ,]", "", cut) == left == ""


@pytest.mark.parametrize(
    "text",
    [
        *("5.4.1.2", "2.6.3.6", "1.2.0.17", "R10.1.2.3", "v10.1.2.3", "syngo MR E11", "5.3.0"),
        *("itk::Filter", "T2.SE", "SER 3", "Series No 4", "SENSE-NV-16", "snake", "12:30", "DE"),
        *("16:9", "hostility", "ABCDEFABCDEF", "SNR 3", "Server 2"),
    ],
)
def test_versions_and_words_of_scanners_are_no_addresses(text):
    assert not re.search(ADDRESS, text)


def test_a_long_text_of_what_begins_like_an_address_takes_no_longer_than_its_length():
    start = time.process_time()
    for part in ("a.", "1.", "a:", "1:", "SN-", "a-", "zip ", "0f-", "::"):
        re.search(ADDRESS, part * 20_000)
    assert time.process_time() - start < 5
