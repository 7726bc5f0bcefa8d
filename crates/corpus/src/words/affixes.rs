//! What is cut off the ends of a chunk.

use super::characters::{is_currency, is_edge, is_icon, is_upper, precedes_stop};

/// Currencies written with letters before the dollar sign.
const DOLLARS: [&str; 3] = ["US$", "C$", "A$"];

/// Bytes of the longest unit.
const LONGEST_UNIT: usize = 10;

/// Bytes of the prefix to cut off, 0 for none.
pub(super) fn prefix_length(text: &str) -> usize {
    let Some(first) = text.chars().next() else { return 0 };
    match first {
        '+' => usize::from(!text[1..].starts_with(|next: char| next.is_ascii_digit())),
        '.' => {
            let stops = text.bytes().take_while(|byte| *byte == b'.').count();
            if stops > 1 { stops } else { 0 }
        }
        'U' | 'C' | 'A' => {
            DOLLARS.iter().find(|sign| text.starts_with(**sign)).map_or(0, |sign| sign.len())
        }
        '%' | '=' | '§' => first.len_utf8(),
        _ if first.is_ascii_alphanumeric() => 0,
        _ if is_edge(first) || is_currency(first) || is_icon(first) => first.len_utf8(),
        _ => 0,
    }
}

/// Bytes of the suffix to cut off, 0 for none: of all that fit, the longest.
pub(super) fn suffix_length(text: &str) -> usize {
    let mut characters = text.chars();
    let Some(last) = characters.next_back() else { return 0 };
    let before = characters.as_str();
    let mark = match last {
        '.' => stop_length(before),
        's' | 'S' if before.ends_with('\'') => 2,
        's' | 'S' if before.ends_with('’') => 1 + '’'.len_utf8(),
        '+' if ends_with_digit(before) => 1,
        '…' if before.ends_with('…') => 2 * '…'.len_utf8(),
        _ if last.is_ascii_alphanumeric() => 0,
        _ if is_edge(last) || is_icon(last) => last.len_utf8(),
        _ => 0,
    };
    mark.max(measure_length(text))
}

/// The suffix that ends in a full stop, where `before` is what precedes that stop.
fn stop_length(before: &str) -> usize {
    let mut back = before.chars().rev();
    let Some(previous) = back.next() else { return 0 };
    if previous == '.' {
        return 1 + before.bytes().rev().take_while(|byte| *byte == b'.').count();
    }
    let degrees = matches!(previous, 'F' | 'f' | 'C' | 'c' | 'K' | 'k');
    let earlier = back.next();
    let cut = precedes_stop(previous)
        || (degrees && earlier == Some('°'))
        || (is_upper(previous) && earlier.is_some_and(is_upper));
    usize::from(cut)
}

fn ends_with_digit(text: &str) -> bool {
    text.as_bytes().last().is_some_and(u8::is_ascii_digit)
}

/// A unit or a currency right after the last digit of the text.
fn measure_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let tail_start = bytes.len().saturating_sub(LONGEST_UNIT + 1);
    let Some(digit) = bytes[tail_start..].iter().rposition(u8::is_ascii_digit) else { return 0 };
    // The byte after an ASCII digit is the first of a character.
    let tail = &text[tail_start + digit + 1..];
    let mut characters = tail.chars();
    let currency = characters.next().is_some_and(is_currency) && characters.next().is_none();
    if currency || DOLLARS.contains(&tail) || is_unit(tail) { tail.len() } else { 0 }
}

/// Whether the text is a unit of measurement.
fn is_unit(text: &str) -> bool {
    let base = text.strip_suffix(['²', '³']).unwrap_or(text);
    let powers = matches!(
        base,
        "km" | "m"
            | "dm"
            | "cm"
            | "mm"
            | "км"
            | "м"
            | "дм"
            | "см"
            | "мм"
            | "كم"
            | "م"
            | "سم"
            | "مم"
    );
    powers
        || matches!(
            text,
            "ha" | "µm" | "nm" | "yd" | "in" | "ft" | "kg" | "g" | "mg" | "µg" | "t" | "lb"
                | "oz" | "m/s" | "km/h" | "kmh" | "mph" | "hPa" | "Pa" | "mbar" | "mb" | "MB"
                | "kb" | "KB" | "gb" | "GB" | "tb" | "TB" | "T" | "G" | "M" | "K" | "%"
        )
        || matches!(
            text,
            "нм" | "кг" | "г" | "мг" | "м/с" | "км/ч" | "кПа" | "Па" | "мбар" | "Кб" | "КБ"
                | "кб" | "Мб" | "МБ" | "мб" | "Гб" | "ГБ" | "гб" | "Тб" | "ТБ" | "غرام"
                | "جرام" | "جم" | "كغ" | "ملغ" | "كوب" | "اكواب"
        )
        // Two entries of spaCy's list run together, so neither stands alone but one of them twice.
        || text == "тбكم"
}
