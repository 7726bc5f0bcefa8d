//! RefinedWeb's edit of the texts it keeps.

use crate::analysis::edited_text;
use std::borrow::Cow;

/// Drops lines that are not the page's own words, and phrases of pages from short lines.
///
/// A line goes if more than half of it is capital letters, if it is a number or a counter such as
/// `3 likes`, or if it has one word. Lines of at most ten words lose `items in cart`, a final
/// `read more...` and a leading `sign-in`. More than two line feeds in a row become two. It is
/// meant for texts that the rule set keeps; about others it decides nothing.
///
/// # Source
/// DCLM 361714b, `dclm_baseline_refinedweb.yaml`, its line modifiers in their order.
pub fn edit_refinedweb(text: &str) -> Cow<'_, str> {
    let edited = edited_text(text);
    if edited == text { Cow::Borrowed(text) } else { Cow::Owned(edited) }
}
