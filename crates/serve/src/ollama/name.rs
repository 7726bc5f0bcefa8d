//! Names of models.

use crate::app::App;

/// The served name that `name` means.
pub(super) fn served_name(app: &App, name: String) -> String {
    let is_served = |name: &str| app.registry().knows(name);
    match name.strip_suffix(":latest") {
        Some(bare) if !is_served(&name) => bare.to_owned(),
        _ => name,
    }
}
