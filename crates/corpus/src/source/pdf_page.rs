//! The text of a PDF page, in the order in which the page shows it.
//!
//! A page is a program that shows strings at places. Where the next string begins tells whether a
//! space, a line end or a blank line stands between two: their distance is compared with the size
//! of the letters. Columns come in the order of the program, which most writers keep.

use super::reason::BadReason;
use encoding_rs::{BIG5, EUC_JP, EUC_KR, GBK, SHIFT_JIS, UTF_16BE};
use lopdf::content::{Content, Operation};
use lopdf::{Dictionary, Document, Encoding, Object, ObjectId};
use memchr::memchr_iter;
use std::collections::BTreeMap;

/// How deep forms may be drawn inside forms.
const MAX_FORM_DEPTH: usize = 6;
/// Forms drawn in one document.
const MAX_FORMS: usize = 100_000;
/// Widths read of one font: as many as there are characters, a few times over.
const MAX_WIDTHS: usize = 1 << 18;
/// A gap of this part of the letters' size is a space.
const SPACE_GAP: f32 = 0.2;
/// A step across the line of this part of the size is a new line.
const LINE_STEP: f32 = 0.6;
/// A step of this part of the size is a new paragraph.
const PARAGRAPH_STEP: f32 = 1.9;

/// `[a, b, c, d, e, f]` maps `(x, y)` to `(a x + c y + e, b x + d y + f)`.
type Matrix = [f32; 6];

const UNIT: Matrix = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];

/// First `inner`, then `outer`.
fn then(inner: Matrix, outer: Matrix) -> Matrix {
    let [a, b, c, d, e, f] = inner;
    let [u, v, w, x, y, z] = outer;
    [
        a * u + b * w,
        a * v + b * x,
        c * u + d * w,
        c * v + d * x,
        e * u + f * w + y,
        e * v + f * x + z,
    ]
}

/// What is read of one document.
pub(super) struct Reading<'d> {
    document: &'d Document,
    /// Bytes that all pages may decompress to, less what they did.
    left: usize,
    limit: usize,
    forms: usize,
    text: String,
    /// Where the last string ended, and the size of its letters.
    last: Option<(f32, f32, f32)>,
}

/// How the strings of one font are read.
struct Font<'d> {
    dictionary: Dictionary,
    name: Option<&'d [u8]>,
    widths: BTreeMap<u32, f32>,
    default_width: Option<f32>,
    /// Whether a character is two bytes.
    wide: bool,
}

#[derive(Clone, Copy)]
struct State {
    page: Matrix,
    text: Matrix,
    line: Matrix,
    size: f32,
    leading: f32,
    char_space: f32,
    word_space: f32,
    stretch: f32,
}

impl<'d> Reading<'d> {
    pub(super) fn new(document: &'d Document, limit: usize) -> Self {
        Self { document, left: limit, limit, forms: 0, text: String::new(), last: None }
    }

    /// The text so far.
    pub(super) fn text(self) -> String {
        self.text
    }

    /// Reads one page.
    pub(super) fn page(&mut self, page: ObjectId) -> Result<(), BadReason> {
        let Ok(content) = self.document.get_page_content_with_limit(page, self.left) else {
            return if self.left < self.limit / 2 { Err(self.too_long()) } else { Ok(()) };
        };
        self.left -= content.len().min(self.left);
        let fonts = self.document.get_page_fonts(page).unwrap_or_default();
        let fonts = fonts.into_iter().map(|(name, font)| (name, self.font(font))).collect();
        let (own, inherited) = self.document.get_page_resources(page).unwrap_or_default();
        let inherited = inherited.first().and_then(|id| self.document.get_dictionary(*id).ok());
        self.break_text("\n\n");
        self.last = None;
        self.run(&content, &fonts, own.or(inherited), UNIT, 0)
    }

    fn too_long(&self) -> BadReason {
        let bytes = (self.limit - self.left).max(self.text.len()) as u64;
        BadReason::TooLong { bytes, limit: self.limit as u64 }
    }

    fn font(&self, font: &'d Dictionary) -> Font<'d> {
        let document = self.document;
        let mut dictionary = font.clone();
        // The table made for reading is surer than the one made for drawing.
        if font.get_deref(b"ToUnicode", document).is_ok_and(|one| one.as_stream().is_ok()) {
            dictionary.remove(b"Encoding");
        }
        let name = font.get_deref(b"Encoding", document).and_then(Object::as_name).ok();
        let descendant = font.get_deref(b"DescendantFonts", document).and_then(Object::as_array);
        let descendant = descendant.ok().and_then(|fonts| fonts.first());
        let descendant =
            descendant.and_then(|one| document.dereference(one).ok()?.1.as_dict().ok());
        let wide = descendant.is_some();
        let (widths, default_width) = match descendant {
            Some(one) => {
                (wide_widths(document, one), number(document, one, b"DW").or(Some(1000.0)))
            }
            None => (plain_widths(document, font), None),
        };
        Font { dictionary, name, widths, default_width, wide }
    }

    fn run(
        &mut self,
        content: &[u8],
        fonts: &BTreeMap<Vec<u8>, Font<'d>>,
        resources: Option<&'d Dictionary>,
        page: Matrix,
        depth: usize,
    ) -> Result<(), BadReason> {
        let Ok(content) = Content::decode(content) else { return Ok(()) };
        let (document, limit) = (self.document, self.limit);
        let encodings = fonts.iter().filter_map(|(name, font)| {
            let found = font.dictionary.get_font_encoding_with_limit(document, limit);
            Some((name.as_slice(), (font, found.ok()?)))
        });
        let encodings: BTreeMap<&[u8], (&Font<'d>, Encoding<'_>)> = encodings.collect();
        let mut state = State::new(page);
        let mut saved = Vec::new();
        let mut font = None;
        for operation in &content.operations {
            let operands = operation.operands.as_slice();
            match operation.operator.as_str() {
                "q" if saved.len() < 1000 => saved.push((state, font)),
                "Q" => (state, font) = saved.pop().unwrap_or((state, font)),
                "Tf" => {
                    let name = operands.first().and_then(|name| name.as_name().ok());
                    font = name.and_then(|name| encodings.get(name));
                    state.size = float(operands, 1).unwrap_or(state.size);
                }
                "Tj" | "TJ" | "'" | "\"" => {
                    if matches!(operation.operator.as_str(), "'" | "\"") {
                        state.next_line(0.0, -state.leading);
                    }
                    self.show(operation, font, &mut state);
                    if self.text.len() > self.limit {
                        return Err(self.too_long());
                    }
                }
                "Do" if depth < MAX_FORM_DEPTH && self.forms < MAX_FORMS => {
                    self.forms += 1;
                    self.form(operands, resources, fonts, state.page, depth)?;
                }
                operator => state.apply(operator, operands),
            }
        }
        Ok(())
    }

    /// Draws a form: a page inside a page.
    fn form(
        &mut self,
        operands: &[Object],
        resources: Option<&'d Dictionary>,
        fonts: &BTreeMap<Vec<u8>, Font<'d>>,
        page: Matrix,
        depth: usize,
    ) -> Result<(), BadReason> {
        let document = self.document;
        let form = || {
            let name = operands.first()?.as_name().ok()?;
            let forms = resources?.get_deref(b"XObject", document).ok()?.as_dict().ok()?;
            let form = forms.get_deref(name, document).ok()?.as_stream().ok()?;
            (form.dict.get(b"Subtype").ok()?.as_name().ok()? == b"Form").then_some(form)
        };
        let Some(form) = form() else { return Ok(()) };
        let Ok(content) = form.get_plain_content_with_limit(self.left) else { return Ok(()) };
        self.left -= content.len().min(self.left);
        let own = form.dict.get_deref(b"Resources", document).and_then(Object::as_dict).ok();
        let own_fonts = own.and_then(|own| own.get_deref(b"Font", document).ok()?.as_dict().ok());
        let matrix = form.dict.get_deref(b"Matrix", document).and_then(Object::as_array);
        let matrix = matrix.ok().and_then(|values| matrix_of(values)).unwrap_or(UNIT);
        let page = then(matrix, page);
        let Some(own_fonts) = own_fonts else {
            return self.run(&content, fonts, own.or(resources), page, depth + 1);
        };
        let font = |(name, font): (&Vec<u8>, &'d Object)| {
            let font = document.dereference(font).ok()?.1.as_dict().ok()?;
            Some((name.clone(), self.font(font)))
        };
        let own_fonts = own_fonts.iter().filter_map(font).collect();
        self.run(&content, &own_fonts, own, page, depth + 1)
    }

    /// Takes the strings of one operation.
    fn show(
        &mut self,
        operation: &Operation,
        font: Option<&(&Font<'d>, Encoding<'_>)>,
        state: &mut State,
    ) {
        let operands = operation.operands.as_slice();
        let strings = match operands.last() {
            Some(Object::Array(parts)) => parts.as_slice(),
            Some(_) => &operands[operands.len() - 1..],
            None => return,
        };
        for part in strings {
            if let Object::String(bytes, _) = part {
                let Some((font, encoding)) = font else { continue };
                let shown = decode(bytes, font, encoding);
                self.place(&shown, state);
                state.advance(font.width(bytes, &shown, state));
                let [.., x, y] = then(state.text, state.page);
                self.last = Some((x, y, state.letter_size()));
            } else if let Ok(back) = part.as_float() {
                state.advance(-back / 1000.0 * state.size * state.stretch);
            }
        }
    }

    /// Adds a string, after what its place says must stand before it.
    fn place(&mut self, shown: &str, state: &State) {
        let [.., x, y] = then(state.text, state.page);
        if let Some((last_x, last_y, last_size)) = self.last {
            let size = last_size.max(state.letter_size()).max(0.1);
            let step = (y - last_y).abs() / size;
            if step > PARAGRAPH_STEP {
                self.break_text("\n\n");
            } else if step > LINE_STEP {
                self.break_text("\n");
            } else if (x - last_x) / size > SPACE_GAP || (last_x - x) / size > 2.0 {
                self.break_text(" ");
            }
        }
        let at_start = self.text.is_empty() || self.text.ends_with('\n');
        let shown = if at_start { shown.trim_start() } else { shown };
        self.text.extend(shown.chars().filter(|ch| *ch == '\t' || !ch.is_control()));
    }

    fn break_text(&mut self, with: &str) {
        if self.text.is_empty() || (with == " " && self.text.ends_with(char::is_whitespace)) {
            return;
        }
        let end = self.text.trim_end().len();
        let newlines = self.text[end..].matches('\n').count();
        if with == " " {
            self.text.push(' ');
        } else {
            self.text.truncate(end);
            self.text.push_str(if newlines > with.len() { "\n\n" } else { with });
        }
    }
}

impl State {
    fn new(page: Matrix) -> Self {
        Self {
            page,
            text: UNIT,
            line: UNIT,
            size: 1.0,
            leading: 0.0,
            char_space: 0.0,
            word_space: 0.0,
            stretch: 1.0,
        }
    }

    fn apply(&mut self, operator: &str, operands: &[Object]) {
        let first = float(operands, 0);
        match operator {
            "BT" => (self.text, self.line) = (UNIT, UNIT),
            "cm" => {
                if let Some(matrix) = matrix_of(operands) {
                    self.page = then(matrix, self.page);
                }
            }
            "Tm" => {
                if let Some(matrix) = matrix_of(operands) {
                    (self.text, self.line) = (matrix, matrix);
                }
            }
            "Td" | "TD" => {
                let (x, y) = (first.unwrap_or(0.0), float(operands, 1).unwrap_or(0.0));
                if operator == "TD" {
                    self.leading = -y;
                }
                self.next_line(x, y);
            }
            "T*" => self.next_line(0.0, -self.leading),
            "TL" => self.leading = first.unwrap_or(0.0),
            "Tc" => self.char_space = first.unwrap_or(0.0),
            "Tw" => self.word_space = first.unwrap_or(0.0),
            "Tz" => self.stretch = first.unwrap_or(100.0) / 100.0,
            _ => {}
        }
    }

    fn next_line(&mut self, x: f32, y: f32) {
        self.line = then([1.0, 0.0, 0.0, 1.0, x, y], self.line);
        self.text = self.line;
    }

    fn advance(&mut self, x: f32) {
        self.text = then([1.0, 0.0, 0.0, 1.0, x, 0.0], self.text);
    }

    /// The height of letters on the page.
    fn letter_size(&self) -> f32 {
        let [_, _, c, d, ..] = then(self.text, self.page);
        self.size.abs() * c.hypot(d)
    }
}

impl Font<'_> {
    /// How far a string moves, in the units of the text.
    fn width(&self, bytes: &[u8], shown: &str, state: &State) -> f32 {
        let codes = if self.wide { bytes.len() / 2 } else { bytes.len() };
        let thousandths: f32 = if self.widths.is_empty() && self.default_width.is_none() {
            shown.chars().map(usual_width).sum()
        } else if self.wide {
            let code = |pair: &[u8]| u32::from(pair[0]) << 8 | u32::from(pair[1]);
            bytes.chunks_exact(2).map(|pair| self.width_of(code(pair))).sum()
        } else {
            bytes.iter().map(|byte| self.width_of(u32::from(*byte))).sum()
        };
        let spaces = if self.wide { 0 } else { memchr_iter(b' ', bytes).count() };
        let spacing = state.char_space * codes as f32 + state.word_space * spaces as f32;
        (thousandths / 1000.0 * state.size + spacing) * state.stretch
    }

    fn width_of(&self, code: u32) -> f32 {
        self.widths.get(&code).copied().or(self.default_width).unwrap_or(500.0)
    }
}

/// About how wide a letter is in a font that does not say, which are those every reader has.
fn usual_width(ch: char) -> f32 {
    match ch {
        'i' | 'j' | 'l' | 't' | 'f' | 'I' | ' ' | '.' | ',' | ':' | ';' | '\'' | '!' | '|' => 278.0,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 850.0,
        'A'..='Z' => 690.0,
        _ if ch.is_ascii() => 545.0,
        _ => 1000.0,
    }
}

fn decode(bytes: &[u8], font: &Font<'_>, encoding: &Encoding<'_>) -> String {
    let known = match font.name.unwrap_or_default() {
        _ if !matches!(encoding, Encoding::SimpleEncoding(_)) => None,
        b"GBK-EUC-H" | b"GBK-EUC-V" | b"GB-EUC-H" | b"GB-EUC-V" | b"GBKp-EUC-H" | b"GBK2K-H" => {
            Some(GBK)
        }
        b"ETen-B5-H" | b"ETen-B5-V" | b"B5pc-H" => Some(BIG5),
        b"90ms-RKSJ-H" | b"90ms-RKSJ-V" | b"90msp-RKSJ-H" => Some(SHIFT_JIS),
        b"EUC-H" | b"EUC-V" => Some(EUC_JP),
        b"KSCms-UHC-H" | b"KSCms-UHC-V" | b"KSC-EUC-H" => Some(EUC_KR),
        name if name.starts_with(b"Uni") => Some(UTF_16BE),
        _ => None,
    };
    match known {
        Some(known) => known.decode_without_bom_handling(bytes).0.into_owned(),
        None => Document::decode_text(encoding, bytes).unwrap_or_default(),
    }
}

fn float(operands: &[Object], at: usize) -> Option<f32> {
    operands.get(at).and_then(|value| value.as_float().ok())
}

fn matrix_of(values: &[Object]) -> Option<Matrix> {
    let mut matrix = UNIT;
    for (at, entry) in matrix.iter_mut().enumerate() {
        *entry = float(values, at)?;
    }
    Some(matrix)
}

fn number(document: &Document, dictionary: &Dictionary, key: &[u8]) -> Option<f32> {
    dictionary.get_deref(key, document).ok()?.as_float().ok()
}

/// The code of a character, of at most two bytes.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "codes are whole numbers of two bytes"
)]
fn code_of(number: f32) -> u32 {
    number.clamp(0.0, 65_535.0) as u32
}

fn plain_widths(document: &Document, font: &Dictionary) -> BTreeMap<u32, f32> {
    let first = code_of(number(document, font, b"FirstChar").unwrap_or(0.0));
    let widths = font.get_deref(b"Widths", document).and_then(Object::as_array);
    let widths = widths.map(Vec::as_slice).unwrap_or_default();
    let width = |(at, one): (usize, &Object)| {
        let one = document.dereference(one).ok()?.1;
        Some((first + u32::try_from(at).ok()?, one.as_float().ok()?))
    };
    widths.iter().take(256).enumerate().filter_map(width).collect()
}

/// The widths of a font of two bytes a character: `c [w1 w2 ...]` or `first last w`.
fn wide_widths(document: &Document, font: &Dictionary) -> BTreeMap<u32, f32> {
    let values = font.get_deref(b"W", document).and_then(Object::as_array);
    let values = values.map(Vec::as_slice).unwrap_or_default();
    let mut widths = BTreeMap::new();
    let (mut at, mut left) = (0, MAX_WIDTHS);
    while let Some(first) = float(values, at) {
        let first = code_of(first);
        let next = values.get(at + 1).and_then(|one| document.dereference(one).ok());
        if let Some((_, Object::Array(row))) = next {
            for (code, one) in (first..=65_535).zip(row.iter().take(left)) {
                widths.insert(code, one.as_float().unwrap_or(500.0));
            }
            left -= row.len().min(left);
            at += 2;
        } else {
            let (Some(last), Some(width)) = (float(values, at + 1), float(values, at + 2)) else {
                break;
            };
            let last = code_of(last);
            widths.extend((first..=last).take(left).map(|code| (code, width)));
            left -= (last.saturating_sub(first) as usize + 1).min(left);
            at += 3;
        }
    }
    widths
}
