//! From rules to Lark.

use super::parse::{Item, Rule, Sequence, Symbol};
use serde_json::json;
use std::collections::HashMap;
use std::fmt::Write;

/// The rule that the whole text follows.
const ROOT: &str = "root";

/// The Lark grammar of `rules`.
///
/// # Errors
/// If a rule is missing or stands twice.
pub(super) fn write(rules: &[Rule]) -> Result<String, String> {
    let mut places = HashMap::with_capacity(rules.len());
    for (idx, rule) in rules.iter().enumerate() {
        if places.insert(rule.name.as_str(), idx).is_some() {
            return Err(format!("rule `{}` stands twice", rule.name));
        }
    }
    let uses: Vec<Vec<usize>> =
        rules.iter().map(|rule| uses(rule, &places)).collect::<Result<_, _>>()?;
    let root = places.get(ROOT).ok_or_else(|| format!("there is no rule `{ROOT}`"))?;
    let writer = Writer { places: &places, is_lexeme: &lexemes(&uses) };
    let mut text = format!("start: {}\n", writer.name(*root));
    for (idx, rule) in rules.iter().enumerate() {
        let (name, body) = (writer.name(idx), writer.alternatives(&rule.alternatives));
        writeln!(text, "{name}: {body}").expect("writing to a string does not fail");
    }
    Ok(text)
}

/// The rules that `rule` names.
fn uses(rule: &Rule, places: &HashMap<&str, usize>) -> Result<Vec<usize>, String> {
    let mut found = Vec::new();
    let mut open: Vec<&Sequence> = rule.alternatives.iter().collect();
    while let Some(sequence) = open.pop() {
        for item in sequence {
            match &item.symbol {
                Symbol::Text(_) | Symbol::Class { .. } => {}
                Symbol::Group(alternatives) => open.extend(alternatives),
                Symbol::Rule(name) => match places.get(name.as_str()) {
                    Some(&place) => found.push(place),
                    None => {
                        return Err(format!("rule `{}` names `{name}`, which is none", rule.name));
                    }
                },
            }
        }
    }
    Ok(found)
}

/// Which rules lead to no rule that leads back to itself: those that use only such ones.
fn lexemes(uses: &[Vec<usize>]) -> Vec<bool> {
    let mut is_lexeme = vec![false; uses.len()];
    loop {
        let next = (0..uses.len())
            .find(|&rule| !is_lexeme[rule] && uses[rule].iter().all(|&used| is_lexeme[used]));
        let Some(rule) = next else { return is_lexeme };
        is_lexeme[rule] = true;
    }
}

struct Writer<'a> {
    places: &'a HashMap<&'a str, usize>,
    is_lexeme: &'a [bool],
}

impl Writer<'_> {
    /// Lark tells lexemes from rules by their capitals.
    fn name(&self, idx: usize) -> String {
        if self.is_lexeme[idx] { format!("T{idx}") } else { format!("r{idx}") }
    }

    fn alternatives(&self, alternatives: &[Sequence]) -> String {
        let texts: Vec<String> = alternatives.iter().map(|items| self.sequence(items)).collect();
        let full: Vec<&str> = texts.iter().map(String::as_str).filter(|t| !t.is_empty()).collect();
        match (full.len(), texts.len()) {
            (0, _) => "\"\"".to_owned(),
            (some, all) if some < all => format!("({})?", full.join(" | ")),
            _ => full.join(" | "),
        }
    }

    fn sequence(&self, items: &[Item]) -> String {
        let texts: Vec<String> = items.iter().filter_map(|item| self.item(item)).collect();
        texts.join(" ")
    }

    /// Nothing for what stands for nothing.
    fn item(&self, item: &Item) -> Option<String> {
        let symbol = match &item.symbol {
            Symbol::Text(text) if text.is_empty() => return None,
            Symbol::Text(text) => json!(text).to_string(),
            Symbol::Class { ranges, is_negated } => class(ranges, *is_negated),
            Symbol::Rule(name) => self.name(self.places[name.as_str()]),
            Symbol::Group(alternatives) => format!("({})", self.alternatives(alternatives)),
        };
        Some(match (item.min, item.max) {
            (_, Some(0)) => return None,
            (1, Some(1)) => symbol,
            (0, Some(1)) => format!("{symbol}?"),
            (0, None) => format!("{symbol}*"),
            (1, None) => format!("{symbol}+"),
            (min, Some(max)) => format!("{symbol}{{{min},{max}}}"),
            (min, None) => format!("{symbol}{{{min},}}"),
        })
    }
}

/// A class as a regular expression in which nothing but letters and digits stands for itself.
fn class(ranges: &[(char, char)], is_negated: bool) -> String {
    let shown = |c: char| {
        if c.is_ascii_alphanumeric() { c.to_string() } else { format!("\\x{{{:X}}}", u32::from(c)) }
    };
    let parts: Vec<String> = ranges
        .iter()
        .map(|&(first, last)| {
            let end = if first == last { String::new() } else { format!("-{}", shown(last)) };
            shown(first) + &end
        })
        .collect();
    match (parts.is_empty(), is_negated) {
        // A class of all characters.
        (true, _) => "/[\\x{0}-\\x{10FFFF}]/".to_owned(),
        (false, true) => format!("/[^{}]/", parts.concat()),
        (false, false) => format!("/[{}]/", parts.concat()),
    }
}
