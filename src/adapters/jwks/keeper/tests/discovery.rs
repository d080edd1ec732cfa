//! Does an issuer's metadata lead to its keys, and to nobody else's?

use serde_json::{Value, json};

use super::*;

const OPENID: &str = "/.well-known/openid-configuration";

async fn asked(house: &House, issuer: &str, path: &str, metadata: &Value) -> (Keeper, String) {
    house.service.put(path, &metadata.to_string());
    let mut source = house.source("owners", None);
    source.issuer = issuer.to_owned();
    let (mut keeper, _) = keeper(source);
    keeper.ask(moment(0)).await;
    let flaw = flaw(&keeper);
    (keeper, flaw)
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_is_found_where_each_standard_has_it() {
    let house = House::new().await;
    let url = house.url();
    house.service.put(PATH, &set(&[&Pair::es256("a")]));
    let rows = [
        ("", OPENID.to_owned()),
        ("/", OPENID.to_owned()),
        ("/a/b", format!("/a/b{OPENID}")),
        ("/a/c/", format!("/a/c{OPENID}")),
        ("/d", "/.well-known/oauth-authorization-server/d".to_owned()),
    ];
    for (tail, path) in rows {
        let issuer = format!("{url}{tail}");
        let metadata = json!({"issuer": issuer, "jwks_uri": format!("{url}{PATH}")});
        let (keeper, flaw) = asked(&house, &issuer, &path, &metadata).await;
        assert_eq!(ids(&keeper.published), ["a"], "{tail}: {flaw}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_is_read_anew_each_time() {
    let house = House::new().await;
    let url = house.url();
    house.service.put(PATH, &set(&[&Pair::es256("a")]));
    house.service.put("/moved", &set(&[&Pair::es256("b")]));
    let metadata = json!({"issuer": url, "jwks_uri": format!("{url}{PATH}")});
    let (mut keeper, _) = asked(&house, &url, OPENID, &metadata).await;
    assert_eq!(ids(&keeper.published), ["a"]);
    let moved = json!({"issuer": url, "jwks_uri": format!("{url}/moved")});
    house.service.put(OPENID, &moved.to_string());
    keeper.ask(moment(1)).await;
    assert_eq!(ids(&keeper.published), ["b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_that_leads_elsewhere_is_refused() {
    let (house, other) = (House::new().await, House::new().await);
    let (url, elsewhere) = (house.url(), other.url());
    for service in [&house.service, &other.service] {
        service.put(PATH, &set(&[&Pair::es256("a")]));
    }
    let right = format!("{url}{PATH}");
    let plain = right.replace("https:", "http:");
    let rows = [
        (
            json!({"issuer": elsewhere, "jwks_uri": right}),
            "another `issuer`",
        ),
        (
            json!({"issuer": format!("{url}/"), "jwks_uri": right}),
            "another `issuer`",
        ),
        (
            json!({"issuer": [url], "jwks_uri": right}),
            "another `issuer`",
        ),
        (json!({"jwks_uri": right}), "another `issuer`"),
        (json!({"issuer": url}), "no `jwks_uri`"),
        (json!({"issuer": url, "jwks_uri": [right]}), "no `jwks_uri`"),
        (json!({"issuer": url, "jwks_uri": PATH}), "no URL"),
        (
            json!({"issuer": url, "jwks_uri": "file:///etc/passwd"}),
            "no URL",
        ),
        (json!({"issuer": url, "jwks_uri": plain}), "another server"),
        (
            json!({"issuer": url, "jwks_uri": format!("{elsewhere}{PATH}")}),
            "another server",
        ),
        (json!([]), "another `issuer`"),
        (
            json!({"issuer": url, "jwks_uri": right, "x": " ".repeat(METADATA)}),
            "larger than 65536 bytes",
        ),
    ];
    for (metadata, expected) in rows {
        let (keeper, flaw) = asked(&house, &url, OPENID, &metadata).await;
        assert!(
            flaw.contains("metadata: ") && flaw.contains(expected),
            "{flaw}"
        );
        assert_eq!(ids(&keeper.published), ["KeysMissing"], "{flaw}");
    }
    let twice = format!(r#"{{"issuer":"{elsewhere}","issuer":"{url}","jwks_uri":"{right}"}}"#);
    house.service.put(OPENID, &twice);
    let (mut keeper, _) = keeper(house.source("owners", None));
    keeper.ask(moment(0)).await;
    assert!(
        flaw(&keeper).contains("says a thing once"),
        "{}",
        flaw(&keeper)
    );
    assert!(other.service.heads().is_empty(), "nobody else was asked");
}

const METADATA: usize = 65_536;
