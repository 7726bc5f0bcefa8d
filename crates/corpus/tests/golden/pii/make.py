"""Writes sentences.jsonl from positive.txt and negative.txt: python make.py

Every value is drawn from a seeded generator below; check digits are computed here, apart from the
library. Lines go in turn to the parts `tune` and `test`."""

import base64
import json
import random
import re
import string
from pathlib import Path

HERE = Path(__file__).parent
DRAW = random.Random(20261129)
PROVINCES = "11 12 13 21 22 31 32 33 34 35 36 37 41 42 43 44 45 50 51 52 53 61 62 65".split()
# A scanner of repositories must not take made-up tokens for leaked ones.
MARKS = (
    "sk_live_ rk_live_ ghp_ github_pat_ xoxb- AKIA AIza glpat- sk-ant- sk-proj- npm_ pypi- hf_ SG. "
    "LTAI whsec_ gsk_ hooks.slack T3BlbkFJ eyJ :AA"
).split() + ["PRIVATE KEY"]


def some(alphabet, count):
    return "".join(DRAW.choice(alphabet) for _ in range(count))


def digits(count, first="123456789"):
    return DRAW.choice(first) + some(string.digits, count - 1) if count > 0 else ""


ALNUM = string.ascii_letters + string.digits
UPPER = string.ascii_uppercase + string.digits
HEX = "0123456789abcdef"


def token(alphabet, count):
    """At least one digit, one capital and one small letter, where the alphabet has them."""
    while True:
        text = some(alphabet, count)
        kinds = [string.digits, string.ascii_uppercase, string.ascii_lowercase]
        needed = [kind for kind in kinds if set(kind) & set(alphabet)]
        if all(set(kind) & set(text) for kind in needed):
            return text


def luhn(body):
    total = 0
    for at, char in enumerate(reversed(body)):
        value = int(char) * (2 if at % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def card(prefix, length):
    body = prefix + some(string.digits, length - 1 - len(prefix))
    return body + luhn(body)


def spoiled(number):
    return number[:-1] + str((int(number[-1]) + DRAW.randrange(1, 10)) % 10)


def grouped(text, sizes, sign=" "):
    parts, at = [], 0
    for size in sizes:
        parts.append(text[at : at + size])
        at += size
    return sign.join(part for part in parts + [text[at:]] if part)


def fours(text, sign=" "):
    return sign.join(text[at : at + 4] for at in range(0, len(text), 4))


def iban(country, body):
    digits_of = "".join(str(int(char, 36)) for char in body + country + "00")
    return f"{country}{98 - int(digits_of) % 97:02d}{body}"


def resident(last_x=False):
    while True:
        year, month, day = DRAW.randrange(1950, 2007), DRAW.randrange(1, 13), DRAW.randrange(1, 29)
        region = DRAW.choice(PROVINCES) + f"{DRAW.randrange(1, 13):02d}{DRAW.randrange(1, 29):02d}"
        body = f"{region}{year}{month:02d}{day:02d}{DRAW.randrange(1, 999):03d}"
        weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
        check = "10X98765432"[sum(int(c) * w for c, w in zip(body, weights)) % 11]
        if (check == "X") == last_x:
            return body + check


def legacy():
    modern = resident()
    return modern[:6] + modern[8:17]


def social_credit(first="91"):
    symbols = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    body = first + DRAW.choice(PROVINCES) + f"{DRAW.randrange(1, 13):02d}{DRAW.randrange(0, 29):02d}"
    body += some(symbols, 9)
    total = sum(symbols.index(c) * pow(3, at, 31) for at, c in enumerate(body))
    return body + symbols[-total % 31]


def hong_kong():
    body = DRAW.choice("ABCDEGHKMPRSVYZ") + some(string.digits, 6)
    values = [36, ord(body[0]) - 55] + [int(c) for c in body[1:]]
    rest = -sum(v * w for v, w in zip(values, range(9, 1, -1))) % 11
    return body, "A" if rest == 10 else str(rest)


def taiwan(second):
    letter = DRAW.choice(string.ascii_uppercase)
    place = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(letter) + 10
    body = DRAW.choice(second) + some(string.digits, 7)
    total = place // 10 + place % 10 * 9 + sum(int(c) * w for c, w in zip(body, range(8, 0, -1)))
    return letter + body + str(-total % 10)


def mobile():
    return DRAW.choice("130 135 138 139 150 152 158 159 176 177 182 186 187 188 189 191 198".split()) + some(
        string.digits, 8
    )


def north_american(shape):
    area = DRAW.choice("202 206 212 303 312 415 503 512 617 646 704 718 801 904".split())
    return shape.format(a=area, e=digits(3, "23456789")[:1] + DRAW.choice(["34", "47", "58", "62", "90"]), n=some(string.digits, 4))


def ipv4():
    return f"{DRAW.choice([23, 45, 58, 61, 81, 91, 103, 112, 123, 175, 185, 203])}." + ".".join(
        str(DRAW.randrange(2, 254)) for _ in range(3)
    )


def ipv6():
    groups = [f"{DRAW.randrange(1, 65535):x}" for _ in range(3)]
    return f"{DRAW.choice(['2400:3200', '2a02:8109', '2001:470', '2607:f8b0'])}:{groups[0]}::{groups[1]}:{groups[2]}"


def plate_serial():
    shape = DRAW.choice(["ddddd", "Ldddd", "ddddL", "dLddd", "LLddd", "dddLd"])
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    return "".join(DRAW.choice(letters) if c == "L" else DRAW.choice(string.digits) for c in shape)


def password():
    word = DRAW.choice("Maple Harbor Tiger Coffee Window Rocket Violin Meadow Copper Sunset".split())
    return word.replace("o", "0", 1) + DRAW.choice("!@#$^*") + some(string.digits, DRAW.randrange(2, 5))


def wechat():
    name = DRAW.choice("lily wang chenjie zhou_min sunny huahua tony_li xiaoyu dabai maomao".split())
    return name + DRAW.choice(["_", "", "-"]) + some(string.digits, DRAW.randrange(3, 6))


def jwt():
    encode = lambda value: base64.urlsafe_b64encode(json.dumps(value).replace(" ", "").encode()).decode().rstrip("=")
    payload = {"sub": some(string.digits, 8), "name": some(string.ascii_lowercase, 8), "iat": 1718000000}
    return ".".join([encode({"alg": "HS256", "typ": "JWT"}), encode(payload), token(ALNUM + "-_", 43)])


def pem(kind):
    lines = [token(ALNUM + "+/", 64) for _ in range(4)] + [token(ALNUM, 30) + "=="]
    return "\n".join([f"-----BEGIN {kind} PRIVATE KEY-----"] + lines + [f"-----END {kind} PRIVATE KEY-----"])


def uuid():
    return "-".join(token(HEX, size) for size in (8, 4, 4, 4, 12))


def unremarkable(count):
    """Digits that are neither a card nor a mobile number by chance."""
    while True:
        number = digits(count)
        if luhn(number[:-1]) != number[-1] and not (count == 11 and number[0] == "1"):
            return number


NAMED = {
    "mobile": mobile,
    "mobile_sp": lambda: grouped(mobile(), [3, 4]),
    "mobile_hy": lambda: grouped(mobile(), [3, 4], "-"),
    "nanp": lambda: north_american("{a}-{e}-{n}"),
    "nanp_paren": lambda: north_american("({a}) {e}-{n}"),
    "nanp_dots": lambda: north_american("{a}.{e}.{n}"),
    "nanp_sp": lambda: north_american("{a} {e} {n}"),
    "nanp_plain": lambda: north_american("{a}{e}{n}"),
    "nanp_e164": lambda: north_american("+1{a}{e}{n}"),
    "nxx": lambda: digits(3, "2345678"),
    "area3": lambda: DRAW.choice("371 379 512 519 531 591 731 771 851 931 991 379".split()),
    "d7_28": lambda: digits(7, "2345678"),
    "d1_157": lambda: DRAW.choice("157"),
    "visa": lambda: card("4" + some(string.digits, 5), 16),
    "visa_spaced": lambda: fours(card("4" + some(string.digits, 5), 16)),
    "visa_hyphen": lambda: fours(card("4" + some(string.digits, 5), 16), "-"),
    "bad_visa": lambda: spoiled(card("4" + some(string.digits, 5), 16)),
    "bad_visa_spaced": lambda: fours(spoiled(card("4" + some(string.digits, 5), 16))),
    "mastercard": lambda: card("5" + DRAW.choice("12345"), 16),
    "mastercard_hyphen": lambda: fours(card("5" + DRAW.choice("12345"), 16), "-"),
    "amex_spaced": lambda: grouped(card("37", 15), [4, 6]),
    "jcb_spaced": lambda: fours(card("3540", 16)),
    "discover": lambda: card("6011", 16),
    "unionpay16": lambda: card("6225", 16),
    "unionpay19": lambda: card("6222", 19),
    "unionpay_spaced": lambda: fours(card("6214", 16)),
    "unionpay19_spaced": lambda: fours(card("6217", 19)),
    "bad_unionpay": lambda: spoiled(card("6222", 19)),
    "iban_de": lambda: iban("DE", some(string.digits, 18)),
    "iban_de_spaced": lambda: fours(iban("DE", some(string.digits, 18))),
    "bad_iban_de": lambda: fours(spoiled(iban("DE", some(string.digits, 18)))),
    "iban_gb": lambda: iban("GB", "ABCD" + some(string.digits, 14)),
    "iban_fr_spaced": lambda: fours(iban("FR", some(string.digits, 21) + "04")),
    "iban_nl": lambda: iban("NL", "ABCD" + some(string.digits, 10)),
    "iban_at": lambda: iban("AT", some(string.digits, 16)),
    "iban_be_spaced": lambda: fours(iban("BE", some(string.digits, 12))),
    "iban_ch_spaced": lambda: fours(iban("CH", some(string.digits, 17))),
    "ssn": lambda: f"{DRAW.randrange(101, 660)}-{DRAW.randrange(1, 99):02d}-{digits(4)}",
    "ssn_space": lambda: f"{DRAW.randrange(101, 660)} {DRAW.randrange(1, 99):02d} {digits(4)}",
    "ssn_plain": lambda: f"{DRAW.randrange(101, 660)}{DRAW.randrange(1, 99):02d}{digits(4)}",
    "ipv4": ipv4,
    "ipv6": ipv6,
    "oct": lambda: str(DRAW.randrange(2, 254)),
    "rid": resident,
    "ridx": lambda: resident(True),
    "rid15": legacy,
    "rid_sp": lambda: grouped(resident(), [6, 8]),
    "bad_rid": lambda: spoiled(resident()),
    "uscc": social_credit,
    "uscc51": lambda: social_credit("51"),
    "bad_uscc": lambda: (lambda code: code[:-1] + ("A" if code[-1] != "A" else "B"))(social_credit()),
    "hkid": lambda: "{}({})".format(*hong_kong()),
    "hkid_bare": lambda: "".join(hong_kong()),
    "bad_hkid": lambda: (lambda body, check: f"{body}({'2' if check != '2' else '3'})")(*hong_kong()),
    "twid": lambda: taiwan("12"),
    "twid_arc": lambda: taiwan("89"),
    "bad_twid": lambda: spoiled(taiwan("12")),
    "letter": lambda: DRAW.choice("CKLNPRTX"),
    "alnum8": lambda: token("CFGHJKLMNPRTVWXYZ0123456789" + string.digits * 3, 8),
    "plate5": plate_serial,
    "plate4": lambda: some(string.digits, 4),
    "ev6": lambda: DRAW.choice("DFAB") + DRAW.choice("ABCDEFGH0123456789") + some(string.digits, 4),
    "ev6big": lambda: some(string.digits, 5) + DRAW.choice("DF"),
    "pw": password,
    "pwsimple": lambda: DRAW.choice("seaview office welcome sunrise garden lobby".split()) + some(string.digits, 4),
    "d6x": lambda: digits(6),
    "wx": wechat,
    "wxletters": lambda: DRAW.choice("sunshinelily happyrabbit bluesky walkerwu tigermom".split()),
    "wxtail": lambda: some(string.digits, 2),
    "low14": lambda: token(string.ascii_lowercase + string.digits, 14),
    "qq": lambda: digits(DRAW.randrange(8, 11), "23456789"),
    "qq9": lambda: digits(9, "123456789"),
    "ghp": lambda: "ghp_" + token(ALNUM, 36),
    "aws": lambda: "AKIA" + token(string.ascii_uppercase + "234567", 16),
    "b64_40": lambda: token(ALNUM + "+/", 40),
    "alpha34": lambda: token(ALNUM, 34),
    "jwt": jwt,
    "pem_rsa": lambda: pem("RSA"),
    "pem_ec": lambda: pem("EC"),
    "uuid": uuid,
    "imei": lambda: (lambda body: body + luhn(body))("35" + some(string.digits, 12)),
    "h2": lambda: f"{DRAW.randrange(16, 256):x}",
    "h4": lambda: f"{DRAW.randrange(4096, 65536):x}",
}
FAMILIES = [
    (r"d(\d+)", lambda n: unremarkable(n) if n > 9 else digits(n)),
    (r"hex(\d+)", lambda n: token(HEX, n)),
    (r"b62_(\d+)", lambda n: token(ALNUM, n)),
    (r"tok(\d+)", lambda n: token(ALNUM + "-_", n - 1) + "k"),
    (r"up(\d+)", lambda n: token(UPPER, n)),
]


def drawn(name):
    if name in NAMED:
        return NAMED[name]()
    for pattern, make in FAMILIES:
        found = re.fullmatch(pattern, name)
        if found:
            return make(int(found[1]))
    return None


def filled(text):
    def put(found):
        value = drawn(found[1])
        return found[0] if value is None else value

    return re.sub(r"\{([a-z0-9_]+)\}", put, text)


def sentence(line):
    text, spans = "", []
    for part in re.split(r"(\[\[[a-z_]+:.*?\]\])", line.replace("\\n", "\n")):
        found = re.fullmatch(r"\[\[([a-z_]+):(.*)\]\]", part, re.S)
        value = filled(found[2] if found else part)
        if found:
            start = len(text.encode())
            spans.append({"start": start, "end": start + len(value.encode()), "kind": found[1]})
        text += value
    return text, spans


def main():
    rows = []
    for name in ("positive", "negative"):
        lines = (HERE / f"{name}.txt").read_text(encoding="utf-8").splitlines()
        for at, line in enumerate(line for line in lines if line and not line.startswith("# ")):
            text, spans = sentence(line)
            assert bool(spans) == (name == "positive"), line
            part = "tune" if at % 2 == 0 else "test"
            rows.append({"part": part, "text": text, "spans": spans})
    with (HERE / "sentences.jsonl").open("w", encoding="utf-8") as file:
        for row in rows:
            line = json.dumps(row, ensure_ascii=False)
            for mark in MARKS:
                escaped = f"{mark[:2]}\\u{ord(mark[2]):04x}{mark[3:]}"
                line = line.replace(mark, escaped)
            assert json.loads(line) == row
            file.write(line + "\n")


main()
