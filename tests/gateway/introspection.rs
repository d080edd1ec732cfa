//! Does an opaque token count by its issuer's word, for as long as that lasts?

use std::fs;

use tempfile::TempDir;

use crate::support::provider::Provider;
use crate::support::signing::TokenKey;
use crate::support::{Gateway, Plan, Tokens, Upstream, get};
use crate::{FOREIGN, MORE, OWNED, ROUTES, vehicles};

const SET: &[&str] = &["surfaces.mobile.issuers=[\"owners\",\"people\"]"];

const TOKEN: &str = "2YotnFZFEjr1zCsicMWpAA";

struct House {
    tokens: Tokens,
    upstream: Upstream,
    provider: Provider,
    config: String,
    vehicles: String,
    _folder: TempDir,
}

impl House {
    fn new(max_cache: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = TokenKey::generate("k1").unwrap();
        let provider = Provider::start(folder.path(), &[&key]);
        provider.grant(TOKEN, "owner");
        Self {
            tokens: Tokens::new(),
            upstream: Upstream::start(),
            config: format!("{MORE}{}", provider.asked("people", max_cache)),
            provider,
            vehicles: vehicles(),
            _folder: folder,
        }
    }

    fn start(&self) -> Gateway {
        let plan = Plan {
            routes: ROUTES,
            config: &self.config,
            vehicles: &self.vehicles,
            set: SET,
            ..Plan::default()
        };
        Gateway::start(&plan, &self.upstream, &self.tokens)
    }
}

fn status(gateway: &Gateway, vin: &str, token: &str) -> u16 {
    let path = format!("/cars/{vin}/battery");
    get(gateway.edge, &path, Some(token)).status
}

/// Waits until a record has this reason.
fn recorded(gateway: &Gateway, reason: &str) {
    let is_told = |record: &serde_json::Value| record["reason"] == reason;
    gateway.until(reason, |gateway| {
        gateway.audit().iter().any(is_told).then_some(())
    });
}

fn dependency(gateway: &Gateway) -> String {
    let output = gateway.operate(&["status"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text
        .lines()
        .find(|line| line.contains("introspection people"));
    line.unwrap_or_else(|| panic!("{text}")).to_owned()
}

#[test]
fn an_opaque_token_reaches_the_owners_car_and_no_others() {
    let house = House::new("60s");
    let gateway = house.start();
    for _ in 0..3 {
        assert_eq!(status(&gateway, OWNED, TOKEN), 200);
        assert_eq!(status(&gateway, FOREIGN, TOKEN), 403);
    }
    assert_eq!(
        house.provider.introspected(TOKEN),
        1,
        "its word is remembered"
    );
    assert_eq!(status(&gateway, OWNED, "made-up"), 401);
    recorded(&gateway, "inactive");
    assert!(
        dependency(&gateway).contains("ok: heard "),
        "{}",
        dependency(&gateway)
    );
    assert!(gateway.metric("vingate_introspection_answering") > 0.5);
    assert!(!gateway.stderr().contains(TOKEN));
}

#[test]
fn a_jwt_goes_its_own_way_a_good_one_and_one_that_is_made_up() {
    let house = House::new("60s");
    let gateway = house.start();
    let own = house.tokens.token("owner");
    assert_eq!(status(&gateway, OWNED, &own), 200);
    assert_eq!(status(&gateway, OWNED, &own.replace('.', ".e30.")), 401);
    let forged = TokenKey::generate("k1").unwrap();
    let forged = forged.sign(&house.provider.claims("owner")).unwrap();
    assert_eq!(status(&gateway, OWNED, &forged), 401);
    assert_eq!(
        house.provider.introspected(&forged),
        0,
        "the issuer isn't asked"
    );
}

#[test]
fn what_was_taken_back_here_is_refused_at_once_though_it_is_remembered() {
    let house = House::new("60s");
    let gateway = house.start();
    house.provider.grant("other", "owner");
    assert_eq!(status(&gateway, OWNED, TOKEN), 200);
    let words = [
        "token",
        "revoke",
        "--issuer",
        "people",
        "--subject",
        "owner",
        "--reason",
        "stolen",
    ];
    let output = gateway.operate(&words);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(status(&gateway, OWNED, TOKEN), 401);
    assert_eq!(
        status(&gateway, OWNED, "other"),
        401,
        "nor one that is seen only now"
    );
    recorded(&gateway, "revoked");
    let own = house.tokens.token("owner");
    assert_eq!(status(&gateway, OWNED, &own), 200, "another issuer's");
}

#[test]
fn what_the_issuer_withdrew_counts_for_max_cache_and_no_longer() {
    let house = House::new("1s");
    let gateway = house.start();
    assert_eq!(status(&gateway, OWNED, TOKEN), 200);
    house.provider.withdraw(TOKEN);
    gateway.until("the withdrawal", |gateway| {
        (status(gateway, OWNED, TOKEN) == 401).then_some(())
    });
    house.provider.grant(TOKEN, "owner");
    gateway.until("the grant", |gateway| {
        (status(gateway, OWNED, TOKEN) == 200).then_some(())
    });
}

#[test]
fn an_issuer_that_is_down_stops_nobody_who_is_known() {
    let house = House::new("10m");
    house.provider.grant("unseen", "owner");
    let gateway = house.start();
    assert_eq!(status(&gateway, OWNED, TOKEN), 200);
    house.provider.go_down();
    gateway.signal("HUP");
    gateway.until("the reload", |gateway| {
        gateway.stderr().contains("reloaded").then_some(())
    });
    assert_eq!(status(&gateway, OWNED, TOKEN), 200, "over a reload");
    let path = format!("/cars/{OWNED}/battery");
    let unseen = get(gateway.edge, &path, Some("unseen"));
    assert_eq!(unseen.status, 503);
    assert!(
        unseen.text().contains("dependency-unavailable"),
        "{}",
        unseen.text()
    );
    recorded(&gateway, "introspection");
    let own = house.tokens.token("owner");
    assert_eq!(status(&gateway, OWNED, &own), 200, "another issuer's");
    assert!(
        dependency(&gateway).contains("FAILING"),
        "{}",
        dependency(&gateway)
    );
    assert!(gateway.metric("vingate_introspection_failures_total") > 0.5);
}

#[test]
fn a_secret_that_the_issuer_does_not_know_is_told_and_a_new_one_counts() {
    let house = House::new("60s");
    let gateway = house.start();
    let file = gateway.folder.path().join("introspection.secret");
    let change = |secret: &str, reloads: usize| {
        fs::write(&file, secret).unwrap();
        // another way to ask, so new connections
        let config = gateway.folder.path().join("vingate.toml");
        let text = fs::read_to_string(&config).unwrap();
        fs::write(
            &config,
            text.replace("timeout = \"5s\"", "timeout = \"4s\""),
        )
        .unwrap();
        gateway.signal("HUP");
        gateway.until("the reload", |gateway| {
            let times = gateway.stderr().matches("reload").count();
            (times >= reloads).then_some(())
        });
    };
    change("wrong", 1);
    assert_eq!(status(&gateway, OWNED, TOKEN), 503);
    let told = dependency(&gateway);
    assert!(
        told.contains("FAILING") && told.contains("client_secret_file"),
        "{told}"
    );
    change("\n", 2);
    let said = gateway.stderr();
    assert!(said.contains("reload refused"), "{said}");
    assert!(said.contains("introspection.client_secret_file"), "{said}");
}
