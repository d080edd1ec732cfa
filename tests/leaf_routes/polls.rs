//! Is every poll of the shipped estate bound to its command, and charged by itself?

use std::collections::BTreeSet;

use vingate::config::route::RouteEntry;

use crate::{actions, routes};

#[test]
fn polls_do_not_charge_what_commands_charge() {
    let routes = routes();
    let charged = |polls: bool| -> BTreeSet<String> {
        let is_poll = |route: &RouteEntry| route.id.contains("-result");
        let chosen = routes.iter().filter(|(_, route)| is_poll(route) == polls);
        chosen.flat_map(|(_, route)| route.quotas.clone()).collect()
    };
    assert_eq!(charged(true), BTreeSet::from(["polls".to_owned()]));
    assert!(!charged(false).contains("polls"));
}

#[test]
fn every_poll_is_bound_to_a_command_that_gives_its_key_out() {
    let routes = routes();
    let with = |presented: bool| -> BTreeSet<&str> {
        let keyed = routes.iter().filter(|(_, route)| {
            let place = route.result_key.as_ref();
            place.is_some_and(|place| place.presented().is_some() == presented)
        });
        keyed.map(|(_, route)| route.id.as_str()).collect()
    };
    let polls: BTreeSet<&str> = routes
        .iter()
        .map(|(_, route)| route.id.as_str())
        .filter(|id| id.contains("-result"))
        .collect();
    assert_eq!(with(true), polls);
    for (_, route) in &routes {
        let is_poll = actions(&route.action).contains(&"PollResult");
        assert!(
            !is_poll || polls.contains(route.id.as_str()),
            "{}",
            route.id
        );
    }
    let commands = ["climate-start", "climate-stop", "locate", "refresh"];
    let both = |name: &str| [format!("mobile-v1.{name}"), format!("mobile-v1.{name}-get")];
    let commands: BTreeSet<String> = commands.iter().flat_map(|name| both(name)).collect();
    assert_eq!(with(false), commands.iter().map(String::as_str).collect());
}
