//! What class names, ids and roles say of an element.

use super::attributes::Attributes;
use regex::Regex;
use std::sync::LazyLock;

/// What the attributes of an element say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hint {
    /// Nothing.
    None,
    /// This is the main content.
    Main,
    /// This is not content.
    Aside,
}

/// Words of class names and ids that say so even as parts of longer words.
const ASIDE_PARTS: &str = "breadcrumb|sidebar|cookie|consent|gdpr|advert|sponsor|newsletter|\
     subscri|share-?b|sharing|sharetool|social|disqus|comment-?list|respond|pagination|outbrain|\
     taboola|navbar|navheader|navfooter|footer|copyright|skip-?link|related-?(?:post|art|link|\
     item|content|news|stor)|recommend|popup|modal|signup|sign-up|login|paywall|toolbar|\
     masthead|sphinxsidebar|headerlink|editsection|noprint|screen-reader|visually-hidden";

/// Words that say so by themselves.
const ASIDE_WORDS: &str = "nav|navi|navigation|menu|menus|submenu|topmenu|ad|ads|adv|ad-slot|\
     banner|promo|promotion|share|shares|sns|related|comment|comments|reply|replies|widget|\
     widgets|pager|tags|taglist|tag-cloud|rss|print|toc|meta|byline|hidden|legal|disclaimer|\
     copy|foot|bottom-bar|top-bar|topbar|rail|crumbs|hotlist|rank|ranking";

/// Words that name the main content.
const MAIN_WORDS: &str = "article|articlebody|article-body|article-content|article-text|\
     entry-content|post-content|post-body|post-text|story-body|story-content|main-content|\
     maincontent|page-content|rich_media_content|markdown-body|mw-parser-output|content-body|\
     body-content|blog-content|news-content|topic-content";

static ASIDE: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = format!(r"(?-u)(?:{ASIDE_PARTS}|(?:^|[\s_-])(?:{ASIDE_WORDS})(?:$|[\s_-]))");
    Regex::new(&format!("(?i:{pattern})")).expect("the words above make a pattern")
});

static MAIN: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = format!(r"(?i)(?-u)(?:^|\s)(?:{MAIN_WORDS})(?:$|\s)");
    Regex::new(&pattern).expect("the words above make a pattern")
});

/// Reads the attributes of an element.
pub(super) fn hint_of(attributes: &str) -> Hint {
    let mut hint = Hint::None;
    for (name, value) in Attributes::new(attributes).take(32) {
        let found = match name.len() {
            5 if name.eq_ignore_ascii_case("class") => by_name(value),
            2 if name.eq_ignore_ascii_case("id") => by_name(value),
            4 if name.eq_ignore_ascii_case("role") => by_role(value),
            8 if name.eq_ignore_ascii_case("itemprop") && value == "articleBody" => Hint::Main,
            5 if name.eq_ignore_ascii_case("style") && is_hidden(value) => Hint::Aside,
            6 if name.eq_ignore_ascii_case("hidden") => Hint::Aside,
            11 if name.eq_ignore_ascii_case("aria-hidden") && value == "true" => Hint::Aside,
            _ => Hint::None,
        };
        match found {
            Hint::Main => return Hint::Main,
            Hint::Aside => hint = Hint::Aside,
            Hint::None => {}
        }
    }
    hint
}

fn by_name(value: &str) -> Hint {
    if MAIN.is_match(value) {
        Hint::Main
    } else if ASIDE.is_match(value) {
        Hint::Aside
    } else {
        Hint::None
    }
}

fn by_role(value: &str) -> Hint {
    match value.trim() {
        "main" | "article" => Hint::Main,
        "navigation" | "banner" | "contentinfo" | "search" | "complementary" | "dialog"
        | "alertdialog" | "menu" | "menubar" | "toolbar" | "tooltip" | "alert" => Hint::Aside,
        _ => Hint::None,
    }
}

fn is_hidden(style: &str) -> bool {
    let plain: String =
        style.chars().filter(|ch| !ch.is_whitespace()).map(|ch| ch.to_ascii_lowercase()).collect();
    plain.contains("display:none") || plain.contains("visibility:hidden")
}
