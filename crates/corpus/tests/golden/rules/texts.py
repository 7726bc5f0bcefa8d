"""Texts that make rules speak: ours, written by chance from a small vocabulary."""

import random

WORDS = """the of and to a in is that for it as was with be by on not he his but at are this have
from or had an they which one you were her all she there would their we him been has when who will
more no if out so said what up its about into than them can only other new some could time these
two may then do first any my now such like our over man me even most made after also did many
before must through back years where much your way well down should because each just those people
river mountain kettle lantern harbour engine theorem parliament biscuit glacier orchestra velvet
photosynthesis internationalisation counterrevolutionary antidisestablishmentarianism""".split()
HAN = "我们今天在学校里学习中文和数学老师说这个问题很难但是大家都很努力天气好的时候可以出去玩".strip()
ODD = ["#", "##", "###", "...", "…", "[...]", "-", "--", "—", "•", "●", "*", "1234", "3.14", "{",
       "}", "(see", "below)", "[1]", "[edit]", "[citation needed]", "http://example.org/a?b=c%20d",
       "don't", "can't", "U.S.A.", "e.g.", "😀", "👩‍🚀", "naïve", "Ünïcödé", "№", "½", "٣", "x²",
       "C++", "foo_bar", "a@b.example", "JavaScript", "lorem ipsum", "cookie policy", "-»", "ᚠ",
       "Privacy Policy", "uses cookies", "10:30", "$5", "“quoted”", "‘so’", "word.Word", "ﬁn", "K"]
ENDS = [".", ".", ".", "!", "?", "...", "…", "", ",", ";", '."', ".'", "。", " .", ".)", ":", "।"]


def sentence(rng, least=3, most=14, odd=0.05):
    words = [rng.choice(ODD) if rng.random() < odd else rng.choice(WORDS)
             for _ in range(rng.randint(least, most))]
    words[0] = words[0].capitalize()
    gap = "  " if rng.random() < 0.05 else " "
    return gap.join(words) + rng.choice(ENDS)


def prose(rng, sentences, odd=0.05, per_line=3):
    lines, line = [], []
    for _ in range(sentences):
        line.append(sentence(rng, odd=odd))
        if len(line) >= rng.randint(1, per_line):
            lines.append(" ".join(line))
            line = []
    lines.append(" ".join(line))
    breaks = ["\n", "\n", "\n\n", "\n\n\n", "\n \n", "\r\n", "\u2028", "\x0c", "\x85"]
    weights = [8, 8, 8, 1, 1, 1, 0.3, 0.3, 0.3]
    return "".join(part + rng.choices(breaks, weights)[0] for part in lines)


def repeated(rng):
    base = [sentence(rng) for _ in range(rng.randint(2, 5))]
    lines = [rng.choice(base) if rng.random() < rng.choice([0.1, 0.3, 0.6]) else sentence(rng)
             for _ in range(rng.randint(5, 25))]
    return rng.choice(["\n", "\n\n", " "]).join(lines)


def phrases(rng):
    phrase = [rng.choice(WORDS) for _ in range(rng.randint(2, 12))]
    out = []
    for _ in range(rng.randint(5, 15)):
        out += phrase if rng.random() < 0.5 else []
        out += [rng.choice(WORDS) for _ in range(rng.randint(0, 9))]
    return " ".join(out) + "."


def page(rng):
    # What a web page leaves around its own words.
    lines = [sentence(rng, odd=0.0) for _ in range(rng.randint(30, 60))]
    noise = ["3 likes", "1,204 Comments!", " 12k views ", "(5 shares)", "12", "١٢", " 12 ", "²", "",
             "SHOUTING AT ALL", "HALF half", "One", "sign-in here now", "Sign-In", "Sign-in\tto us",
             "2 items in cart", "Items in cart", "items in cart now items in cart", "more to say. Read more...",
             "Read More...", "and so on read more>>>", "  ", "3 likes each", "12 m quotes", "Q1 downloads"]
    for _ in range(rng.choice([2, 4, 12])):
        lines.insert(rng.choice([0, len(lines), rng.randint(0, len(lines))]), rng.choice(noise))
    return "\n".join(lines)


def essay(rng):
    return "\n".join(prose(rng, rng.randint(6, 12), 0.02, 1).replace("\n", " ") for _ in range(4))


def bullets(rng):
    mark = rng.choice(["- ", "• ", "* ", "● ", "  - ", "1. "])
    return "\n".join(mark + sentence(rng, 2, 6) for _ in range(rng.randint(5, 20)))


def chinese(rng):
    lines = []
    for _ in range(rng.randint(3, 12)):
        text = "".join(rng.choice(HAN) for _ in range(rng.randint(5, 40)))
        lines.append(text + rng.choice(["。", "！", "？", "…", "", "，"]))
    return rng.choice(["\n", ""]).join(lines)


def symbols(rng):
    return " ".join(rng.choice(ODD + ["the"]) for _ in range(rng.randint(20, 90)))


def joined(rng):
    # The same characters in words cut differently: `- - -` and `---`, `so me` and `some`.
    parts = ["-", "--", "some", "so", "me", "one", "someone", "on", "e"]
    return " ".join(rng.choice(parts) for _ in range(rng.randint(50, 120)))


EDGES = [
    "", " ", "\n", "\n\n", "\n\n\n", " \n \n ", "\t", "a", "a b", "a b c.", "\u3000", "\u200b", "\x00",
    "{", "…", "...", "#", "🙂", "。", "a\nb\nc\n", "\na\n\na\n", "\n\n a \n\n a \n\n", "x" * 1001,
    "x" * 1001 + " a b c d.", "y" * 1000 + " a b c d.", "[1][2][3] a b c.", "a b c [1].",
    "a b c. [1]", "a b c.  [12]", "a b c [edit", "[[1]] a b c.", "a b c [١٢].", "# " * 60,
    "... " * 60, "the of " * 60, "a. b. c. d. e. f.", "One. Two. Three. Four. Five. Six.\n" * 3,
    "lorem IPSUM dolor sit amet. " * 5, "We use cookies here. " * 5, "Turn on JavaScript { now. " * 5,
    "A line { here with words.\n" * 6, "Terms of usecookie policy and more words.\n" * 6,
    "http://a.b https://c.d/%zz%20 ftp://no http:// https://x " * 5, "(a) [b] {c} ⟨d⟩ " * 9,
    "read more\nRead More..\nREAD MORE\n...\n", "a\u00a0b\u00a0c\u2003d.\n" * 5,
    "12345 67890 " * 40, "ＡＢＣ　ｄｅｆ，１２３。" * 9, "Ⅷ Ⅸ ⅷ ª º ʰ ा ి " * 12,
    "- - - - - -- -- - - - -- - " * 6,
    "a\r\nb\r\n\r\nc\rd\x0be\x0cf\x1cg\x1dh\x1ei\x85j\u2028k\u2029l", "tail\r", "tail\r\n",
]


def texts():
    rng = random.Random(7)
    out = list(EDGES)
    makers = [lambda: prose(rng, rng.randint(4, 30)), lambda: prose(rng, rng.randint(8, 25), 0.0, 2),
              lambda: prose(rng, rng.randint(6, 20), 0.25), lambda: repeated(rng),
              lambda: phrases(rng), lambda: bullets(rng), lambda: chinese(rng),
              lambda: symbols(rng), lambda: joined(rng), lambda: page(rng), lambda: essay(rng)]
    while len(out) < 230:
        out.append(makers[len(out) % len(makers)]())
    return out
