//! Watches the built web app, so that the crate embeds it again after `npm run build`.

fn main() {
    // Cargo takes a watched path that is missing for changed, and would rebuild this crate and the
    // binary on every call. An empty folder stands for "not built"; where the source tree cannot be
    // written, the only cost is that rebuild.
    let _ = std::fs::create_dir_all("web/dist");
    println!("cargo::rerun-if-changed=web/dist");
    println!("cargo::rerun-if-changed=build.rs");
}
