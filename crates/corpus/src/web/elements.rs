//! What the elements of HTML are to a reader of text.

/// The kind of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Part of a line.
    Inline,
    /// A link.
    Link,
    /// Strong text.
    Strong,
    /// Stressed text.
    Emphasis,
    /// Code in a line.
    Code,
    /// A block with others in it.
    Container,
    /// A container that names the main content.
    Main,
    /// A paragraph or another block of lines.
    Paragraph,
    /// A heading with its level.
    Heading(u8),
    /// A list, numbered or not.
    List(bool),
    /// An item of a list.
    Item,
    /// Text whose white space counts.
    Preformatted,
    /// A quotation.
    Quote,
    /// A table.
    Table,
    /// A row of a table.
    Row,
    /// A cell of a row.
    Cell,
    /// A line break.
    Break,
    /// An element without inside or text.
    Void,
    /// The head of a page or of one of its parts.
    Header,
    /// Never part of the content.
    Aside,
}

/// A name of up to 16 bytes in lower case, as a number.
pub(super) type Name = u128;

/// The number of a name; 0 for one that is too long to be of HTML.
pub(super) fn name_of(name: &str) -> Name {
    if name.len() > 16 {
        return 0;
    }
    name.bytes().fold(0, |number, byte| number << 8 | Name::from(byte.to_ascii_lowercase()))
}

/// The kind of an element by its name as written.
pub(super) fn kind_of(name: &str) -> Kind {
    let mut lower = [0; 16];
    let Some(lower) = lower.get_mut(..name.len()) else { return Kind::Inline };
    lower.copy_from_slice(name.as_bytes());
    lower.make_ascii_lowercase();
    match &*lower {
        b"a" => Kind::Link,
        b"b" | b"strong" => Kind::Strong,
        b"i" | b"em" | b"cite" | b"dfn" | b"var" => Kind::Emphasis,
        b"code" | b"kbd" | b"samp" | b"tt" => Kind::Code,
        b"article" | b"main" => Kind::Main,
        b"p" | b"address" | b"dt" | b"figcaption" | b"caption" | b"summary" | b"legend" => {
            Kind::Paragraph
        }
        b"h1" => Kind::Heading(1),
        b"h2" => Kind::Heading(2),
        b"h3" => Kind::Heading(3),
        b"h4" => Kind::Heading(4),
        b"h5" => Kind::Heading(5),
        b"h6" => Kind::Heading(6),
        b"ul" | b"dir" => Kind::List(false),
        b"ol" => Kind::List(true),
        b"li" => Kind::Item,
        b"pre" | b"listing" | b"plaintext" => Kind::Preformatted,
        b"blockquote" => Kind::Quote,
        b"table" => Kind::Table,
        b"tr" => Kind::Row,
        b"td" | b"th" => Kind::Cell,
        b"br" => Kind::Break,
        b"header" => Kind::Header,
        b"html" | b"body" | b"div" | b"section" | b"dl" | b"dd" | b"figure" | b"center"
        | b"details" | b"hgroup" | b"fieldset" | b"tbody" | b"thead" | b"tfoot" | b"colgroup"
        | b"search" => Kind::Container,
        b"area" | b"base" | b"col" | b"embed" | b"hr" | b"img" | b"input" | b"link" | b"meta"
        | b"param" | b"source" | b"track" | b"wbr" | b"basefont" | b"frame" => Kind::Void,
        b"nav" | b"footer" | b"aside" | b"button" | b"select" | b"option" | b"optgroup"
        | b"datalist" | b"svg" | b"math" | b"canvas" | b"audio" | b"video" | b"object"
        | b"template" | b"dialog" | b"menu" | b"map" | b"rt" | b"rp" | b"head" | b"applet"
        | b"frameset" | b"noscript" => Kind::Aside,
        _ => Kind::Inline,
    }
}

impl Kind {
    /// Whether the element stands on lines of its own.
    pub(super) fn is_block(self) -> bool {
        !matches!(
            self,
            Self::Inline
                | Self::Link
                | Self::Strong
                | Self::Emphasis
                | Self::Code
                | Self::Break
                | Self::Void
        )
    }
}
