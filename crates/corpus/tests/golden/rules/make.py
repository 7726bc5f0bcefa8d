"""Asks the original filters about texts.py and writes golden.jsonl beside this file.

python make.py --dolma DIR --nemo DIR --juicer DIR --dclm DIR
where each DIR is the unpacked wheel, for DCLM its repository; datatrove, spacy, emoji, nltk,
uniseg and fasttext are installed. See PROVENANCE.
"""

import argparse
import importlib.util
import json
import pathlib
import sys
import types

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))


def package(name, path=None, **attributes):
    """A package whose `__init__` does not run, so that what it would import is not needed."""
    module = types.ModuleType(name)
    module.__path__ = [str(path)] if path else []
    module.__dict__.update(attributes)
    sys.modules[name] = module
    return module


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def datatrove():
    from datatrove.data import Document
    from datatrove.pipeline.filters import (C4ParagraphFilter, C4QualityFilter,
                                            FineWebQualityFilter, GopherQualityFilter,
                                            GopherRepetitionFilter)
    from datatrove.pipeline.filters import gopher_repetition_filter as repetition
    from datatrove.utils.text import split_into_words
    sets = {
        "gopher-repetition@datatrove": GopherRepetitionFilter(),
        "gopher-quality@datatrove": GopherQualityFilter(),
        "c4@datatrove": C4QualityFilter(),
        "c4-fineweb@datatrove": C4QualityFilter(filter_no_terminal_punct=False),
        "c4-paragraph@datatrove": C4ParagraphFilter(),
        "fineweb@datatrove": FineWebQualityFilter(),
    }

    def ask(text, verdicts, values, edits):
        for name, one in sets.items():
            document = Document(text=text, id="0")
            result = one.filter(document)
            verdicts[name] = None if result is True else result[1]
            if result is True and name.startswith("c4"):
                edits[name] = document.text
        first = verdicts["gopher-repetition@datatrove"]
        verdicts["gopher@datatrove"] = first or verdicts["gopher-quality@datatrove"]
        words = split_into_words(text)
        values["words.count"] = len(words)
        if text:
            for n in (2, 3, 4):
                grams = repetition.get_n_grams(words, n)
                top = repetition.find_top_duplicate(grams) if grams else 0
                values[f"repetition.top_{n}_gram"] = top / len(text)
            for n in range(5, 11):
                chars = repetition.find_all_duplicate(words, n)
                values[f"repetition.duplicate_{n}_gram"] = chars / len(text)

    return ask


def dolma(directory):
    package("dolma")
    package("dolma.core")
    package("dolma.taggers")

    class Registry:
        @staticmethod
        def add(_):
            return lambda cls: cls

    names = dict(DocResult=object, Document=object, Span=object)
    package("dolma.core.data_types", **names)
    package("dolma.core.registry", TaggerRegistry=Registry)
    package("dolma.core.taggers", BaseTagger=object)
    gopher = load("dolma.taggers.gopher", directory / "dolma/taggers/gopher.py")

    def ask(text, values):
        for prefix, filled in (("plain.", False), ("plain.filled_", True)):
            found = gopher.get_attributes(text, ignore_empty_lines=filled)
            values[prefix + "bullet_fraction"] = found.fraction_of_lines_starting_with_bullet_point
            values[prefix + "ellipsis_fraction"] = found.fraction_of_lines_ending_with_ellipsis
            values[prefix + "repeated_line_fraction"] = found.fraction_of_duplicate_lines
        words = text.split()
        values["plain.words"] = found.word_count
        values["plain.median_chars"] = found.median_word_length
        values["plain.symbol_fraction"] = found.symbol_to_word_ratio
        values["plain.letter_fraction"] = found.fraction_of_words_with_alpha_character
        values["plain.stop_words"] = found.required_word_count
        if words:
            chars = found.fraction_of_characters_in_duplicate_lines
            values["plain.repeated_line_char_fraction"] = chars
        for n, value in found.fraction_of_characters_in_most_common_ngram:
            values[f"plain_repetition.top_{n}_gram"] = value
        for n, value in found.fraction_of_characters_in_duplicate_ngrams:
            values[f"plain_repetition.repeated_{n}_gram"] = value

    return ask


def nemo(directory):
    root = directory / "nemo_curator"
    package("nemo_curator", root)
    package("nemo_curator.stages", root / "stages")
    package("nemo_curator.stages.text", root / "stages/text")
    package("nemo_curator.stages.text.utils", root / "stages/text/utils")

    class DocumentFilter:
        def __init__(self):
            self._sentences = self._paragraphs = self._ngrams = None

    package("nemo_curator.stages.text.filters", root / "stages/text/filters")
    package("nemo_curator.stages.text.filters.doc_filter", DocumentFilter=DocumentFilter)
    heuristic = root / "stages/text/filters/heuristic"
    string = load("nemo_string", heuristic / "string.py")
    repeat = load("nemo_repetition", heuristic / "repetition/repetition.py")
    stages = [
        ("text.nemo_other_fraction", string.NonAlphaNumericFilter()),
        ("plain.nemo_symbol_fraction", string.SymbolsToWordsFilter()),
        ("text.digit_fraction", string.NumbersFilter()),
        ("plain.url_fraction", string.UrlsFilter()),
        ("text.nemo_space_fraction", string.WhiteSpaceFilter()),
        ("text.nemo_bracket_fraction", string.ParenthesesFilter()),
        ("plain.boilerplate_fraction", string.BoilerPlateStringFilter()),
        ("plain.distinct_line_fraction", repeat.RepeatedLinesFilter()),
        ("plain.distinct_paragraph_fraction", repeat.RepeatedParagraphsFilter()),
        ("plain.distinct_line_char_fraction", repeat.RepeatedLinesByCharFilter()),
        ("plain.distinct_paragraph_char_fraction", repeat.RepeatedParagraphsByCharFilter()),
        ("plain.words", string.WordCountFilter()),
        ("plain.nemo_unended_fraction", string.PunctuationFilter()),
        ("plain.alphabetic_fraction", string.WordsWithoutAlphabetsFilter()),
        (None, string.CommonEnglishWordsFilter()),
        ("plain.mean_chars", string.MeanWordLengthFilter()),
        ("plain.max_chars", string.LongWordFilter()),
        ("plain.nemo_ellipsis_fraction", string.EllipsisFilter()),
    ]
    for n, most in zip((2, 3, 4), (0.2, 0.18, 0.16)):
        stages.append((None, repeat.RepeatingTopNGramsFilter(n, most)))
    for n, most in zip(range(5, 11), (0.15, 0.14, 0.13, 0.12, 0.11, 0.10)):
        stage = repeat.RepeatingDuplicateNGramsFilter(n, most)
        stages.append((f"plain_repetition.later_{n}_gram", stage))
    stages.append(("plain.nemo_bullet_fraction", string.BulletsFilter()))

    def ask(text, verdicts, values):
        verdict = None
        for measure, stage in stages:
            try:
                score = stage.score_document(text)
                keep = stage.keep_document(score)
            except (ZeroDivisionError, ValueError):
                score, keep = None, False
            if score is not None and measure:
                values[measure] = score
            if not keep and verdict is None:
                verdict = stage._name
                if stage._name in ("word_count", "mean_word_length"):
                    low = score is None or score < (50 if stage._name == "word_count" else 3)
                    verdict += "_min" if low else "_max"
        verdicts["nemo-en"] = verdict

    return ask


def juicer(directory):
    root = directory / "data_juicer"
    package("data_juicer", root)
    package("data_juicer.ops", root / "ops")
    package("data_juicer.ops.common", root / "ops/common")
    helpers = load("juicer_helpers", root / "ops/common/helper_func.py")
    special = load("juicer_special", root / "ops/common/special_characters.py")

    class Registry:
        def register_module(self, _):
            return lambda cls: cls

    class Filter:
        def __init__(self, *args, **kwargs):
            self.text_key = "text"

        def get_keep_boolean(self, value, least=None, most=None):
            return value >= least and value <= most

    class Keys:
        stats = "stats"
        context = "context"
        lines = words = refined_words = ""

        def __getattr__(self, name):
            return name

    package("data_juicer.ops.base_op", OPERATORS=Registry(), Filter=Filter)
    package("data_juicer.ops.op_fusion", INTER_LINES=Registry(), INTER_WORDS=Registry())
    package("data_juicer.utils")
    package("data_juicer.utils.constant", Fields=Keys(), InterVars=Keys(), StatsKeys=Keys())
    package("data_juicer.utils.model_utils", get_model=lambda *_: None, prepare_model=None)
    sys.modules["data_juicer.ops.common"].__dict__.update(
        SPECIAL_CHARACTERS=special.SPECIAL_CHARACTERS,
        get_words_from_document=helpers.get_words_from_document,
        words_refinement=helpers.words_refinement)
    package("data_juicer.ops.filter", root / "ops/filter")
    stages = [
        ("alphanumeric", "AlphanumericFilter", "alnum_ratio", "text.alphanumeric_fraction"),
        ("average_line_length", "AverageLineLengthFilter", "avg_line_length", "lines.mean_chars"),
        ("character_repetition", "CharacterRepetitionFilter", "char_rep_ratio",
         "juicer.char_repetition"),
        ("maximum_line_length", "MaximumLineLengthFilter", "max_line_length", "lines.max_chars"),
        ("special_characters", "SpecialCharactersFilter", "special_char_ratio",
         "text.special_fraction"),
        ("text_length", "TextLengthFilter", "text_len", "text.chars"),
        ("word_repetition", "WordRepetitionFilter", "word_rep_ratio", "juicer.word_repetition"),
        ("words_num", "WordsNumFilter", "num_words", "juicer.words"),
    ]
    made = []
    for file, name, key, measure in stages:
        full = f"data_juicer.ops.filter.{file}_filter"
        module = load(full, root / f"ops/filter/{file}_filter.py")
        made.append((f"{file}_filter", getattr(module, name)(), key, measure))

    def ask(text, verdicts, values):
        verdict = None
        for name, stage, key, measure in made:
            samples = {"text": [text], "stats": [{}]}
            stage.compute_stats_batched(samples)
            values[measure] = float(samples["stats"][0][key])
            if not list(stage.process_batched(samples))[0] and verdict is None:
                verdict = name
        verdicts["data-juicer"] = verdict

    return ask


def dclm(directory):
    package("core")
    package("core.constants", CONTENT="text", URL="url")
    package("core.factory_utils", factory_function=lambda function: function)
    for name in ("transformers", "retrie", "retrie.retrie", "justext", "lxml", "lxml.etree", "bs4",
                 "unidecode"):
        package(name, AutoTokenizer=None, Blacklist=None, ParserError=None, BeautifulSoup=None,
                unidecode=None)
    package("baselines", directory / "baselines")
    mappers = directory / "baselines/mappers"
    package("baselines.mappers", mappers)
    core = load("baselines.mappers.core_utils", mappers / "core_utils.py")
    filters = load("dclm_filters", mappers / "filters/content_filters.py")
    modifiers = load("dclm_modifiers", mappers / "modifiers.py")
    page = [
        ("page_length", lambda page: filters.page_length_filter(
            page, "word", 50, 100000, ignore_punctuation=True)),
        ("word_length", lambda page: filters.word_length_filter(page, 3, 10)),
        ("symbol_ratio", lambda page: filters.symbol_ratio_filter(page, 0.1)),
        ("bullet_count", lambda page: filters.bullet_count_filter(page, 0.9)),
        ("ellipsis_count", lambda page: filters.ellipsis_count_filter(page, 0.3)),
        ("alphabetic_word_ratio", lambda page: filters.alphabetic_word_ratio_filter(page, 0.2)),
        ("stop_word", lambda page: filters.stop_word_filter(page, False, 2)),
    ]
    parts = [("repeated_lines", "line", 0.3, False), ("repeated_paragraphs", "paragraph", 0.3, False),
             ("repeated_lines_char", "line", 0.2, True),
             ("repeated_paragraphs_char", "paragraph", 0.2, True)]
    parts += [(f"top_{n}_gram", n, most, True) for n, most in zip((2, 3, 4), (0.2, 0.18, 0.16))]
    parts += [(f"repeated_{n}_gram", n, most, True)
              for n, most in zip(range(5, 11), (0.15, 0.14, 0.13, 0.12, 0.11, 0.10))]
    substring = modifiers.substring_line_modifier
    edits = [
        lambda page: modifiers.uppercase_ratio_line_modifier(page, 0.5),
        lambda page: modifiers.numeric_ratio_line_modifier(page, 0.999999),
        modifiers.counter_line_modifier(),
        lambda page: modifiers.line_length_modifier(page, 2),
        substring("items in cart", max_length=10, remove_substring_only=True),
        substring("Read more...", max_length=10, location="suffix", remove_substring_only=True),
        substring("Sign-in", max_length=10, location="prefix", remove_substring_only=True),
    ]

    def first_reason(text):
        document = {"text": text}
        for name, stage in page:
            if not stage(document):
                if name == "page_length":
                    words = core.split_words(text, ignore_punctuation=True)
                    name += "_min" if len(words) < 50 else "_max"
                if name == "word_length":
                    lengths = [len(word) for word in text.split()]
                    name += "_min" if not lengths or sum(lengths) < 3 * len(lengths) else "_max"
                return name
        for name, granularity, most, by_chars in parts:
            if not filters.repetition_filter(document, granularity, most, by_chars):
                return name
        return None

    def ask(text, verdicts, values, texts):
        document = {"text": modifiers.newline_removal_modifier()({"text": text})[0]["text"]}
        reason = first_reason(document["text"])
        assert (reason is None or not reason.startswith(("re", "top"))) or not \
            filters.massive_web_repetition_filters(document)
        before = len(core.split_words(text, ignore_punctuation=True))
        values["refined.words"] = before
        document["before"] = before
        left = [document]
        for edit in edits:
            left = [result for one in left for result in edit(one)]
        after = core.split_words(left[0]["text"], ignore_punctuation=True) if left else []
        if before:
            values["refined.removed_fraction"] = (before - len(after)) / before
        if left:
            texts["refinedweb"] = left[0]["text"]
        kept = left and filters.word_removal_ratio_filter(left[0], "before")
        if reason is None and not kept:
            reason = "word_removal_ratio"
        verdicts["refinedweb"] = reason

    return ask


def main():
    parser = argparse.ArgumentParser()
    for name in ("dolma", "nemo", "juicer", "dclm"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    import texts
    trove = datatrove()
    tagger = dolma(arguments.dolma)
    curator = nemo(arguments.nemo)
    operators = juicer(arguments.juicer)
    refined = dclm(arguments.dclm)
    with open(HERE / "golden.jsonl", "w", encoding="utf-8") as file:
        for text in texts.texts():
            verdicts, values, edits = {}, {}, {}
            trove(text, verdicts, values, edits)
            tagger(text, values)
            curator(text, verdicts, values)
            operators(text, verdicts, values)
            refined(text, verdicts, values, edits)
            row = {"text": text, "verdicts": verdicts, "values": values, "edits": edits}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


main()
