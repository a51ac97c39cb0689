"""Patterns of ages in texts, as scanners and people write them."""

_GAP = r"[ _./,:=#-]{0,3}"


def age(years: str) -> str:
    """Pattern of an age whose number matches ``years``: 93Y, 93.5 years, 93y5m, F93, aged 93.

    B93f is a convolution kernel, 93 mA and FA 93 are settings of a scanner.
    """
    number, gap = rf"0?{years}(?:[.,]\d\d?)?", r"[ _/,-]{0,3}"
    unit = r"(?i:y|yo|y/o|yrs?|years?|j|jahre?|jaar|ans|anos|anni)(?![A-Za-z])"
    sex = r"(?i:f|m|w|(?:fe)?male|frau|mann|wom[ae]n|m[ae]n)(?![A-Za-z/])"
    before = r"(?<![A-Za-z])(?i:aged?|alter|leeftijd|edad|eta)[ _:=-]{0,3}"
    return (
        rf"(?<!\d){number}[ _-]*{unit}|(?<![A-Za-z\d]){number}a(?![A-Za-z])"
        rf"|(?<![A-Za-z\d]){number}{gap}{sex}"
        rf"|(?<![A-Za-z\d])(?i:f|m|w|(?:fe)?male){gap}{number}(?![\d.,])|{before}{number}(?!\d)"
    )


def age_in_words(years: str) -> str:
    """Pattern of what else says an age, in many languages: 95-jährig, 93歳, patient 95."""
    endings = (
        # of European languages, with their accents and without
        r"(?:(?:(?i:j(?:ä|ae?)e?hrig[a-z]*|jahren|jarig[a-z]*|årig[a-z]*|aarig[a-z]*|års?|vuotia[a-z]*"
        r"|vuotta|ann[ée]es?|años|ani|anys|letn[a-zíýiá]*|latek|ro[čc]n[a-zíý]*|rok[uůy]|éves|eves"
        r"|yaş[a-zıi]*|yasinda|years?[ _-]*olds?|yo[a-z]?)|lat|let)(?![A-Za-z])"
        r"|(?i:лет|год|ετ[ωώο])|[歳才岁歲세살]|周岁)"
    )
    before = (
        r"(?:(?<![A-Za-z])(?i:pat|patient(?:in|en?)?|pts?|pa[cz]iente|âge|età|alder|ålder|idade|wiek"
        r"|v[ěe]k)|(?i:возраст)|年[齢齡龄]|나이)"
    )
    number = rf"(?<!\d)0?{years}"
    undecoded = r"(?:[?\ufffd]|[^\W\d_](?<![A-Za-zµμª]))"  # 93歳 in another character set
    return (
        rf"{number}{undecoded}|{number}{_GAP}{endings}|{before}{_GAP}{number}(?!\d|[.,]\d)"
        rf"|(?<![A-Za-z\d.,])0?{years}{_GAP}(?i:pat|patient(?:in|en?)?|pts?)(?![A-Za-z])"
    )
