//! A page as a flat list of blocks, and the containers they stand in.

/// The number of a container.
pub(super) type ContainerId = u32;

/// A block of lines.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// Its text, in the form that is asked for, without the marks of its kind.
    pub(super) text: String,
    /// What it is.
    pub(super) form: Form,
    /// Weight of its text: characters without spaces, with two for each wide one.
    pub(super) weight: u32,
    /// Weight of the part inside links.
    pub(super) link_weight: u32,
    /// The innermost container.
    pub(super) container: ContainerId,
    /// Whether something says that it is not content.
    pub(super) aside: Aside,
}

/// What says that a block is not content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Aside {
    /// Nothing.
    No,
    /// The name of an element it stands in. Names can mislead.
    ByName,
    /// The kind of an element it stands in.
    ByElement,
}

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Lines.
    Paragraph,
    /// A heading with its level.
    Heading(u8),
    /// An item of a list: depth from 1, and its number if the list has some.
    Item(u8, Option<u32>),
    /// The rest of an item, of a depth.
    ItemRest(u8),
    /// Code.
    Code,
    /// A quotation.
    Quote,
    /// A row of a table; whether it is the first.
    Row(bool),
}

/// Something that blocks stand in.
#[derive(Clone, Debug)]
pub(super) struct Container {
    /// The container it stands in; itself for the page.
    pub(super) parent: ContainerId,
    /// Whether an element or a name says that it is the main content.
    pub(super) is_main: bool,
    /// Whether it is a list.
    pub(super) is_list: bool,
}

/// Blocks and containers of a page, both in their order.
#[derive(Debug)]
pub(super) struct Blocks {
    pub(super) blocks: Vec<Block>,
    pub(super) containers: Vec<Container>,
}
