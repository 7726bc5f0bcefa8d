"""Passages of about half a kB of real text, with copies planted among them, and the truth about the copies.

Of every hundred passages two are exact copies of others and five are edited copies: words exchanged,
taken out or put in until the Jaccard similarity of the two is near a value drawn from 0.6 to 1. No
passage has two copies, so the pairs of the truth are all pairs. What natural text repeats by itself
(licences, generated pages) is left out: a passage is dropped if 45 % of its shingles were seen before.

Similarity is counted over sets of shingles of five words; words are runs of letters, digits and
underscores of the lower-cased text. The truth has lines {"a", "b", "jaccard", "kind"}.
"""

import hashlib
import json
import random
import re
import zlib

SHINGLE = 5
LEAST_CHARS, MEAN_CHARS, MOST_CHARS = 320, 520, 740
# A passage of fewer words is a table or a script without blanks.
LEAST_WORDS = 42
MOST_SEEN = 0.45
# One shingle in four, chosen by its first word, tells whether a passage was seen.
LOOKED_AT = 4
SEEN_BITS = 32
COPIES, EDITED = 0.02, 0.05
WORD = re.compile(r"\w+")
PIECE = re.compile(r"\w+|\W+")
_BLOCK = re.compile(r"\n\s*\n")


def shingles(text):
    """The set of shingles; a text of fewer words is one shingle of its own."""
    words = WORD.findall(text.lower())
    return {tuple(words[at:at + SHINGLE]) for at in range(max(len(words) - SHINGLE + 1, 1))}


def jaccard(one, other):
    return len(one & other) / len(one | other)


def passages_of(text):
    """Paragraphs put together, or cut at blanks, until a passage has about the mean length."""
    held = ""
    for block in _BLOCK.split(text):
        while len(block) > MOST_CHARS:
            end = block.rfind(" ", LEAST_CHARS, MEAN_CHARS)
            end = end if end > 0 else MEAN_CHARS
            if held and len(held) >= LEAST_CHARS:
                yield held
            elif held:
                block, end = f"{held}\n\n{block}", end + len(held) + 2
            held = ""
            yield block[:end].strip()
            block = block[end:].strip()
        held = f"{held}\n\n{block}" if held else block
        if len(held) >= MEAN_CHARS - 100:
            yield held[:MOST_CHARS].strip()
            held = ""
    if len(held) >= LEAST_CHARS:
        yield held


class Seen:
    """Which of the looked-at shingles came before: one bit each, so a few are seen by mistake."""

    def __init__(self):
        self.bits = bytearray(2 ** (SEEN_BITS - 3))
        self.numbers = {}

    def number(self, word):
        found = self.numbers.get(word)
        if found is None:
            found = self.numbers[word] = zlib.crc32(word.encode("utf-8", "replace"))
        return found

    def is_new(self, words):
        numbers = [self.number(word) for word in words]
        hashes = [hash(tuple(numbers[at:at + SHINGLE])) % 2**SEEN_BITS
                  for at in range(len(numbers) - SHINGLE + 1) if numbers[at] % LOOKED_AT == 0]
        bits = self.bits
        seen = sum(bits[key >> 3] >> (key & 7) & 1 for key in hashes)
        is_new = len(hashes) >= 8 and seen <= MOST_SEEN * len(hashes)
        if is_new:
            for key in hashes:
                bits[key >> 3] |= 1 << (key & 7)
        return is_new


def distinct(pages, say):
    """All passages that are not mostly repetition, each with its rank in a shuffled order."""
    seen, read = Seen(), 0
    for _, _, _, text in pages:
        for passage in passages_of(text):
            read += 1
            words = WORD.findall(passage.lower())
            if len(words) >= LEAST_WORDS and seen.is_new(words):
                yield hashlib.blake2b(passage.encode(), digest_size=8).digest(), passage
            if read % 200_000 == 0:
                say(f"{read} passages read")


def edited(text, words, dice):
    """A copy with a drawn share of edits, and its true similarity, at least 0.6."""
    old = shingles(text)
    aim = dice.uniform(0.6, 1.0)
    edits = len(old) * (1 - aim) / (SHINGLE * (1 + aim))
    edits = max(int(edits + dice.random()), 0)
    while True:
        new = edit(text, edits, words, dice)
        similarity = jaccard(old, shingles(new))
        if similarity >= 0.6 and new != text:
            return new, similarity
        edits = max(edits - 1, 0)


def edit(text, edits, words, dice):
    """`edits` words exchanged, taken out or put in; without any, only marks and letter case change."""
    pieces = PIECE.findall(text)
    places = [at for at, piece in enumerate(pieces) if WORD.match(piece)]
    for at in dice.sample(places, min(edits, len(places))):
        kind = dice.random()
        if kind < 0.5:
            pieces[at] = dice.choice(words)
        elif kind < 0.75:
            pieces[at] = ""
        else:
            pieces[at] += " " + dice.choice(words)
    if edits == 0:
        at = dice.choice(places)
        pieces[at] = pieces[at].swapcase()
        pieces.append(dice.choice(["", " ", ".", " *", "\n"]))
    return "".join(pieces)


def planted(passages, count, seed):
    """`count` passages in a random order, and the pairs among them."""
    dice = random.Random(seed)
    copies, changed = int(count * COPIES), int(count * EDITED)
    texts = passages[:count - copies - changed]
    words = [word for text in texts[:2000] for word in WORD.findall(text)]
    pairs = []
    for place, source in enumerate(dice.sample(range(len(texts)), copies + changed)):
        if place < copies:
            copy, similarity, kind = texts[source], 1.0, "exact"
        else:
            copy, similarity = edited(texts[source], words, dice)
            kind = "edited"
        pairs.append((source, len(texts), similarity, kind))
        texts.append(copy)
    order = list(range(count))
    dice.shuffle(order)
    place_of = {old: new for new, old in enumerate(order)}
    lines = [json.dumps({"id": f"near-{place:07}", "text": texts[old]}, ensure_ascii=False)
             for place, old in enumerate(order)]
    truth = []
    for one, other, similarity, kind in pairs:
        first, second = sorted((place_of[one], place_of[other]))
        truth.append({"a": f"near-{first:07}", "b": f"near-{second:07}", "jaccard": round(similarity, 6), "kind": kind})
    return lines, sorted(truth, key=lambda pair: (pair["a"], pair["b"]))


def label(count):
    return f"{count // 1_000_000}m" if count % 1_000_000 == 0 else f"{count // 1000}k"


def write(pages, counts, folder, say):
    """One corpus and its truth for each count, from the same passages."""
    passages = [passage for _, passage in sorted(distinct(pages, say))]
    say(f"{len(passages)} distinct passages, {sum(map(len, passages)) / 1e6:.0f} million characters")
    for count in counts:
        needed = count - int(count * COPIES) - int(count * EDITED)
        if needed > len(passages):
            raise SystemExit(f"{count} documents need {needed} distinct passages, the packages give {len(passages)}")
        lines, truth = planted(passages, count, count)
        for name, some in ((f"near{label(count)}.jsonl", lines),
                           (f"near{label(count)}.truth.jsonl", [json.dumps(pair) for pair in truth])):
            with open(folder / name, "w", encoding="utf-8") as out:
                out.writelines(line + "\n" for line in some)
        close = sum(pair["jaccard"] >= 0.8 for pair in truth)
        say(f"near{label(count)}.jsonl: {len(lines)} documents, {len(truth)} pairs, {close} of them at 0.8 or more")
