//! Text documents: paragraphs, tables, and notes at the end. Page headers and footers are left
//! out, for they repeat on every page.

use super::package::Package;
use super::xml::{Token, Tokens};
use crate::source::reason::BadReason;

/// The text of a docx file.
pub(super) fn text_of(package: &mut Package) -> Result<String, BadReason> {
    let main = package.main_part("word/document.xml")?;
    let mut text = paragraphs(&package.need(&main)?);
    for relation in package.relations(&main)? {
        if relation.kind.ends_with("/footnotes") || relation.kind.ends_with("/endnotes") {
            let notes = package.text(&relation.target)?.unwrap_or_default();
            let notes = paragraphs(&notes);
            if !notes.is_empty() {
                text.push_str("\n\n");
                text.push_str(&notes);
            }
        }
    }
    Ok(text)
}

/// The paragraphs of one part: one a line, the cells of a table's row parted by tabs.
fn paragraphs(xml: &str) -> String {
    let mut text = String::new();
    let (mut in_text, mut in_style, mut skipped, mut cells) = (false, false, 0usize, 0usize);
    for token in Tokens::new(xml) {
        match token {
            // The same drawing again, for older readers.
            Token::Start(one) if one.name() == "Fallback" => skipped += 1,
            Token::End("Fallback") => skipped = skipped.saturating_sub(1),
            _ if skipped > 0 => {}
            Token::Start(one) => match one.name() {
                "t" => in_text = true,
                "tc" => cells += 1,
                // Among the settings of a paragraph a tab is a place on the ruler.
                "pPr" => in_style = true,
                _ => {}
            },
            Token::End("pPr") => in_style = false,
            Token::Empty(_) if in_style => {}
            Token::Empty(one) => match one.name() {
                "tab" => text.push('\t'),
                "br" | "cr" => text.push('\n'),
                "noBreakHyphen" => text.push('-'),
                "p" if cells == 0 => text.push('\n'),
                _ => {}
            },
            Token::End("t") => in_text = false,
            Token::End("p") => text.push(if cells > 0 { ' ' } else { '\n' }),
            Token::End("tc") => {
                cells = cells.saturating_sub(1);
                text.truncate(text.trim_end_matches(' ').len());
                text.push('\t');
            }
            Token::End("tr") => {
                text.truncate(text.trim_end_matches('\t').len());
                text.push(if cells > 0 { ' ' } else { '\n' });
            }
            Token::Text(words) if in_text => text.push_str(&words),
            Token::End(_) | Token::Text(_) => {}
        }
    }
    text.truncate(text.trim_end().len());
    text
}
