//! Can the ownership store be asked what the routes need to know?

use crate::config::file::{OwnershipLookups, OwnershipStore};
use crate::config::load::PlacedRoute;
use crate::config::route::{IdentityNeed, ReferenceKind};
use crate::config::{Loaded, Mistakes};

/// A service is asked what its configuration says; the other stores can be asked everything.
pub(super) fn check(loaded: &Loaded, mistakes: &mut Mistakes) {
    let ownership = &loaded.config.ownership;
    let Some(http) = &ownership.http else {
        return;
    };
    if ownership.store != OwnershipStore::Http {
        return;
    }
    for placed in &loaded.routes {
        if let Some(missing) = missing(placed, &http.lookups) {
            mistakes.add(&placed.place, missing);
        }
    }
}

/// What is needed and isn't there.
fn missing(placed: &PlacedRoute, lookups: &OwnershipLookups) -> Option<String> {
    let entry = &placed.entry;
    if entry.off.is_some() {
        return None;
    }
    let (needs, lookup, has) = match entry.vehicle.place() {
        Some((ReferenceKind::Vin, _)) => return None,
        Some((ReferenceKind::Alias, _)) => (
            "names a vehicle by an alias",
            "alias",
            lookups.alias.is_some(),
        ),
        Some((ReferenceKind::Case, _)) => {
            ("names a vehicle by a case", "case", lookups.case.is_some())
        }
        None if !entry.is_guarded() || entry.identity == IdentityNeed::None => return None,
        None => (
            "masks VINs that whoever asks may not see (unless it says `answer = \"unguarded\"`)",
            "subject",
            lookups.subject.is_some(),
        ),
    };
    (!has).then(|| {
        let id = &entry.id;
        format!("route `{id}` {needs}, which needs `ownership.http.lookups.{lookup}`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECT: &str = r#"subject = { url = "u", subject = "/s", vins = "/v" }"#;
    const ALIAS: &str = r#"alias = { url = "u", client = "/c", alias = "/a", vin = "/v" }"#;
    const CASE: &str = r#"case = { url = "u", case = "/c", vin = "/v" }"#;

    fn told(route: &str, lookups: &str) -> Option<String> {
        let entry = format!(
            "id = \"r\"\nsurface = \"s\"\nmethods = [\"GET\"]\npath = \"/{{x}}\"\naction = \"A\"\n\
             upstream = \"u\"\n{route}"
        );
        let placed = PlacedRoute {
            place: "routes.toml:1".to_owned(),
            entry: toml::from_str(&entry).unwrap(),
        };
        missing(&placed, &toml::from_str(lookups).unwrap())
    }

    #[test]
    fn a_route_needs_the_look_up_that_it_makes() {
        const LIST: &str = "vehicle = \"none\"";
        let table = [
            ("vehicle = { path = \"x\" }", "", None),
            (
                "vehicle = { alias = { path = \"x\" } }",
                ALIAS,
                Some("alias"),
            ),
            ("vehicle = { case = { path = \"x\" } }", CASE, Some("case")),
            (LIST, SUBJECT, Some("subject")),
            ("vehicle = \"none\"\nanswer = \"unguarded\"", "", None),
            ("vehicle = \"none\"\nidentity = \"none\"", "", None),
            (
                "vehicle = \"none\"\nidentity = \"none\"\nanswer = \"guarded\"",
                "",
                None,
            ),
            ("vehicle = \"none\"\nwebsocket = true", "", None),
            (
                "vehicle = { case = { path = \"x\" } }\noff = \"not yet\"",
                "",
                None,
            ),
        ];
        for (route, lookup, needed) in table {
            let told_without = told(route, "");
            let names = |told: &String| {
                needed.is_some_and(|needed| {
                    told.ends_with(&format!("needs `ownership.http.lookups.{needed}`"))
                })
            };
            assert_eq!(told_without.is_some(), needed.is_some(), "{route}");
            assert!(told_without.iter().all(names), "{route}: {told_without:?}");
            assert_eq!(told(route, lookup), None, "{route}");
        }
    }
}
