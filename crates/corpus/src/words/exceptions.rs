//! Chunks with a split of their own: contractions, abbreviations, emoticons.

use crate::text_filter::TextFilter;
use ahash::{HashMap, RandomState};

/// Pronouns with the endings they take, then the words that take endings as pronouns do.
const PRONOUNS: &[(&str, &[&str])] = &[
    ("i", &["'m", "'m|a", "'ll", "'ll|'ve", "'d", "'d|'ve", "'ve"]),
    ("you", &["'ll", "'ll|'ve", "'d", "'d|'ve", "'ve", "'re"]),
    ("he", &["'ll", "'ll|'ve", "'d", "'d|'ve", "'s"]),
    ("she", &["'ll", "'ll|'ve", "'d", "'d|'ve", "'s"]),
    ("it", &["'ll", "'ll|'ve", "'d", "'d|'ve", "'s"]),
    ("we", &["'ll", "'ll|'ve", "'d", "'d|'ve", "'ve", "'re"]),
    ("they", &["'ll", "'ll|'ve", "'d", "'d|'ve", "'ve", "'re"]),
];
const ASKING: &str = "who what when where why how there";
const SINGULAR: &str = "that this";
const PLURAL: &str = "these those";
/// Verbs before `n't`, and those of them that `'ve` may follow.
const NEGATED: &str = "ca could do does did had may might must need ought sha should wo would";
const NEGATED_ONLY: &str = "ai are is was were have has dare";
const CONDITIONAL: &str = "could might must should would";
/// Words written without their last letter, with or without an apostrophe in its place.
const CLIPPED: &str = "doin goin nothin nuthin ol somethin lovin havin";
/// Words written without their beginning, with or without an apostrophe in its place.
const HEADLESS: &str = "em ll nuff";
/// What a contraction without its apostrophe would spell, but is a word.
const WORDS: &str = "ill its hell shell shed were well whore";
/// Contractions in which no rule is seen; the second list takes a capital too.
const ODD: &str = "y'|all y|all";
const ODD_CASED: &str =
    "how|'d|'y not|'ve not|ve can|not gon|na got|ta let|'s c'm|on ma'am o'clock";
/// Words kept whole that begin with an apostrophe, or hold a slash.
const WHOLE: &str = "'S 's \u{2018}S \u{2018}s 're 'd 'Cause 'cause 'cos 'Cos 'coz 'Coz 'cuz \
                     'Cuz 'bout and/or w/o ' '' C++ <space> \\\") \\t \\n —";
/// States, cities and months, then titles and other abbreviations.
const PLACES: &str = "Mt. Ak. Ala. Ariz. Ark. Calif. Colo. Conn. Del. Fla. Ga. Ia. Id. Ill. Ind. \
                      Kan. Kans. Ky. La. Mass. Mich. Minn. Miss. N.C. N.D. N.H. N.J. N.M. N.Y. \
                      Neb. Nebr. Nev. Okla. Ore. Pa. S.C. Tenn. Va. Wash. Wis. D.C. Md. Mo. Mont.";
const MONTHS: &str = "Jan. Feb. Mar. Apr. Jun. Jul. Aug. Sep. Sept. Oct. Nov. Dec.";
const TITLES: &str = "Adm. Bros. co. Co. Corp. Dr. Gen. Gov. Inc. Jr. Ltd. Messrs. Mr. Mrs. Ms. \
                      Ph.D. Prof. Rep. Rev. Sen. St. vs. v.s. a.m. p.m. e.g. E.g. E.G. i.e. I.e. \
                      I.E.";
const HOURS: &[&str] = &["a.m.", "am", "p.m.", "pm"];
/// Faces looking at the reader, then those of other shapes.
const EMOTICONS: &str = "\
    :) :-) :)) :-)) :))) :-))) (: (-: =) (= :] :-] [: [-: [= =] :o) (o: :} :-} 8) 8-) (-8 ;) ;-) \
    (; (-; :( :-( :(( :-(( :((( :-((( ): )-: =( >:( :') :'-) :'( :'-( :/ :-/ =/ =| :| :-| ]= =[ \
    :1 :P :-P :p :-p :O :-O :o :-o :0 :-0 :() >:o :* :-* :3 :-3 =3 :> :-> :X :-X :x :-x :D :-D \
    ;D ;-D =D xD XD xDD XDD 8D 8-D";
const FACES: &str = "\
    ^_^ ^__^ ^___^ >.< >.> <.< ._. ;_; -_- -__- v.v V.V v_v V_V o_o o_O O_o O_O 0_o o_0 0_0 o.O \
    O.o O.O o.o 0.0 o.0 0.o @_@ <3 <33 <333 </3 (^_^) (-_-) (._.) (>_<) (*_*) (¬_¬) ಠ_ಠ ಠ︵ಠ \
    (ಠ_ಠ) ¯\\(ツ)/¯ (╯°□°）╯︵┻━┻ ><(((*>";

/// The exceptions, with the byte lengths of the words each is split into.
pub(super) struct Exceptions {
    parts: HashMap<Box<str>, Box<[u8]>>,
    filter: TextFilter,
}

impl Exceptions {
    /// All exceptions of English.
    pub(super) fn new() -> Self {
        let hasher = RandomState::with_seeds(1, 2, 3, 4);
        let filter = TextFilter::new(std::iter::empty());
        let mut all = Self { parts: HashMap::with_hasher(hasher), filter };
        all.add_pronouns();
        all.add_verbs();
        all.remove_words();
        all.add_rest();
        all.filter = TextFilter::new(all.texts());
        all
    }

    /// The lengths of the words the text is split into, if it is an exception.
    pub(super) fn get(&self, text: &str) -> Option<&[u8]> {
        let parts = self.filter.may_hold(text).then(|| self.parts.get(text))?;
        parts.map(AsRef::as_ref)
    }

    /// All exceptions, in no order.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.parts.keys().map(AsRef::as_ref)
    }

    /// Adds one whose words are set apart by spaces, with both forms of the apostrophe.
    fn add(&mut self, spaced: &str) {
        self.insert(spaced);
        if spaced.contains('\'') {
            self.insert(&spaced.replace('\'', "’"));
        }
    }

    fn insert(&mut self, spaced: &str) {
        let text = spaced.replace(' ', "");
        let lengths = spaced.split(' ').filter_map(|part| u8::try_from(part.len()).ok()).collect();
        self.parts.insert(text.into_boxed_str(), lengths);
    }

    /// Adds a stem with an ending, with its apostrophes and without, in lower case and with a
    /// capital.
    fn add_ending(&mut self, stem: &str, ending: &str) {
        for stem in [stem.to_owned(), capitalized(stem)] {
            let spaced = format!("{stem} {}", ending.replace('|', " "));
            self.insert(&spaced.replace('\'', ""));
            self.add(&spaced);
        }
    }

    fn add_pronouns(&mut self) {
        for (pronoun, endings) in PRONOUNS {
            for ending in *endings {
                self.add_ending(pronoun, ending);
            }
        }
        let shared = ["'ll", "'ll|'ve", "'d", "'d|'ve"];
        let kinds: [(&str, &[&str]); 3] =
            [(ASKING, &["'s", "'re", "'ve"]), (SINGULAR, &["'s"]), (PLURAL, &["'re", "'ve"])];
        for (words, endings) in kinds {
            for word in words.split(' ') {
                for ending in shared.iter().chain(endings) {
                    self.add_ending(word, ending);
                }
            }
        }
    }

    fn add_verbs(&mut self) {
        for verb in NEGATED.split(' ') {
            self.add_ending(verb, "n't");
            self.add_ending(verb, "n't|'ve");
        }
        for verb in NEGATED_ONLY.split(' ') {
            self.add_ending(verb, "n't");
        }
        for verb in CONDITIONAL.split(' ') {
            self.add_ending(verb, "'ve");
        }
    }

    fn remove_words(&mut self) {
        for word in WORDS.split(' ') {
            self.parts.remove(word);
            self.parts.remove(capitalized(word).as_str());
        }
    }

    fn add_rest(&mut self) {
        for word in CLIPPED.split(' ') {
            for word in [word.to_owned(), capitalized(word)] {
                self.add(&word);
                self.add(&format!("{word}'"));
            }
        }
        for word in HEADLESS.split(' ') {
            self.add(word);
            self.add(&format!("'{word}"));
        }
        for hour in 1..=12 {
            for period in HOURS {
                self.add(&format!("{hour} {period}"));
            }
        }
        for word in ODD.split(' ').chain(ODD_CASED.split(' ')) {
            self.add(&word.replace('|', " "));
        }
        for word in ODD_CASED.split(' ') {
            self.add(&capitalized(word).replace('|', " "));
        }
        for list in [WHOLE, PLACES, MONTHS, TITLES, EMOTICONS, FACES] {
            for text in list.split_ascii_whitespace() {
                self.add(text);
            }
        }
        for letter in ('a'..='z').chain(['ä', 'ö', 'ü']) {
            self.add(&format!("{letter}."));
        }
        for degrees in "cfkCFK".chars() {
            self.add(&format!("° {degrees} ."));
        }
    }
}

fn capitalized(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_ascii_uppercase() + rest
}
