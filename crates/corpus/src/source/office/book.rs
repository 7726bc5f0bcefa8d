//! Electronic books: the chapters in reading order.

use super::package::{Package, damaged, resolve};
use super::read::Part;
use super::xml::{Token, Tokens};
use crate::source::reason::BadReason;
use crate::source::web_text;
use serde_json::{Map, Value};

/// Most chapters of one book.
const MAX_CHAPTERS: usize = 100_000;

/// The text of an EPUB file, with title, author, language and date where it states them.
pub(super) fn text_of(package: &mut Package) -> Result<Part, BadReason> {
    let container = package.need("META-INF/container.xml")?;
    let mut roots = Tokens::new(&container).called("rootfile");
    let path = roots.find_map(|one| one.attribute("full-path"));
    let path = path.ok_or_else(|| damaged("EPUB", "it names no list of its parts"))?;
    if package.text("META-INF/encryption.xml")?.is_some_and(|xml| xml.contains("xhtml")) {
        return Err(BadReason::Encrypted);
    }
    let list = package.need(&path)?;
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let (chapters, about) = chapters(&list);
    let mut texts = Vec::new();
    for chapter in chapters.into_iter().take(MAX_CHAPTERS) {
        let path = resolve(folder, &unescape(&chapter));
        if let Some(page) = package.text(&path)? {
            texts.push(web_text::text_of(&page));
        }
    }
    texts.retain(|text| !text.trim().is_empty());
    Ok((texts.join("\n\n"), about))
}

/// The paths of the chapters, and what the list says of the book.
fn chapters(list: &str) -> (Vec<String>, Map<String, Value>) {
    let (mut items, mut order, mut about) = (Vec::new(), Vec::new(), Map::new());
    let mut open = None;
    for token in Tokens::new(list) {
        match token {
            Token::Start(one) | Token::Empty(one) => match one.name() {
                "item" => {
                    // The table of contents repeats the titles of the chapters.
                    let kind = one.attribute("properties").unwrap_or_default();
                    if !kind.split(' ').any(|word| word == "nav") {
                        items.extend(one.attribute("id").zip(one.attribute("href")));
                    }
                }
                "itemref" => order.extend(one.attribute("idref")),
                "title" => open = Some("title"),
                "creator" => open = Some("author"),
                "language" => open = Some("language"),
                "date" => open = Some("date"),
                _ => {}
            },
            Token::End(_) => open = None,
            Token::Text(words) => {
                if let Some(name) = open
                    && !about.contains_key(name)
                    && !words.trim().is_empty()
                {
                    about.insert(name.to_owned(), Value::String(words.trim().to_owned()));
                }
            }
        }
    }
    let items: std::collections::BTreeMap<String, String> = items.into_iter().collect();
    (order.iter().filter_map(|id| items.get(id).cloned()).collect(), about)
}

/// A path of a URL without its escapes and its mark.
fn unescape(path: &str) -> String {
    let path = path.split('#').next().unwrap_or(path);
    let bytes = path.as_bytes();
    let (mut plain, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        let code = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let code = code.filter(|_| bytes[at] == b'%');
        plain.push(code.unwrap_or(bytes[at]));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&plain).into_owned()
}
