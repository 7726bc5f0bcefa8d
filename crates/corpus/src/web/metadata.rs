//! What a page says of itself.

use super::attributes::Attributes;
use super::options::Extracted;
use super::tokens::{Token, Tokens};
use html_escape::decode_html_entities;

/// Bytes of a page in which its metadata is looked for.
const HEAD_BYTES: usize = 256 * 1024;

/// Longer values are cut off as nonsense.
const MAX_VALUE_BYTES: usize = 2048;

/// What was found so far.
#[derive(Debug, Default)]
struct Found {
    title: Option<String>,
    page_title: Option<String>,
    heading: Option<String>,
    time: Option<String>,
    is_in_heading: bool,
}

/// What stands between the title of a page and the name of its site.
const SEPARATORS: [char; 8] = ['-', '|', '–', '—', '_', '·', '»', '：'];

impl Found {
    /// Keeps the first heading that the page's title starts with, up to a separator.
    fn read_heading(&mut self, text: &str) {
        let Some(heading) = plain(text).filter(|_| self.heading.is_none()) else { return };
        let rest = self.page_title.as_ref().and_then(|title| title.strip_prefix(&*heading));
        let is_title =
            rest.is_some_and(|rest| rest.is_empty() || rest.trim_start().starts_with(SEPARATORS));
        if is_title || self.page_title.is_none() {
            self.heading = Some(heading);
        }
    }
}

/// Whether an element is a heading that may be the title.
fn is_heading(name: &str) -> bool {
    name.eq_ignore_ascii_case("h1") || name.eq_ignore_ascii_case("h2")
}

/// Reads the head of a page and what else tells of it.
pub(super) fn metadata_of(html: &str) -> Extracted {
    let mut end = html.len().min(HEAD_BYTES);
    while !html.is_char_boundary(end) {
        end -= 1;
    }
    let head = &html[..end];
    let mut page = Extracted::default();
    let mut found = Found::default();
    for token in Tokens::new(head) {
        match token {
            Token::Raw { name, text, .. } if name.eq_ignore_ascii_case("title") => {
                found.page_title = found.page_title.or_else(|| plain(text));
            }
            Token::Start { name, attributes } => read_tag(name, attributes, &mut page, &mut found),
            Token::Text(text) if found.is_in_heading => found.read_heading(text),
            Token::End(name) if is_heading(name) => found.is_in_heading = false,
            Token::Raw { .. } | Token::Text(_) | Token::End(_) => {}
        }
    }
    page.title = found.title.take().or_else(|| best_title(&found, page.site.as_deref()));
    page.date = page.date.or_else(|| date_in_data(head)).or(found.time);
    page
}

fn read_tag(name: &str, attributes: &str, page: &mut Extracted, found: &mut Found) {
    let value = |wanted| Attributes::value(attributes, wanted).and_then(|value| plain(&value));
    match name.to_ascii_lowercase().as_str() {
        "html" => page.language_hint = value("lang").or_else(|| value("xml:lang")),
        "meta" => {
            let key = value("property").or_else(|| value("name")).or_else(|| value("http-equiv"));
            if let (Some(key), Some(content)) = (key, value("content")) {
                read_meta(&key.to_ascii_lowercase(), content, page, found);
            }
        }
        "link" if value("rel").is_some_and(|rel| rel.eq_ignore_ascii_case("canonical")) => {
            page.url = page.url.take().or_else(|| value("href"));
        }
        "time" => {
            found.time = found.time.take().or_else(|| day_of(&value("datetime")?));
        }
        "h1" | "h2" => found.is_in_heading = true,
        _ => {}
    }
}

fn read_meta(key: &str, content: String, page: &mut Extracted, found: &mut Found) {
    let slot = match key {
        "og:title" | "twitter:title" | "dc.title" => &mut found.title,
        "og:site_name" | "application-name" => &mut page.site,
        "og:description" | "description" => &mut page.description,
        "og:url" => &mut page.url,
        "og:locale" | "content-language" | "language" => {
            page.language_hint.get_or_insert(content);
            return;
        }
        "article:published_time"
        | "date"
        | "pubdate"
        | "publishdate"
        | "dc.date"
        | "dc.date.issued"
        | "datepublished"
        | "parsely-pub-date"
        | "sailthru.date"
        | "publish_date" => {
            page.date = page.date.take().or_else(|| day_of(&content));
            return;
        }
        _ => return,
    };
    slot.get_or_insert(content);
}

/// Text without entities and with single spaces; `None` if nothing is left.
fn plain(text: &str) -> Option<String> {
    let decoded = decode_html_entities(text);
    let words: Vec<&str> = decoded.split_whitespace().collect();
    let text = words.join(" ");
    (!text.is_empty() && text.len() <= MAX_VALUE_BYTES).then_some(text)
}

/// The page's title names the site as well; a heading that it starts with is the better
/// title, and without one the name of the site is cut off if it is known.
fn best_title(found: &Found, site: Option<&str>) -> Option<String> {
    let Some(title) = &found.page_title else { return found.heading.clone() };
    if found.heading.is_some() {
        return found.heading.clone();
    }
    let cut = site.and_then(|site| title.strip_suffix(site)).map(str::trim_end);
    let cut = cut.map(|title| title.trim_end_matches(SEPARATORS).trim_end());
    Some(cut.filter(|title| !title.is_empty()).unwrap_or(title).to_owned())
}

/// The day at the start of a date and time, if it is one.
fn day_of(value: &str) -> Option<String> {
    let day = value.trim().get(..10)?.replace(['/', '.'], "-");
    let parts: Vec<&str> = day.split('-').collect();
    let [year, month, date] = parts[..] else { return None };
    let number = |part: &str, len: usize| {
        let is_number = part.len() == len && part.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { part.parse::<u32>().ok() } else { None }
    };
    let is_day = (1970..2100).contains(&number(year, 4)?)
        && (1..=12).contains(&number(month, 2)?)
        && (1..=31).contains(&number(date, 2)?);
    is_day.then_some(day)
}

/// The date of publication in embedded data (JSON-LD).
fn date_in_data(head: &str) -> Option<String> {
    let (_, after) = head.split_once("\"datePublished\"")?;
    let value = after.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    day_of(value)
}
