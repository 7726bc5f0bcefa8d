//! Presentations: the slides in their order, each with its notes.

use super::package::Package;
use super::xml::{Token, Tokens};
use crate::source::reason::BadReason;

/// Most slides of one file.
const MAX_SLIDES: usize = 10_000;

/// The text of a pptx file, its slides parted by blank lines.
pub(super) fn text_of(package: &mut Package) -> Result<String, BadReason> {
    let main = package.main_part("ppt/presentation.xml")?;
    let presentation = package.need(&main)?;
    let relations = package.relations(&main)?;
    let mut parts = Vec::new();
    let slides = Tokens::new(&presentation).called("sldId");
    for id in slides.filter_map(|one| one.exact("r:id")).take(MAX_SLIDES) {
        let Some(slide) = relations.iter().find(|one| one.id == id) else { continue };
        parts.push(paragraphs(&package.text(&slide.target)?.unwrap_or_default(), false));
        for relation in package.relations(&slide.target)? {
            if relation.kind.ends_with("/notesSlide") {
                let notes = package.text(&relation.target)?.unwrap_or_default();
                parts.push(paragraphs(&notes, true));
            }
        }
    }
    parts.retain(|part| !part.is_empty());
    Ok(parts.join("\n\n"))
}

/// The paragraphs of a slide; of its notes only what was written, not the number of the slide.
fn paragraphs(xml: &str, notes: bool) -> String {
    let (mut text, mut shape) = (String::new(), String::new());
    let (mut in_text, mut wanted) = (false, true);
    for token in Tokens::new(xml) {
        match token {
            Token::Start(one) if one.name() == "sp" => {
                wanted = !notes;
                text.push_str(&std::mem::take(&mut shape));
            }
            Token::Start(one) | Token::Empty(one) if one.name() == "ph" => {
                let kind = one.attribute("type").unwrap_or_default();
                wanted =
                    if notes { kind == "body" } else { !matches!(&*kind, "sldNum" | "ftr" | "dt") };
            }
            Token::Start(one) if one.name() == "t" => in_text = true,
            Token::Empty(one) if one.name() == "br" => shape.push('\n'),
            Token::End("t") => in_text = false,
            Token::End("p") => shape.push('\n'),
            Token::End("tc") => {
                shape.truncate(shape.trim_end().len());
                shape.push('\t');
            }
            Token::End("tr") => {
                shape.truncate(shape.trim_end().len());
                shape.push('\n');
            }
            Token::End("sp") => {
                let shape = std::mem::take(&mut shape);
                if wanted && !shape.trim().is_empty() {
                    text.push_str(&shape);
                }
                wanted = !notes;
            }
            Token::Text(words) if in_text => shape.push_str(&words),
            Token::Start(_) | Token::Empty(_) | Token::End(_) | Token::Text(_) => {}
        }
    }
    if wanted {
        text.push_str(&shape);
    }
    text.trim().to_owned()
}
