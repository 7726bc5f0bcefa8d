//! Why a page is dropped for its address.

use std::fmt;

/// Why a page is dropped for its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UrlReason {
    /// It stands under this domain.
    Domain(String),
    /// These characters stand in its address, whatever separates them.
    Subword(String),
    /// This word stands in its address.
    Word(String),
    /// These two words stand in its address, of which one alone would do no harm.
    SoftWords([String; 2]),
}

impl UrlReason {
    /// The name of the rule.
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Domain(_) => "domain",
            Self::Subword(_) => "subword",
            Self::Word(_) => "word",
            Self::SoftWords(_) => "soft_words",
        }
    }
}

impl fmt::Display for UrlReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain(domain) => write!(f, "no page of `{domain}`"),
            Self::Subword(word) | Self::Word(word) => write!(f, "no address with `{word}`"),
            Self::SoftWords([first, second]) => {
                write!(f, "no address with `{first}` and `{second}`")
            }
        }
    }
}
