//! Does a fuse stay within its bounds?

use crate::config::document::{Document, Node};
use crate::config::mistakes::Mistakes;
use crate::config::words;

/// A fuse watches a surface that isn't protected, and closes within it alone.
pub(super) fn check(config: &Document, mistakes: &mut Mistakes) {
    for fuse in config.root().children_of("fuses") {
        let Some(surface) = fuse.get("surface") else {
            continue;
        };
        let Some(name) = surface.text() else {
            continue;
        };
        if is_protected(config, name) {
            let shown = words::quoted(name);
            mistakes.add(
                surface.place(),
                format!("surface {shown} is protected: no fuse closes it"),
            );
        }
        if let Some(close) = fuse.get("close") {
            within(&close, name, mistakes);
        }
    }
}

fn is_protected(config: &Document, name: &str) -> bool {
    let surface = config.root().get("surfaces").and_then(|all| all.get(name));
    let protected = surface.and_then(|surface| surface.get("protected"));
    protected.is_some_and(|protected| protected.value().as_bool() == Some(true))
}

fn within(close: &Node<'_>, surface: &str, mistakes: &mut Mistakes) {
    let named = close.children_of("surfaces");
    let alone = named.len() == 1 && named.iter().all(|one| one.text() == Some(surface));
    let all = close
        .get("all")
        .is_some_and(|all| all.value().as_bool() != Some(false));
    if !alone || all {
        let (key, shown) = (close.key(), words::quoted(&format!("[\"{surface}\"]")));
        mistakes.add(
            close.place(),
            format!(
                "`{key}` wants `surfaces` to be {shown}: a fuse closes within its surface alone"
            ),
        );
    }
}
