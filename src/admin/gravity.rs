//! Is a closure so grave that one operator is not enough?
//!
//! One named, unprotected surface, route or client never is, whatever its traffic: the leak is running.

use crate::admin::Names;
use crate::switchboard::Scope;

/// Of the live traffic; above it a closure is broad.
const BROAD: f64 = 0.2;

/// What a closure's scope takes beside one operator.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Gravity {
    /// The name to be typed, where it is grave.
    pub(super) name: Option<String>,
    /// Why it is.
    pub(super) why: &'static str,
}

impl Gravity {
    /// Judges a scope; `share` is the part of the live traffic that it hits, 0 to 1.
    pub(super) fn of(scope: &Scope, names: &Names, share: f64) -> Self {
        if scope.all {
            return Self::grave("all", "it closes everything");
        }
        let protected: Vec<&str> = protected(scope, names);
        if !protected.is_empty() {
            return Self::grave(&protected.join(","), "it closes a protected surface");
        }
        if depends_on_traffic(scope) && share > BROAD {
            let mut sets = scope.sets().into_iter();
            let first = sets.find(|(_, set)| !set.is_empty());
            let name = match first {
                // vehicles and subjects are not typed: their number is
                Some((_, set)) if !scope.vehicles.is_empty() || !scope.subjects.is_empty() => {
                    set.len().to_string()
                }
                Some((_, set)) => set.iter().cloned().collect::<Vec<_>>().join(","),
                None => String::new(),
            };
            return Self::grave(&name, "it hits more than 20 % of the live traffic");
        }
        Self::default()
    }

    fn grave(name: &str, why: &'static str) -> Self {
        Self {
            name: Some(name.to_owned()),
            why,
        }
    }

    /// Whether it is grave.
    pub(super) fn is_grave(&self) -> bool {
        self.name.is_some()
    }

    /// Whether the name was typed, and is right.
    pub(super) fn is_named(&self, typed: Option<&str>) -> bool {
        self.name.is_some() && self.name.as_deref() == typed
    }
}

/// Whether the traffic that it hits says how grave a closure is: it names neither surface, route nor
/// client.
pub(super) fn depends_on_traffic(scope: &Scope) -> bool {
    let narrow = [&scope.surfaces, &scope.routes, &scope.clients];
    !scope.all && narrow.iter().all(|set| set.is_empty())
}

/// Protected surfaces that a scope names, or of which it names every route.
fn protected<'a>(scope: &'a Scope, names: &'a Names) -> Vec<&'a str> {
    let whole = |surface: &str| {
        let mut routes = names.routes.iter().filter(|(_, of)| of.surface == surface);
        let mut any = false;
        routes.all(|(id, _)| {
            any = true;
            scope.routes.contains(id)
        }) && any
    };
    let surfaces = names.surfaces.keys();
    surfaces
        .filter(|surface| names.is_protected(surface))
        .filter(|surface| scope.surfaces.contains(*surface) || whole(surface))
        .map(String::as_str)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::Belongs;

    fn names() -> Names {
        let route = |id: &str, surface: &str| {
            let belongs = Belongs {
                surface: surface.to_owned(),
                ..Belongs::default()
            };
            (id.to_owned(), belongs)
        };
        Names {
            surfaces: [("mobile".to_owned(), false), ("portal".to_owned(), true)].into(),
            routes: [
                route("m.1", "mobile"),
                route("p.1", "portal"),
                route("p.2", "portal"),
            ]
            .into(),
            ..Names::default()
        }
    }

    fn check(scope: &str, share: f64, name: Option<&str>) {
        let parsed: Scope = serde_json::from_str(scope).unwrap();
        let gravity = Gravity::of(&parsed, &names(), share);
        assert_eq!(gravity.name.as_deref(), name, "{scope} {share}");
    }

    #[test]
    fn a_named_unprotected_surface_route_or_client_is_never_grave() {
        for scope in [
            r#"{"surfaces":["mobile"]}"#,
            r#"{"routes":["m.1"]}"#,
            r#"{"routes":["p.1"]}"#,
            r#"{"clients":["app"]}"#,
            r#"{"clients":["app"],"regions":["NE"]}"#,
        ] {
            check(scope, 1.0, None);
        }
    }

    #[test]
    fn everything_a_protected_surface_and_what_is_broad_are_grave() {
        check(r#"{"all":true}"#, 0.0, Some("all"));
        check(r#"{"surfaces":["portal"]}"#, 0.0, Some("portal"));
        check(
            r#"{"surfaces":["portal"],"regions":["NE"]}"#,
            0.0,
            Some("portal"),
        );
        check(r#"{"routes":["p.1","p.2"]}"#, 0.0, Some("portal"));
        check(r#"{"regions":["NE","NNA"]}"#, 0.21, Some("NE,NNA"));
        check(r#"{"regions":["NE"]}"#, 0.2, None);
        check(r#"{"vehicles":["SJNFAAZE0U6012345"]}"#, 0.9, Some("1"));
    }

    #[test]
    fn the_name_is_typed_whole() {
        let scope: Scope = serde_json::from_str(r#"{"surfaces":["portal"]}"#).unwrap();
        let gravity = Gravity::of(&scope, &names(), 0.0);
        assert!(gravity.is_named(Some("portal")) && gravity.is_grave());
        for typed in [None, Some(""), Some("port"), Some("Portal")] {
            assert!(!gravity.is_named(typed), "{typed:?}");
        }
        assert!(!Gravity::default().is_named(None));
    }
}
