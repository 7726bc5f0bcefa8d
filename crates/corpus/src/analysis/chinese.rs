//! Words of Chinese by dictionary, for texts with enough Han characters.

use super::layout::{Layout, Token};
use super::measure::{measure_table, ratio};
use super::python;
use super::repetition::{RepetitionCounts, RepetitionScratch};
use crate::classes::{ClassTable, HAN, LETTER, NUMBER, SPACE};
use crate::text_hash::head;
use jieba_rs::Jieba;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// Share of Han among characters that are not white space, from which a text is cut into words of
/// Chinese; below it the dictionary is never asked.
const LEAST_HAN: f64 = 0.2;
/// Frequent words without a meaning of their own.
#[rustfmt::skip]
const STOP_WORDS: [&str; 40] = [
    "的", "了", "是", "在", "和", "我", "有", "不", "就", "人", "都", "一", "也", "很",
    "到", "说", "要", "去", "你", "会", "着", "没有", "看", "好", "自己", "这", "那", "他",
    "她", "它", "我们", "与", "及", "或", "等", "为", "以", "而", "之", "对",
];
/// What ends a sentence of Chinese.
const ENDS: [char; 8] = ['。', '！', '？', '；', '…', '!', '?', '.'];
/// What may stand behind the end of a sentence.
const CLOSERS: [char; 10] = ['”', '’', '」', '』', '）', '》', '】', ')', '"', '\''];

/// The bytes of the stop words, zero behind their ends.
static STOP_BYTES: [u64; STOP_WORDS.len()] = stop_bytes();

const fn stop_bytes() -> [u64; STOP_WORDS.len()] {
    let mut numbers = [0; STOP_WORDS.len()];
    let mut index = 0;
    while index < numbers.len() {
        let word = STOP_WORDS[index].as_bytes();
        let mut at = 0;
        while at < word.len() {
            numbers[index] |= (word[at] as u64) << (8 * at);
            at += 1;
        }
        index += 1;
    }
    numbers
}

/// Which of the stop words `word` is.
#[inline]
fn stop_word(word: &str) -> Option<usize> {
    if word.len() > size_of::<u64>() {
        return None;
    }
    let [number, _] = head(word.as_bytes(), 0, word.len());
    // All are compared at once, which is sooner than to stop at the first.
    let found = STOP_BYTES.iter().enumerate();
    let place: usize = found.map(|(at, &stop)| if stop == number { at + 1 } else { 0 }).sum();
    place.checked_sub(1)
}

static JIEBA: LazyLock<Jieba> = LazyLock::new(Jieba::new);

/// Counts of a text in Chinese; all zero for others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ChineseCounts {
    chars: u64,
    words: u64,
    word_chars: u64,
    stop_words: u64,
    /// One bit for each of the stop words that occurs.
    distinct_stop_words: u64,
    other_chars: u64,
    lines: u64,
    ended_lines: u64,
    sentences: u64,
    repetition: RepetitionCounts,
}

/// Buffers for [`ChineseCounts`].
#[derive(Default)]
pub(super) struct ChineseScratch {
    repetition: RepetitionScratch,
    words: Vec<Token>,
}

impl ChineseScratch {
    pub(super) fn count(
        &mut self,
        text: &str,
        layout: &Layout,
        classes: ClassTable,
    ) -> ChineseCounts {
        let han = layout.histogram.count(HAN);
        let filled = layout.chars as u64 - layout.histogram.count(SPACE);
        if ratio(han, filled) < LEAST_HAN {
            return ChineseCounts::default();
        }
        let mut counts = ChineseCounts { chars: filled, ..ChineseCounts::default() };
        counts.other_chars =
            filled - layout.histogram.count(LETTER) - layout.histogram.count(NUMBER);
        counts.count_lines(text, layout);
        self.find_words(text, layout, classes, &mut counts);
        counts.repetition = self.repetition.count(text, layout, &self.words);
        counts
    }

    pub(super) fn shrink(&mut self, entries: usize) {
        self.repetition.shrink(entries);
        self.words = Vec::new();
    }

    /// Cuts line by line, because no word goes over a line and the cutter works on all it gets.
    fn find_words(
        &mut self,
        text: &str,
        layout: &Layout,
        classes: ClassTable,
        counts: &mut ChineseCounts,
    ) {
        self.words.clear();
        for line in &layout.lines {
            let mut start = line.start as usize;
            for word in JIEBA.cut(line.of(text), false) {
                let end = start + word.word.len();
                let first = word.word.chars().next();
                if first.is_some_and(|ch| classes.of(ch) & (LETTER | NUMBER) != 0) {
                    let token = layout.token(text, start, end);
                    counts.words += 1;
                    counts.word_chars += u64::from(token.chars);
                    if let Some(index) = stop_word(word.word) {
                        counts.stop_words += 1;
                        counts.distinct_stop_words |= 1 << index;
                    }
                    self.words.push(token);
                }
                start = end;
            }
        }
    }
}

impl ChineseCounts {
    fn count_lines(&mut self, text: &str, layout: &Layout) {
        for line in &layout.lines {
            let line = python::strip(line.of(text));
            if line.is_empty() {
                continue;
            }
            self.lines += 1;
            let is_ended = line.trim_end_matches(CLOSERS).ends_with(ENDS);
            self.ended_lines += u64::from(is_ended);
            // A run of ends is one end; what follows the last is a sentence too.
            let mut in_end = true;
            for ch in line.chars() {
                let is_end = ENDS.contains(&ch);
                self.sentences += u64::from(is_end && !in_end);
                in_end = is_end;
            }
            self.sentences += u64::from(!is_ended);
        }
    }
}

measure_table! { Chinese, chinese, |it, profile|
    "chinese.words", "Words by dictionary that start with a letter, a Han character or a number."
        => it.words as f64;
    "chinese.mean_chars", "Characters of words, by words." => ratio(it.word_chars, it.words);
    "chinese.stop_words", "How many of 40 frequent function words occur."
        => f64::from(it.distinct_stop_words.count_ones());
    "chinese.stop_word_fraction", "Occurrences of those, by words."
        => ratio(it.stop_words, it.words);
    "chinese.other_fraction",
        "Characters that are neither letters nor numbers, by characters but white space."
        => ratio(it.other_chars, it.chars);
    "chinese.sentences", "Sentences, cut at `。！？；…` and their ASCII forms."
        => it.sentences as f64;
    "chinese.ended_line_fraction", "Filled lines that end as a sentence does, by filled lines."
        => ratio(it.ended_lines, it.lines);
    "chinese.top_2_gram", "As `repetition.top_2_gram`, over words by dictionary."
        => it.repetition.top(2);
    "chinese.top_3_gram", "As `repetition.top_3_gram`, over words by dictionary."
        => it.repetition.top(3);
    "chinese.top_4_gram", "As `repetition.top_4_gram`, over words by dictionary."
        => it.repetition.top(4);
    "chinese.duplicate_5_gram", "As `repetition.duplicate_5_gram`, over words by dictionary."
        => it.repetition.duplicate(5);
    "chinese.duplicate_10_gram", "As `repetition.duplicate_10_gram`, over words by dictionary."
        => it.repetition.duplicate(10);
}
