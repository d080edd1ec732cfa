//! What becomes of an issuer's keys, whatever comes back?

mod discovery;
mod kept;

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::adapters::http::tests::certificates::Authority;
use crate::adapters::http::tests::service::{Act, Service};
use crate::adapters::jwks::tests::{House, PATH, ids, set};
use crate::config::duration::Span;
use crate::pipeline::identity::minting::Pair;
use crate::pipeline::identity::published::Source;
use ring::hmac::HMAC_SHA256;

const SEAL: [u8; 32] = [7; 32];

fn moment(later: u64) -> Moment {
    let (now, later) = (Moment::now(), Duration::from_secs(later));
    Moment {
        at: now.at.checked_add(later).unwrap(),
        date: now.date.checked_add(later).unwrap(),
    }
}

/// A keeper of a source, and how often a key was gone.
fn keeper(source: Source) -> (Keeper, Arc<AtomicUsize>) {
    sealed(source, &SEAL)
}

fn sealed(source: Source, seal: &[u8; 32]) -> (Keeper, Arc<AtomicUsize>) {
    let gone = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&gone);
    let keeper = Keeper::new(
        Arc::new(Published::new(source)),
        hmac::Key::new(HMAC_SHA256, seal),
        Arc::default(),
        Arc::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
        }),
    );
    (keeper, gone)
}

fn flaw(keeper: &Keeper) -> String {
    lock(&keeper.news).flaw.clone().unwrap_or_default()
}

/// One that knows key `a` of this server.
async fn knowing(house: &House) -> (Keeper, Arc<AtomicUsize>) {
    house.service.put(PATH, &set(&[&Pair::es256("a")]));
    let (mut keeper, gone) = keeper(house.source("owners", Some(PATH)));
    keeper.ask(moment(0)).await;
    assert_eq!(ids(&keeper.published), ["a"]);
    (keeper, gone)
}

const JSON: &str = "Content-Type: application/json\r\n";

/// An answer (status, header fields, body), and why it leaves key `a`.
type Row<'a> = (&'a str, &'a str, &'a str, &'a str);

async fn check(house: &House, rows: &[Row<'_>]) {
    let (mut keeper, gone) = knowing(house).await;
    for (status, headers, body, expected) in rows {
        house.service.says(status, headers, body);
        keeper.ask(moment(1)).await;
        let told = flaw(&keeper);
        assert!(told.contains(expected), "{status} {headers}: {told}");
        assert!(told.len() <= 2 * REASON);
        assert_eq!(ids(&keeper.published), ["a"], "{told}");
        assert!(keeper.pace.due() < moment(15).at, "it is asked again soon");
    }
    assert_eq!(gone.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_key_set_leaves_the_last_good_one() {
    let good = set(&[&Pair::es256("z")]);
    let mut private = Pair::es256("p");
    private.jwk["d"] = "AAAA".into();
    let private = set(&[&private]);
    let many: Vec<Pair> = (0..101).map(|n| Pair::es256(&n.to_string())).collect();
    let many = set(&many.iter().collect::<Vec<_>>());
    let large = " ".repeat(50_000_000);
    let shared = r#"{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"k"}]}"#;
    let gzip = format!("{JSON}Content-Encoding: gzip\r\n");
    let ok = "200 OK";
    let rows = [
        (ok, "Content-Type: text/html\r\n", &*good, "not JSON"),
        (ok, "", &good, "not JSON"),
        (ok, &gzip, &good, "compressed"),
        (ok, JSON, "<html>", "not a JWK set"),
        (ok, JSON, "", "not a JWK set"),
        (ok, JSON, r#"{"keys":[]}"#, "no usable key"),
        (ok, JSON, shared, "no usable key"),
        (ok, JSON, r#"{"keys":[],"keys":[]}"#, "not a JWK set"),
        (ok, JSON, &private, "private part"),
        (ok, JSON, &many, "101 keys"),
        (ok, JSON, &large, "larger than 1048576 bytes"),
    ];
    check(&House::new().await, &rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_answer_or_leads_elsewhere_leaves_the_last_good_one() {
    let (house, elsewhere) = (House::new().await, Service::start(None).await);
    let good = set(&[&Pair::es256("z")]);
    let away = format!("Location: http://{}/keys\r\n", elsewhere.address);
    let here = "Location: /keys\r\n";
    let rows = [
        ("500 Internal Server Error", JSON, &*good, "status is 500"),
        ("404 Not Found", JSON, &good, "there is nothing (404)"),
        ("204 No Content", JSON, "", "its status is 204"),
        ("302 Found", &away, "", "it redirects"),
        ("307 Temporary Redirect", &away, &good, "it redirects"),
        ("301 Moved Permanently", here, "", "it redirects"),
        ("304 Not Modified", JSON, "", "nobody asked"),
    ];
    check(&house, &rows).await;
    assert!(elsewhere.heads().is_empty(), "no redirect was followed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_leaves_the_last_good_one() {
    let house = House::new().await;
    let (mut keeper, _) = knowing(&house).await;
    for (bytes, expected) in [
        (&b"SSH-2.0-x\r\n"[..], "invalid HTTP version"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{",
            "breaks off",
        ),
        (b"", "before message completed"),
    ] {
        house.service.act(&[Act::Raw(bytes.to_vec())]);
        keeper.ask(moment(1)).await;
        let told = flaw(&keeper);
        assert!(told.contains(expected), "{told}");
        assert_eq!(ids(&keeper.published), ["a"], "{told}");
    }
    house.service.act(&[Act::Honest]);
    keeper.ask(moment(1)).await;
    assert_eq!(flaw(&keeper), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_or_is_gone_leaves_the_last_good_one() {
    let house = House::new().await;
    let mut source = house.source("owners", Some(PATH));
    source.fetch.timeout = Span::from_millis(100);
    let (mut keeper, _) = keeper(source);
    house.service.put(PATH, &set(&[&Pair::es256("a")]));
    while ids(&keeper.published) != ["a"] {
        keeper.ask(moment(0)).await; // a busy machine may take longer than that
    }
    house.service.act(&[Act::Hang]);
    keeper.ask(moment(1)).await;
    assert_eq!(flaw(&keeper), "no answer in time");
    house.service.kill().await;
    keeper.ask(moment(1)).await;
    assert!(
        flaw(&keeper).starts_with("no connection"),
        "{}",
        flaw(&keeper)
    );
    assert_eq!(ids(&keeper.published), ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_not_believed() {
    let house = House::new().await;
    house.service.put(PATH, &set(&[&Pair::es256("a")]));
    let folder = tempfile::tempdir().unwrap();
    let other = Authority::new(folder.path());
    let right = house.source("owners", Some(PATH));
    let (mut authority, mut name) = (right.clone(), right.clone());
    authority.fetch.ca_file = Some(other.file.clone());
    let port = house.service.address.port();
    name.url = Some(format!("https://localhost:{port}{PATH}"));
    for source in [authority, name] {
        let (mut keeper, _) = keeper(source);
        keeper.ask(moment(0)).await;
        assert!(flaw(&keeper).contains("certificate"), "{}", flaw(&keeper));
        assert_eq!(ids(&keeper.published), ["KeysMissing"]);
    }
    assert!(house.service.heads().is_empty(), "nothing was asked");
    let (mut keeper, _) = keeper(right);
    keeper.ask(moment(0)).await;
    assert_eq!(ids(&keeper.published), ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_that_stays_is_not_sent_again() {
    let house = House::new().await;
    let body = set(&[&Pair::es256("a")]);
    let headers = "Content-Type: application/jwk-set+json\r\nETag: \"v1\"\r\n";
    house.service.says("200 OK", headers, &body);
    let (mut keeper, gone) = keeper(house.source("owners", Some(PATH)));
    keeper.ask(moment(0)).await;
    let first = keeper.published.keys(moment(0).date).unwrap();
    house.service.says(
        "304 Not Modified",
        "ETag: \"v1\"\r\nCache-Control: max-age=20\r\n",
        "",
    );
    let later = moment(60);
    keeper.ask(later).await;
    assert_eq!(flaw(&keeper), "");
    let heads = house.service.heads();
    assert!(!heads[0].contains("if-none-match"), "{}", heads[0]);
    assert!(
        heads[1].contains("if-none-match: \"v1\"\r\n"),
        "{}",
        heads[1]
    );
    let second = keeper.published.keys(moment(3_650).date).unwrap();
    assert!(Arc::ptr_eq(&first, &second), "confirmed, and the same");
    assert!(
        keeper.pace.due() <= later.at + Duration::from_secs(18),
        "it says how long"
    );
    assert_eq!(gone.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_lapse_with_their_age_and_come_back() {
    let house = House::new().await;
    let (mut keeper, gone) = knowing(&house).await;
    house.service.says("500 Internal Server Error", "", "");
    keeper.look(moment(3_500)).await;
    assert_eq!(ids(&keeper.published), ["a"]);
    assert!(keeper.next() <= moment(3_600).at);
    // by the clock that nobody can set, whatever the date says
    let late = Moment {
        at: moment(3_601).at,
        date: moment(0).date,
    };
    keeper.look(late).await;
    assert_eq!(ids(&keeper.published), ["KeysTooOld"]);
    assert_eq!(
        gone.load(Ordering::SeqCst),
        1,
        "what they vouched for is judged anew"
    );
    let told = lock(&keeper.news).told(&keeper.published, moment(0).date);
    assert!(
        !told.is_usable && told.says.contains("counted until"),
        "{told:?}"
    );
    house.service.act(&[Act::Honest]);
    keeper.look(moment(3_700)).await;
    assert_eq!(ids(&keeper.published), ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_wishes_are_one_question_and_none_before_its_time() {
    let house = House::new().await;
    house.service.put(PATH, &set(&[&Pair::es256("a")]));
    let mut source = house.source("owners", Some(PATH));
    source.fetch.cooldown = Span::from_secs(10);
    let (mut keeper, _) = keeper(source);
    keeper.ask(moment(0)).await;
    for _ in 0..1_000 {
        keeper.pace.wanted();
        keeper.look(moment(9)).await;
    }
    assert_eq!(house.service.heads().len(), 1);
    for _ in 0..1_000 {
        keeper.pace.wanted();
        keeper.look(moment(11)).await;
    }
    assert_eq!(house.service.heads().len(), 2);
}
