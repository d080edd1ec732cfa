//! Does what an issuer says come through, and nothing else?

mod outages;

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use tempfile::TempDir;

use super::*;
use crate::adapters::http::tests::certificates::Authority;
use crate::adapters::http::tests::service::{Act, Service as Server};
use crate::config::duration::Span;
use crate::config::file::{ServiceBreaker, StatedAudience};

const ACTIVE: &str = r#"{"active":true,"sub":"user-1"}"#;

/// An issuer with a certificate of a private authority.
struct House {
    folder: TempDir,
    authority: Authority,
    service: Server,
}

impl House {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(folder.path());
        let tls = authority.issue("id.test").server();
        let house = Self {
            service: Server::start(Some(tls)).await,
            folder,
            authority,
        };
        std::fs::write(house.secret_file(), "s3cr:et +/%\n").unwrap();
        house
    }

    fn secret_file(&self) -> PathBuf {
        self.folder.path().join("secret")
    }

    fn source(&self) -> Source {
        Source {
            name: Arc::from("owners"),
            issuer: "https://id.test".to_owned(),
            asked: file::Introspection {
                url: format!("https://{}/introspect", self.service.address),
                client_id: "gate:way".to_owned(),
                client_secret_file: self.secret_file(),
                ca_file: Some(self.authority.file.clone()),
                audience: StatedAudience::Required,
                max_cache: Span::from_secs(60),
                negative_cache: Span::from_secs(5),
                timeout: Span::from_secs(5), // two cores run all tests at once
                connections: 4,
                breaker: ServiceBreaker::default(),
            },
        }
    }

    fn knows(&self, token: &str, answer: &str) {
        let form = format!("/introspect?token={token}&token_type_hint=access_token");
        self.service.put(&form, answer);
    }
}

fn following(source: &Source) -> Introspections {
    Introspections::new(Handle::current(), [source].into_iter())
}

fn is_answering(all: &Introspections) -> bool {
    let told = all.told();
    assert_eq!(told.len(), 1);
    told[0].is_answering
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_asked_about_as_rfc_7662_says() {
    let house = House::new().await;
    house.knows("a.b-c_d~e%2Bf%2Fg%3D%3D", ACTIVE);
    let source = house.source();
    let all = following(&source);
    assert!(is_answering(&all), "nobody has asked yet");
    let said = all.ask(&source, "a.b-c_d~e+f/g==").await;
    assert_eq!(said, Ok(Bytes::from_static(ACTIVE.as_bytes())));
    let heads = house.service.heads();
    let [asked] = heads.as_slice() else {
        panic!("one question: {heads:?}");
    };
    assert!(
        asked.starts_with("POST /introspect HTTP/1.1\r\n"),
        "{asked}"
    );
    let basic = STANDARD.encode("gate%3Away:s3cr%3Aet%20%2B%2F%25");
    for line in [
        &format!("authorization: Basic {basic}"),
        "accept: application/json",
        "content-type: application/x-www-form-urlencoded",
    ] {
        assert!(
            asked.contains(&format!("\r\n{line}\r\n")),
            "{line}: {asked}"
        );
    }
    assert!(is_answering(&all));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_question_answers_all_who_ask_about_a_token_at_once() {
    let house = House::new().await;
    house.knows("one", ACTIVE);
    house.knows("two", r#"{"active":false}"#);
    house.service.act(&[Act::Slow(Duration::from_millis(300))]);
    let source = house.source();
    let all = following(&source);
    let of = |token| (0..50).map(move |_| token);
    let tokens = of("one").chain(of("two"));
    let asked = tokens.map(|token| {
        let (all, source) = (&all, &source);
        async move { (token, all.ask(source, token).await.unwrap()) }
    });
    for (token, said) in join_all(asked).await {
        assert_eq!(said == ACTIVE, token == "one", "{token}: {said:?}");
    }
    assert_eq!(house.service.heads().len(), 2);
    house.service.act(&[Act::Honest]);
    assert!(all.ask(&source, "one").await.is_ok());
    assert_eq!(house.service.heads().len(), 3, "nothing is remembered here");
}

const JSON: &str = "Content-Type: application/json\r\n";

/// Status, more of the head, body, and what an operator is told of it.
const NO_ANSWERS: &[(&str, &str, &str, &str)] = &[
    (
        "401 Unauthorized",
        JSON,
        r#"{"error":"invalid_client"}"#,
        "doesn't believe",
    ),
    ("403 Forbidden", JSON, ACTIVE, "doesn't believe"),
    ("400 Bad Request", JSON, ACTIVE, "status is 400"),
    ("404 Not Found", JSON, ACTIVE, "status is 404"),
    ("201 Created", JSON, ACTIVE, "status is 201"),
    ("204 No Content", JSON, "", "status is 204"),
    ("302 Found", "Location: /other\r\n", ACTIVE, "redirects"),
    (
        "307 Temporary Redirect",
        "Location: https://evil.test/\r\n",
        "",
        "redirects",
    ),
    ("200 OK", "", ACTIVE, "content type"),
    (
        "200 OK",
        "Content-Type: text/html\r\n",
        ACTIVE,
        "content type",
    ),
    (
        "200 OK",
        "Content-Type: application/token-introspection+jwt\r\n",
        ACTIVE,
        "content type",
    ),
    (
        "200 OK",
        "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
        ACTIVE,
        "content type",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_answer_of_the_issuer_does_not_come_through() {
    let house = House::new().await;
    let source = house.source();
    let all = following(&source);
    let large = format!("{ACTIVE}{}", " ".repeat(70_000));
    let all_rows = NO_ANSWERS
        .iter()
        .copied()
        .chain([("200 OK", JSON, large.as_str(), "larger")]);
    for (status, headers, body, why) in all_rows {
        house.service.says(status, headers, body);
        let said = all.ask(&source, "one").await;
        assert_eq!(said, Err(LookupError::Malformed), "{status} {headers}");
        let told = all.told();
        assert!(told[0].says.contains(why), "{status} {headers}: {told:?}");
        assert!(!is_answering(&all));
    }
    house.service.says("200 OK", JSON, ACTIVE);
    assert!(
        all.ask(&source, "one").await.is_ok(),
        "none of them opened its breaker"
    );
    assert!(is_answering(&all));
    let asked = house.service.heads();
    let paths = asked.iter().map(|head| head.split(' ').nth(1).unwrap());
    assert!(paths.clone().all(|path| path == "/introspect"), "{asked:?}");
}

/// A stranger in between, or one who answers in its place.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_the_issuers_hears_no_token() {
    let house = House::new().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let mut source = house.source();
    source.asked.ca_file = Some(Authority::new(elsewhere.path()).file.clone());
    let all = following(&source);
    let said = all.ask(&source, "one").await;
    assert_eq!(said, Err(LookupError::Unreachable));
    assert!(house.service.heads().is_empty());
    assert!(!is_answering(&all));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_is_not_followed_is_not_asked() {
    let house = House::new().await;
    house.knows("one", ACTIVE);
    let source = house.source();
    let all = following(&source);
    let mut other = source.clone();
    other.asked.client_id = "other".to_owned();
    assert_eq!(all.ask(&other, "one").await, Err(LookupError::Unreachable));
    assert!(house.service.heads().is_empty());
    all.follow([&other].into_iter());
    assert!(all.ask(&other, "one").await.is_ok());
    assert!(all.ask(&source, "one").await.is_ok(), "a request under way");
    all.follow([&other].into_iter());
    assert_eq!(all.ask(&source, "one").await, Err(LookupError::Unreachable));
    let connections = house.service.connections();
    assert!(all.ask(&other, "one").await.is_ok());
    assert_eq!(
        house.service.connections(),
        connections,
        "it goes on as it is"
    );
}

#[test]
fn files_that_cannot_be_used_are_told_before() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let file = folder.path().join("secret");
    let asked = |ca_file: &PathBuf| file::Introspection {
        url: "https://id.test/".to_owned(),
        client_id: "gateway".to_owned(),
        client_secret_file: file.clone(),
        ca_file: Some(ca_file.clone()),
        audience: StatedAudience::Required,
        max_cache: Span::from_secs(60),
        negative_cache: Span::from_secs(5),
        timeout: Span::from_secs(1),
        connections: 4,
        breaker: ServiceBreaker::default(),
    };
    let read = |ca_file: &PathBuf| {
        let read = Access::read(&files("owners", &asked(ca_file)));
        read.map(drop)
    };
    let told = read(&authority.file).unwrap_err();
    assert!(
        told.starts_with("`issuers.owners.introspection.client_secret_file`: can't read"),
        "{told}"
    );
    for text in [
        "",
        "\n",
        "two\nlines",
        "tab\there",
        "\u{fc}",
        &"x".repeat(8_193),
    ] {
        std::fs::write(&file, text).unwrap();
        let told = read(&authority.file).unwrap_err();
        assert!(told.ends_with("wants one line with a secret"), "{told}");
        assert!(
            text.trim().is_empty() || !told.contains(text),
            "a secret is not told"
        );
    }
    std::fs::write(&file, "s3cret with spaces\n").unwrap();
    assert_eq!(read(&authority.file), Ok(()));
    let told = read(&file).unwrap_err();
    assert!(
        told.contains("`issuers.owners.introspection.ca_file`"),
        "{told}"
    );
}
