//! Do an issuer's tokens count by the keys that it publishes, whatever becomes of it?

use std::fs;

use tempfile::TempDir;

use crate::support::provider::Provider;
use crate::support::signing::TokenKey;
use crate::support::{Gateway, Plan, Tokens, Upstream, get};
use crate::{MORE, OWNED, ROUTES, vehicles};

const SET: &[&str] = &["surfaces.mobile.issuers=[\"owners\",\"people\"]"];

struct House {
    tokens: Tokens,
    upstream: Upstream,
    provider: Provider,
    config: String,
    vehicles: String,
    _folder: TempDir,
}

impl House {
    fn new(keys: &[&TokenKey]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let provider = Provider::start(folder.path(), keys);
        Self {
            tokens: Tokens::new(),
            upstream: Upstream::start(),
            config: format!("{MORE}{}", provider.config("people")),
            provider,
            vehicles: vehicles(),
            _folder: folder,
        }
    }

    fn plan(&self) -> Plan<'_> {
        Plan {
            routes: ROUTES,
            config: &self.config,
            vehicles: &self.vehicles,
            set: SET,
            ..Plan::default()
        }
    }

    fn start(&self) -> Gateway {
        Gateway::start(&self.plan(), &self.upstream, &self.tokens)
    }

    /// A token of the owner by this key: the same one each time.
    fn token(&self, key: &TokenKey) -> String {
        key.sign(&self.provider.claims("owner")).unwrap()
    }
}

fn key(id: &str) -> TokenKey {
    TokenKey::generate(id).unwrap()
}

fn status(gateway: &Gateway, token: &str) -> u16 {
    let path = format!("/cars/{OWNED}/battery");
    get(gateway.edge, &path, Some(token)).status
}

/// Waits until a token is answered so.
fn becomes(gateway: &Gateway, token: &str, expected: u16) {
    let what = format!("the status {expected}");
    gateway.until(&what, |gateway| {
        (status(gateway, token) == expected).then_some(())
    });
}

fn dependency(gateway: &Gateway) -> String {
    let output = gateway.operate(&["status"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find(|line| line.contains("keys people"));
    line.unwrap_or_else(|| panic!("{text}")).to_owned()
}

#[test]
fn keys_rotate_and_a_withdrawn_one_stops_though_its_tokens_were_remembered() {
    let (first, second, never) = (key("k1"), key("k2"), key("k3"));
    let house = House::new(&[&first]);
    let gateway = house.start();
    let (by_first, by_second) = (house.token(&first), house.token(&second));
    for _ in 0..2 {
        assert_eq!(status(&gateway, &by_first), 200);
    }
    house.provider.publish(&[&first, &second]);
    becomes(&gateway, &by_second, 200);
    assert_eq!(status(&gateway, &by_first), 200);
    house.provider.publish(&[&second]);
    // what nobody knows has the keys fetched; what is known, before the next time
    let forged = house.token(&never);
    gateway.until("the withdrawal", |gateway| {
        assert_eq!(status(gateway, &forged), 401);
        (status(gateway, &by_first) == 401).then_some(())
    });
    assert_eq!(status(&gateway, &by_second), 200);
    let own = house.tokens.token("owner");
    assert_eq!(status(&gateway, &own), 200, "another issuer's");
    let reasons = |gateway: &Gateway| -> Vec<String> {
        let records = gateway.audit();
        let reason = |record: &serde_json::Value| record["reason"].as_str().map(str::to_owned);
        records.iter().filter_map(reason).collect()
    };
    let told = gateway.until("the records", |gateway| {
        let reasons = reasons(gateway);
        (!reasons.is_empty()).then_some(reasons)
    });
    assert!(
        told.iter().all(|reason| reason == "unknown-key"),
        "{told:?}"
    );
}

#[test]
fn a_provider_that_is_down_stops_nobody_through_a_reload_and_a_restart() {
    let known = key("k1");
    let house = House::new(&[&known]);
    let gateway = house.start();
    let token = house.token(&known);
    assert_eq!(status(&gateway, &token), 200);
    assert!(
        dependency(&gateway).contains("ok: 1 keys, confirmed "),
        "{}",
        dependency(&gateway)
    );
    house.provider.go_down();
    let asked = house.provider.connections();
    gateway.signal("HUP");
    gateway.until("the reload", |gateway| {
        gateway.stderr().contains("reloaded").then_some(())
    });
    assert_eq!(status(&gateway, &token), 200);
    assert_eq!(house.provider.connections(), asked, "a reload asks nobody");
    assert!(gateway.metric("vingate_keys_usable") > 0.5);
    assert!(gateway.metric("vingate_keys_age_seconds") < 60.0);

    let gateway = Gateway::start_again(&house.plan(), gateway.kill());
    assert_eq!(status(&gateway, &token), 200, "by the set on disk");
    let told = dependency(&gateway);
    assert!(
        told.contains("FAILING: 1 keys") && told.contains("can't be asked"),
        "{told}"
    );
    assert!(gateway.metric("vingate_keys_failures_total") > 0.5);
}

#[test]
fn without_keys_one_issuers_tokens_are_refused_until_it_is_heard() {
    let known = key("k1");
    let house = House::new(&[&known]);
    let token = house.token(&known);
    let folder = house.start().kill();
    house.provider.go_down();
    // somebody else's keys on disk
    let file = folder.path().join("keys/people.json");
    let forged = key("k1");
    let text = fs::read_to_string(&file).unwrap();
    let (lines, _) = text.rsplit_once('\n').unwrap();
    fs::write(&file, format!("{lines}\n{}", forged.jwk_set().unwrap())).unwrap();
    let gateway = Gateway::start_again(&house.plan(), folder);
    for token in [&token, &house.token(&forged)] {
        assert_eq!(status(&gateway, token), 401);
    }
    assert_eq!(status(&gateway, &house.tokens.token("owner")), 200);
    assert!(
        gateway.stderr().contains("was not written here"),
        "{}",
        gateway.stderr()
    );
    let ready = get(gateway.ops, "/readyz", None);
    assert_eq!(
        ready.status, 200,
        "for one issuer nobody takes it out of service"
    );
    assert!(ready.text().contains("keys failed\n"), "{}", ready.text());
    assert!(dependency(&gateway).contains("no keys: its tokens are refused"));
    let is_told = |record: &serde_json::Value| record["reason"] == "keys-missing";
    gateway.until("the record", |gateway| {
        gateway.audit().iter().any(is_told).then_some(())
    });

    // and nobody has to do anything
    house.provider.publish(&[&known]);
    becomes(&gateway, &token, 200);
    assert_eq!(status(&gateway, &house.token(&forged)), 401);
}

#[test]
fn a_reload_with_an_authority_that_can_not_be_read_is_refused() {
    let known = key("k1");
    let house = House::new(&[&known]);
    let gateway = house.start();
    let token = house.token(&known);
    let file = gateway.folder.path().join("vingate.toml");
    let text = fs::read_to_string(&file).unwrap();
    let ca = text
        .split("ca_file = \"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    fs::write(&file, text.replace(ca, "nowhere.pem")).unwrap();
    gateway.signal("HUP");
    gateway.until("the refusal", |gateway| {
        gateway.stderr().contains("reload refused").then_some(())
    });
    let said = gateway.stderr();
    assert!(said.contains("issuers.people.fetch.ca_file"), "{said}");
    assert_eq!(status(&gateway, &token), 200);
}
