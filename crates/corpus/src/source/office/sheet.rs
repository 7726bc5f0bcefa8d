//! Workbooks: each sheet as lines of cells parted by tabs.

use super::package::Package;
use super::read::Part;
use super::xml::{Element, Token, Tokens};
use crate::source::reason::BadReason;
use catena_protocol::Date;
use serde_json::Map;

/// Most sheets of one file.
const MAX_SHEETS: usize = 10_000;
/// Columns that a sheet can have.
const MAX_COLUMNS: usize = 16_384;

/// The text of each sheet, with its name.
pub(super) fn texts_of(package: &mut Package) -> Result<Vec<Part>, BadReason> {
    let main = package.main_part("xl/workbook.xml")?;
    let workbook = package.need(&main)?;
    let relations = package.relations(&main)?;
    let mut other = |kind: &str| {
        let found = relations.iter().find(|one| one.kind.ends_with(kind));
        found.map_or(Ok(None), |one| package.text(&one.target))
    };
    let strings = shared_strings(&other("/sharedStrings")?.unwrap_or_default());
    let dates = date_styles(&other("/styles")?.unwrap_or_default());
    let sheet =
        |one: Element<'_>| Some((one.attribute("name").unwrap_or_default(), one.exact("r:id")?));
    let mut texts = Vec::new();
    for (name, id) in Tokens::new(&workbook).called("sheet").filter_map(sheet).take(MAX_SHEETS) {
        let Some(part) = relations.iter().find(|one| one.id == id) else { continue };
        let xml = package.text(&part.target)?.unwrap_or_default();
        let about = Map::from_iter([("sheet".to_owned(), name.into())]);
        texts.push((lines(&xml, &strings, &dates), about));
    }
    Ok(texts)
}

fn shared_strings(xml: &str) -> Vec<String> {
    let mut strings = Vec::new();
    let (mut text, mut in_text, mut spoken) = (String::new(), false, false);
    for token in Tokens::new(xml) {
        match token {
            Token::Start(one) if one.name() == "t" => in_text = !spoken,
            Token::Start(one) if one.name() == "rPh" => spoken = true,
            Token::End("rPh") => spoken = false,
            Token::End("t") => in_text = false,
            Token::End("si") => strings.push(std::mem::take(&mut text)),
            Token::Empty(one) if one.name() == "si" => strings.push(String::new()),
            Token::Text(words) if in_text => text.push_str(&words),
            Token::Start(_) | Token::Empty(_) | Token::End(_) | Token::Text(_) => {}
        }
    }
    strings
}

/// Which styles of cells show their number as a date.
fn date_styles(xml: &str) -> Vec<bool> {
    let (mut formats, mut styles, mut in_cells) = (Vec::new(), Vec::new(), false);
    for token in Tokens::new(xml) {
        match token {
            Token::Start(one) if one.name() == "cellXfs" => in_cells = true,
            Token::End("cellXfs") => in_cells = false,
            Token::Start(one) | Token::Empty(one) if one.name() == "numFmt" => {
                let code = one.attribute("formatCode").unwrap_or_default();
                formats.push((one.attribute("numFmtId").unwrap_or_default(), is_date(&code)));
            }
            Token::Start(one) | Token::Empty(one) if in_cells && one.name() == "xf" => {
                let id = one.attribute("numFmtId").unwrap_or_default();
                let own = formats.iter().find(|(known, _)| *known == id).map(|one| one.1);
                let built_in = matches!(id.parse(), Ok(14..=22 | 27..=36 | 45..=47 | 50..=58));
                styles.push(own.unwrap_or(built_in));
            }
            Token::Start(_) | Token::Empty(_) | Token::End(_) | Token::Text(_) => {}
        }
    }
    styles
}

/// Whether a number format shows a date: it names days, months, years or hours outside quotes
/// and brackets.
fn is_date(code: &str) -> bool {
    let (mut quoted, mut bracketed) = (false, false);
    code.chars().any(|ch| {
        match ch {
            '"' => quoted = !quoted,
            '[' => bracketed = true,
            ']' => bracketed = false,
            _ => {}
        }
        !quoted && !bracketed && matches!(ch, 'd' | 'D' | 'm' | 'M' | 'y' | 'Y' | 'h' | 'H')
    })
}

/// The cell that is being read.
#[derive(Default)]
struct Cell {
    kind: String,
    is_date: bool,
    text: String,
}

fn lines(xml: &str, strings: &[String], dates: &[bool]) -> String {
    let mut text = String::new();
    let (mut cell, mut column, mut filled, mut in_value) = (Cell::default(), 0, 0, false);
    for token in Tokens::new(xml) {
        match token {
            Token::Start(one) if one.name() == "row" => (column, filled) = (0, 0),
            Token::Start(one) | Token::Empty(one) if one.name() == "c" => {
                let place = one.attribute("r").and_then(|place| column_of(&place));
                column = place.unwrap_or(column).min(MAX_COLUMNS);
                let style = one.attribute("s").and_then(|style| style.parse::<usize>().ok());
                let is_date = style.and_then(|style| dates.get(style)).copied().unwrap_or(false);
                let kind = one.attribute("t").unwrap_or_default();
                cell = Cell { kind, is_date, text: String::new() };
                column += usize::from(one.is_empty());
            }
            Token::Start(one) if matches!(one.name(), "v" | "t") => in_value = true,
            Token::End("v" | "t") => in_value = false,
            Token::Text(words) if in_value => cell.text.push_str(&words),
            Token::End("c") => {
                let value = shown(&std::mem::take(&mut cell), strings);
                if !value.is_empty() {
                    text.extend(std::iter::repeat_n('\t', column.saturating_sub(filled)));
                    filled = column.max(filled);
                    text.push_str(value.trim());
                }
                column += 1;
            }
            Token::End("row") => text.push('\n'),
            Token::Start(_) | Token::Empty(_) | Token::End(_) | Token::Text(_) => {}
        }
    }
    text.truncate(text.trim_end().len());
    text
}

/// The column of a place such as `AB12`, from 0.
fn column_of(place: &str) -> Option<usize> {
    let letters = place.bytes().take_while(u8::is_ascii_uppercase).take(3);
    let number = letters.fold(0, |sum, byte| sum * 26 + usize::from(byte - b'A') + 1);
    number.checked_sub(1)
}

fn shown(cell: &Cell, strings: &[String]) -> String {
    match cell.kind.as_str() {
        "s" => {
            let at = cell.text.trim().parse::<usize>().ok();
            at.and_then(|at| strings.get(at)).cloned().unwrap_or_default()
        }
        "b" => if cell.text.trim() == "1" { "TRUE" } else { "FALSE" }.to_owned(),
        "" | "n" if cell.is_date => moment(&cell.text).unwrap_or_else(|| cell.text.clone()),
        _ => cell.text.clone(),
    }
    .replace(['\n', '\t'], " ")
}

/// A date counted in days from the last day of 1899, with the time as its fraction. The count has
/// a 29 February 1900 that never was, so that earlier days are one off.
fn moment(serial: &str) -> Option<String> {
    let serial =
        serial.trim().parse::<f64>().ok().filter(|days| (0.0..3_000_000.0).contains(days))?;
    let seconds = (serial * 86_400.0).round();
    #[expect(clippy::cast_possible_truncation, reason = "at most 3,000,000 days of seconds")]
    let seconds = seconds as i64;
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let clock = format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
    Some(match (days, second) {
        (0, _) => clock,
        (days, 0) => Date::after_1970(days - 25_569).to_string(),
        (days, _) => format!("{} {clock}", Date::after_1970(days - 25_569)),
    })
}
