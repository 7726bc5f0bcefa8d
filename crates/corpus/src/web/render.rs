//! Blocks as text.

use super::blocks::{Block, Form};
use super::options::PageFormat;

/// Writes blocks in their order.
pub(super) fn render(blocks: &[&Block], format: PageFormat) -> String {
    let mut text = String::with_capacity(blocks.iter().map(|block| block.text.len() + 4).sum());
    let mut before = None;
    for block in blocks {
        if let Some(before) = before {
            text.push_str(if is_one_list(before, block.form) { "\n" } else { "\n\n" });
        }
        match format {
            PageFormat::Text => push_text(&mut text, block),
            PageFormat::Markdown => push_markdown(&mut text, block),
        }
        before = Some(block.form);
    }
    text
}

/// Whether two blocks are lines of one list or table.
fn is_one_list(before: Form, after: Form) -> bool {
    match after {
        Form::Item(..) => matches!(before, Form::Item(..) | Form::ItemRest(_)),
        Form::Row(is_first) => matches!(before, Form::Row(_)) && !is_first,
        Form::Paragraph | Form::Heading(_) | Form::ItemRest(_) | Form::Code | Form::Quote => false,
    }
}

fn push_text(text: &mut String, block: &Block) {
    if let Form::Item(depth, number) = block.form {
        push_item(text, block, depth, number);
    } else {
        text.push_str(&block.text);
    }
}

fn push_item(text: &mut String, block: &Block, depth: u8, number: Option<u32>) {
    let indent = "  ".repeat(usize::from(depth.saturating_sub(1)));
    text.push_str(&indent);
    match number {
        Some(number) => text.push_str(&format!("{number}. ")),
        None => text.push_str("- "),
    }
    text.push_str(&block.text.replace('\n', " "));
}

fn push_markdown(text: &mut String, block: &Block) {
    match block.form {
        Form::Paragraph => text.push_str(&block.text),
        Form::Heading(level) => {
            text.push_str(&"#".repeat(usize::from(level)));
            text.push(' ');
            text.push_str(&block.text.replace('\n', " "));
        }
        Form::Item(depth, number) => push_item(text, block, depth, number),
        Form::ItemRest(depth) => push_lines(text, block, &"  ".repeat(usize::from(depth))),
        Form::Quote => push_lines(text, block, "> "),
        Form::Code => {
            // A fence is longer than any run of its signs inside.
            let longest = block.text.split(|ch| ch != '`').map(str::len).max().unwrap_or(0);
            let fence = "`".repeat(longest.max(2) + 1);
            text.push_str(&format!("{fence}\n{}\n{fence}", block.text));
        }
        Form::Row(is_first) => {
            text.push_str(&format!("| {} |", block.text.replace('\n', " ")));
            if is_first {
                let cells = block.text.matches(" | ").count() + 1;
                text.push_str(&format!("\n|{}", " --- |".repeat(cells)));
            }
        }
    }
}

fn push_lines(text: &mut String, block: &Block, before: &str) {
    for (at, line) in block.text.lines().enumerate() {
        if at > 0 {
            text.push('\n');
        }
        text.push_str(before);
        text.push_str(line);
    }
}
