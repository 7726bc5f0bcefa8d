//! Common words of languages in Latin script.

use crate::text_filter::TextFilter;
use ahash::RandomState;
use std::collections::HashMap;
use std::sync::LazyLock;

/// The commonest words of languages, a word that several have among them.
const COMMON: [(&str, &str); 24] = [
    (
        "en",
        "the of and that with this which you from it not will can to is for as are be by or have \
         has was if when your an on use used its",
    ),
    (
        "de",
        "der die das und ist nicht mit von den ein eine zu auf für werden wird sie im dem des als \
         auch sich bei oder aus wenn kann nach zum einer durch ihre dass",
    ),
    (
        "fr",
        "le la les des et est une un dans pour que qui pas vous ce sur avec par sont plus être du \
         au aux cette peut ou ne mais votre ces leur nous de en",
    ),
    (
        "es",
        "el los las una un que en por para con del se es como más puede este esta no su al lo son \
         o y sin también cuando muy hay desde de la",
    ),
    (
        "it",
        "il che di della per una sono con non del le gli è in nel da alla si un dei più essere \
         questo anche come o la delle questa nella quando sia",
    ),
    (
        "nl",
        "de het een van en is dat niet te op voor met zijn wordt deze die als kan worden door \
         naar om bij ook u dit uit aan maar in of",
    ),
    (
        "pt",
        "o a que de não para uma um com os as do da em por se é mais como dos ser no na são você \
         foi este ou pelo pela também ao seu e",
    ),
    (
        "sv",
        "och att är som inte på för med av det en ett den till kan om eller från har du men vid \
         så där detta denna när finns de i",
    ),
    (
        "tr",
        "ve bir bu için ile olarak da de olan daha sonra kadar gibi veya değil her ne çok var ise \
         içinde olduğu eğer",
    ),
    (
        "vi",
        "và của là các có được cho không trong một này để với người những khi đã tôi hoặc từ bạn \
         thể như",
    ),
    (
        "ca",
        "el la els les que de i en per amb un una és no del al més com es o ser dels si aquest \
         aquesta pot són seu vostre",
    ),
    (
        "gl",
        "o a os as que de e en para non unha un con do da dos das é máis como se pode no na ao \
         pola polo ou ser",
    ),
    (
        "ro",
        "și şi de în la cu nu pentru este că o un din pe mai sau care se al ale prin ca sunt \
         acest această dacă poate fi",
    ),
    (
        "da",
        "og at er det en af til på for med ikke som den de et kan har om du eller fra vil der \
         hvis også efter skal i",
    ),
    (
        "nb",
        "og å er det en av til på for med ikke som den de et kan har om du eller fra vil der \
         hvis også etter skal i",
    ),
    (
        "pl",
        "w i na z nie się do jest to że o jak po dla przez lub od są jeśli może tylko aby przy \
         oraz który jego tym",
    ),
    (
        "cs",
        "a v na se je že to do s z pro nebo jako si který jsou pokud není při také může bude by \
         tento ve po o k",
    ),
    ("sk", "a v na sa je že to do s z pre alebo ako si ktorý sú ak nie pri môže bude by o k"),
    ("hr", "i u je na se za od da su ili koji kao s ne će biti može ako nije što to ovaj a iz po"),
    ("sl", "in v je na se za da so ali ki kot z ne bo lahko če ni ta s po pri od"),
    ("hu", "a az és nem egy hogy is van ha de vagy meg csak ez mint lehet fel el"),
    ("fi", "ja on ei se että ovat tai voi kun jos ole joka sen mutta"),
    ("id", "dan yang di untuk dengan ini dari pada adalah tidak itu ke anda dapat atau akan"),
    ("lv", "un ir no ar par kas uz vai lai to ja tiek kā nav var"),
];

/// From this share of words that are one language's own on, no classifier is asked.
const SHARE: f32 = 0.04;
/// English stands between names and identifiers more often than others do.
const ENGLISH_SHARE: f32 = 0.03;
/// Such words at least.
const LEAST: u32 = 3;
/// So many for each word that is another language's own.
const TIMES_OTHERS: u32 = 2;

/// The common words of all languages.
struct CommonWords {
    /// The language of each by its place above, unless there are several.
    languages: HashMap<&'static str, Option<usize>, RandomState>,
    filter: TextFilter,
}

static WORDS: LazyLock<CommonWords> = LazyLock::new(|| {
    let mut languages = HashMap::with_hasher(RandomState::with_seeds(1, 2, 3, 4));
    for (index, (_, words)) in COMMON.iter().enumerate() {
        for word in words.split(' ') {
            let known = languages.entry(word).or_insert(Some(index));
            if *known != Some(index) {
                *known = None;
            }
        }
    }
    let filter = TextFilter::new(languages.keys().copied());
    CommonWords { languages, filter }
});

/// What the common words of a text say.
pub(super) struct Votes {
    /// The language with most words of its own.
    pub(super) code: &'static str,
    /// Those words.
    own: u32,
    /// Words of other languages' own.
    others: u32,
    /// All words.
    words: u32,
}

impl Votes {
    /// Counts `words`, which single spaces part.
    pub(super) fn of(words: &str) -> Self {
        let common = &*WORDS;
        let mut lower = String::new();
        let mut all = 0_u32;
        let mut own = [0_u32; COMMON.len()];
        for word in words.split(' ').filter(|word| !word.is_empty()) {
            all += 1;
            lower.clear();
            if word.is_ascii() {
                lower.push_str(word);
                lower.make_ascii_lowercase();
            } else {
                lower.extend(word.chars().flat_map(char::to_lowercase));
            }
            if !common.filter.may_hold(&lower) {
                continue;
            }
            if let Some(Some(index)) = common.languages.get(lower.as_str()) {
                own[*index] += 1;
            }
        }
        let best = (0..own.len()).max_by_key(|&index| own[index]).unwrap_or(0);
        let others = own.iter().sum::<u32>() - own[best];
        Self { code: COMMON[best].0, own: own[best], others, words: all }
    }

    /// Whether no classifier need be asked.
    pub(super) fn are_clear(&self) -> bool {
        let least = if self.code == "en" { ENGLISH_SHARE } else { SHARE };
        self.own >= LEAST
            && self.own >= TIMES_OTHERS * self.others
            && self.own as f32 >= least * self.words as f32
    }

    /// Whether a classifier that says `code` needs no second opinion.
    pub(super) fn support(&self, code: &str) -> bool {
        self.code == code && self.own > 0 && self.others == 0
    }
}
