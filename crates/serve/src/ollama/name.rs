//! Names of models.

use crate::app::App;

/// The served name that `name` means: the tag `latest` says nothing unless a model is called so.
pub(crate) fn served_name(app: &App, name: String) -> String {
    match name.strip_suffix(":latest") {
        Some(bare) if !app.declares(&name) => bare.to_owned(),
        _ => name,
    }
}
