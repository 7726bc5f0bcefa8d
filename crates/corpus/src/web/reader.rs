//! From tokens to blocks.

use super::blocks::{Aside, Block, Blocks, Container, ContainerId, Form};
use super::elements::{Kind, Name, kind_of, name_of};
use super::hints::{Hint, hint_of};
use super::inline::{Line, Mark};
use super::options::ExtractOptions;
use super::tokens::{Token, Tokens};
use ahash::AHashMap;

/// Elements deeper than this are read as if they stood beside their parents.
const MAX_DEPTH: usize = 1024;

/// An end tag closes an element at most this far up.
const MAX_CLOSED: usize = 128;

/// Whether an element is of some kind.
type IsKind = fn(Kind) -> bool;

/// An element that was opened and not closed.
#[derive(Clone, Copy)]
struct Open {
    name: Name,
    kind: Kind,
    container: ContainerId,
    aside: Aside,
}

/// Reads a page.
pub(super) struct Reader<'h> {
    options: &'h ExtractOptions,
    open: Vec<Open>,
    line: Line,
    found: Blocks,
    /// Numbers of the open lists: the next one, or none for bullets.
    lists: Vec<Option<u32>>,
    item_is_due: bool,
    /// Hints of attributes that were read before: pages repeat them.
    hints: AHashMap<&'h str, Hint>,
    links: usize,
    tables: usize,
    rows: usize,
    mains: usize,
    preformatted: usize,
    is_first_row: bool,
    had_cell: bool,
}

impl<'h> Reader<'h> {
    pub(super) fn new(options: &'h ExtractOptions) -> Self {
        let page = Container { parent: 0, is_main: false, is_list: false };
        Self {
            options,
            open: Vec::new(),
            line: Line::default(),
            found: Blocks { blocks: Vec::new(), containers: vec![page] },
            lists: Vec::new(),
            item_is_due: false,
            hints: AHashMap::new(),
            links: 0,
            tables: 0,
            rows: 0,
            mains: 0,
            preformatted: 0,
            is_first_row: false,
            had_cell: false,
        }
    }

    /// Blocks of a whole page.
    pub(super) fn read(mut self, html: &'h str) -> Blocks {
        for token in Tokens::new(html) {
            match token {
                Token::Text(text) => {
                    let is_link = self.links > 0;
                    self.line.push(text, is_link, self.preformatted > 0);
                }
                Token::Start { name, attributes } => self.start(name, attributes),
                Token::End(name) => self.end(name),
                Token::Raw { name, text, .. } => self.raw(name, text),
            }
        }
        self.flush();
        self.found
    }

    /// Of the elements without markup inside, only what is shown counts.
    fn raw(&mut self, name: &str, text: &str) {
        if name.eq_ignore_ascii_case("xmp") {
            self.flush();
            self.preformatted += 1;
            self.line.push(text, false, true);
            self.flush();
            self.preformatted -= 1;
        }
    }

    fn context(&self) -> Open {
        let page = Open { name: 0, kind: Kind::Container, container: 0, aside: Aside::No };
        self.open.last().copied().unwrap_or(page)
    }

    fn start(&mut self, name: &'h str, attributes: &'h str) {
        let kind = kind_of(name);
        if kind == Kind::Break {
            return self.line.push_break();
        }
        if kind == Kind::Void {
            return self.line.space();
        }
        if kind.is_block() {
            self.close_implied(kind);
            // Blocks in a cell belong to the row.
            if self.is_in_row() && !matches!(kind, Kind::Row | Kind::Table) {
                self.line.space();
            } else {
                self.flush();
            }
        }
        if self.open.len() >= MAX_DEPTH {
            return;
        }
        let context = self.context();
        let hint = self.hint(attributes);
        let is_root = matches!(name.len(), 4) && kind == Kind::Container;
        let is_named = hint == Hint::Aside && !matches!(kind, Kind::Main | Kind::Heading(_));
        let own = if kind == Kind::Aside || (kind == Kind::Header && self.mains == 0) {
            Aside::ByElement
        } else if is_named && !is_root {
            Aside::ByName
        } else {
            Aside::No
        };
        let aside = own.max(context.aside);
        if aside != context.aside && !kind.is_block() {
            self.flush();
        }
        let container = self.container_for(kind, hint, context.container);
        self.open.push(Open { name: name_of(name), kind, container, aside });
        self.opened(kind);
    }

    fn hint(&mut self, attributes: &'h str) -> Hint {
        if attributes.trim_ascii().is_empty() {
            return Hint::None;
        }
        *self.hints.entry(attributes).or_insert_with(|| hint_of(attributes))
    }

    /// A table that lays out a page has tables in it; one of data has rows.
    fn is_in_row(&self) -> bool {
        self.tables == 1 && self.rows > 0
    }

    fn container_for(&mut self, kind: Kind, hint: Hint, parent: ContainerId) -> ContainerId {
        let holds = matches!(
            kind,
            Kind::Container | Kind::Main | Kind::List(_) | Kind::Table | Kind::Cell | Kind::Header
        );
        if !holds && kind != Kind::Aside {
            return parent;
        }
        let is_main = kind == Kind::Main || hint == Hint::Main;
        let is_list = matches!(kind, Kind::List(_));
        self.found.containers.push(Container { parent, is_main, is_list });
        ContainerId::try_from(self.found.containers.len() - 1).unwrap_or(parent)
    }

    /// What an element changes for what follows.
    fn opened(&mut self, kind: Kind) {
        match kind {
            Kind::Link => self.links += 1,
            Kind::Strong => self.line.open(Mark::Strong, self.options.format),
            Kind::Emphasis => self.line.open(Mark::Emphasis, self.options.format),
            Kind::Code if self.preformatted == 0 => {
                self.line.open(Mark::Code, self.options.format);
            }
            Kind::List(is_numbered) => self.lists.push(is_numbered.then_some(1)),
            Kind::Item => self.item_is_due = true,
            Kind::Preformatted => self.preformatted += 1,
            Kind::Main => self.mains += 1,
            Kind::Table => {
                self.tables += 1;
                self.is_first_row = true;
            }
            Kind::Row => {
                self.rows += 1;
                self.had_cell = false;
            }
            Kind::Cell if self.is_in_row() => {
                if self.had_cell {
                    self.line.push_cell();
                }
                self.had_cell = true;
            }
            Kind::Inline
            | Kind::Code
            | Kind::Container
            | Kind::Paragraph
            | Kind::Heading(_)
            | Kind::Quote
            | Kind::Cell
            | Kind::Break
            | Kind::Void
            | Kind::Header
            | Kind::Aside => {}
        }
    }

    /// Undoes what an element changed.
    fn closed(&mut self, kind: Kind) {
        match kind {
            Kind::Link => self.links = self.links.saturating_sub(1),
            Kind::Strong => self.line.close(Mark::Strong),
            Kind::Emphasis => self.line.close(Mark::Emphasis),
            Kind::Code => self.line.close(Mark::Code),
            Kind::List(_) => {
                self.lists.pop();
            }
            Kind::Item => self.item_is_due = false,
            Kind::Main => self.mains = self.mains.saturating_sub(1),
            Kind::Table => self.tables = self.tables.saturating_sub(1),
            Kind::Row => self.rows = self.rows.saturating_sub(1),
            Kind::Preformatted => self.preformatted = self.preformatted.saturating_sub(1),
            Kind::Inline
            | Kind::Container
            | Kind::Paragraph
            | Kind::Heading(_)
            | Kind::Quote
            | Kind::Cell
            | Kind::Break
            | Kind::Void
            | Kind::Header
            | Kind::Aside => {}
        }
    }

    /// Closes what a start tag of this kind closes without an end tag.
    fn close_implied(&mut self, kind: Kind) {
        let (closes, stops): (IsKind, IsKind) = if kind == Kind::Item {
            (|kind| kind == Kind::Item, |kind| matches!(kind, Kind::List(_)))
        } else if kind == Kind::Cell {
            (|kind| kind == Kind::Cell, |kind| matches!(kind, Kind::Row | Kind::Table))
        } else if kind == Kind::Row {
            (|kind| kind == Kind::Row, |kind| kind == Kind::Table)
        } else {
            (
                |kind| matches!(kind, Kind::Paragraph | Kind::Heading(_)),
                |kind| kind.is_block() && !matches!(kind, Kind::Paragraph | Kind::Heading(_)),
            )
        };
        let inner = self.open.iter().rev().take(MAX_CLOSED).take_while(|open| !stops(open.kind));
        if let Some(up) = inner.enumerate().filter(|(_, open)| closes(open.kind)).last() {
            self.close_to(self.open.len() - 1 - up.0);
        }
    }

    fn end(&mut self, name: &str) {
        let kind = kind_of(name);
        if kind == Kind::Break {
            return self.line.push_break();
        }
        let wanted = name_of(name);
        let stops = |open: &Open| {
            if kind.is_block() {
                matches!(open.kind, Kind::Table | Kind::Cell)
                    && !matches!(kind, Kind::Table | Kind::Row | Kind::Cell)
            } else {
                open.kind.is_block()
            }
        };
        let mut inner = self.open.iter().rev().take(MAX_CLOSED);
        let found = inner.position(|open| open.name == wanted || stops(open));
        if let Some(up) = found.filter(|&up| self.open[self.open.len() - 1 - up].name == wanted) {
            self.close_to(self.open.len() - 1 - up);
        }
    }

    /// Closes all elements from a depth on.
    fn close_to(&mut self, depth: usize) {
        let was = self.context().aside;
        let has_block = self.open[depth..].iter().any(|open| open.kind.is_block());
        let is = depth.checked_sub(1).map_or(Aside::No, |above| self.open[above].aside);
        let in_cell = self.is_in_row()
            && !self.open[depth..].iter().any(|open| matches!(open.kind, Kind::Row | Kind::Table));
        if (has_block && !in_cell) || was != is {
            self.flush();
        } else if has_block {
            self.line.space();
        }
        while self.open.len() > depth {
            if let Some(open) = self.open.pop() {
                self.closed(open.kind);
            }
        }
    }

    /// Ends the block that was read.
    fn flush(&mut self) {
        if self.line.is_empty() {
            self.line = Line::default();
            return;
        }
        let form = self.form();
        let line = self.line.finish(form == Form::Code);
        let Open { container, aside, .. } = self.context();
        if matches!(form, Form::Item(..)) {
            self.item_is_due = false;
            if let Some(Some(next)) = self.lists.last_mut() {
                *next = next.saturating_add(1);
            }
        }
        if matches!(form, Form::Row(_)) {
            self.is_first_row = false;
            if !self.options.tables {
                return;
            }
        }
        self.found.blocks.push(Block {
            text: line.text,
            form,
            weight: line.weight,
            link_weight: line.link_weight,
            container,
            aside,
        });
    }

    /// What the open elements make of the next block.
    fn form(&self) -> Form {
        if self.preformatted > 0 {
            return Form::Code;
        }
        let inner = self.open.iter().rev().take(MAX_CLOSED);
        let depth = u8::try_from(self.lists.len().clamp(1, 8)).unwrap_or(8);
        for open in inner {
            match open.kind {
                Kind::Heading(level) => return Form::Heading(level),
                Kind::Item if self.item_is_due => {
                    return Form::Item(depth, self.lists.last().copied().flatten());
                }
                Kind::Item => return Form::ItemRest(depth),
                Kind::Quote => return Form::Quote,
                Kind::Row if self.tables == 1 => return Form::Row(self.is_first_row),
                Kind::Cell if self.tables == 1 => {}
                Kind::Cell | Kind::Main => return Form::Paragraph,
                Kind::Inline
                | Kind::Link
                | Kind::Strong
                | Kind::Emphasis
                | Kind::Code
                | Kind::Container
                | Kind::Paragraph
                | Kind::List(_)
                | Kind::Preformatted
                | Kind::Table
                | Kind::Row
                | Kind::Break
                | Kind::Void
                | Kind::Header
                | Kind::Aside => {}
            }
        }
        Form::Paragraph
    }
}
