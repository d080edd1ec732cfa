//! What is no answer, each with what comes of it.

use serde_json::json;

use super::service::record;
use super::*;
use crate::config::file::PrincipalKind;

const JSON: &str = "Content-Type: application/json\r\n";

type Found = Result<Option<Arc<VehicleFacts>>, LookupError>;

/// Whatever it is: never facts, and absence only where `absent`.
async fn find(directory: &HttpDirectory) -> Found {
    directory.find(&vin()).await
}

/// The good answer with one thing changed; `None` takes it out.
fn changed(pointer: &str, value: Option<Value>) -> String {
    let mut answer = record("alice");
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = answer.pointer_mut(parent).and_then(Value::as_object_mut);
    let parent = parent.expect(pointer);
    assert!(parent.contains_key(name), "{pointer}");
    match value {
        Some(value) => drop(parent.insert(name.to_owned(), value)),
        None => drop(parent.remove(name)),
    }
    answer.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_member_that_is_mapped_counts() {
    let house = House::new();
    let directory = house.open("");
    house
        .service
        .says("200 OK", JSON, &record("alice").to_string());
    let facts = find(&directory).await.unwrap().unwrap();
    assert_eq!(facts.owner.as_deref(), Some("alice"));
    let required = [
        "/vehicle/id",
        "/vehicle/place/region",
        "/vehicle/trim",
        "/vehicle/can",
        "/holder/sub",
        "/on",
        "/disputed",
        "/fleet",
        "/shared",
        "/shared/0/who/sub",
        "/shared/0/may",
        "/shared/0/ends",
        "/partners",
        "/partners/0/app",
        "/partners/0/scopes",
        "/partners/0/ends",
        "/orders",
        "/orders/0/no",
        "/orders/0/at",
        "/orders/0/role",
        "/orders/0/agreed",
        "/orders/0/ends",
        "/cases",
        "/cases/0/no",
        "/cases/0/agent",
        "/cases/0/ends",
    ];
    let nullable = [
        "/holder/sub",
        "/fleet",
        "/shared/0/ends",
        "/partners/0/ends",
    ];
    for pointer in required {
        let flaws = [
            None,
            Some(json!(7)),
            Some(json!({"x": true})),
            Some(json!("\u{7}")),
        ];
        for flaw in flaws {
            house
                .service
                .says("200 OK", JSON, &changed(pointer, flaw.clone()));
            let found = find(&directory).await;
            assert_eq!(found, Err(LookupError::Malformed), "{pointer}: {flaw:?}");
        }
        let null = changed(pointer, Some(Value::Null));
        house.service.says("200 OK", JSON, &null);
        let is_read = find(&directory).await.is_ok();
        assert_eq!(is_read, nullable.contains(&pointer), "{pointer}: null");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "a table, one row an answer")]
async fn what_is_no_answer_is_unknown() {
    let house = House::new();
    let directory = house.open("breaker = { failures = 1000 }");
    let good = record("alice").to_string();
    let (broken, unreachable) = (Err(LookupError::Malformed), Err(LookupError::Unreachable));
    let of_another = changed("/vehicle/id", Some(json!("SJNFAAZE0U6012346")));
    let in_small = changed("/vehicle/id", Some(json!(VIN.to_lowercase())));
    let end = changed("/shared/0/ends", Some(json!("tomorrow")));
    let large = changed("/vehicle/trim", Some(json!("x".repeat(65 * 1024))));
    let twice = good.replacen('{', "{\"holder\":{\"sub\":\"mallory\"},", 1);
    let place = "Location: /v1/vehicles/other\r\n";
    let unknown = r#"{"code":"unknown"}"#;
    let zipped = format!("{JSON}Content-Encoding: gzip\r\n");
    let rows: &[(&str, &str, &str, &str, Found)] = &[
        (
            "another vehicle",
            "200 OK",
            JSON,
            &of_another,
            broken.clone(),
        ),
        (
            "a VIN in small letters",
            "200 OK",
            JSON,
            &in_small,
            broken.clone(),
        ),
        (
            "an end that is no time",
            "200 OK",
            JSON,
            &end,
            broken.clone(),
        ),
        ("too large", "200 OK", JSON, &large, broken.clone()),
        ("two owners", "200 OK", JSON, &twice, broken.clone()),
        (
            "a page",
            "200 OK",
            "Content-Type: text/html\r\n",
            &good,
            broken.clone(),
        ),
        ("no type", "200 OK", "", &good, broken.clone()),
        ("compressed", "200 OK", &zipped, &good, broken.clone()),
        ("not JSON", "200 OK", JSON, "<html>", broken.clone()),
        ("nothing", "200 OK", JSON, "", broken.clone()),
        ("an array", "200 OK", JSON, "[]", broken.clone()),
        ("204", "204 No Content", "", "", broken.clone()),
        ("a part", "206 Partial Content", JSON, &good, broken.clone()),
        ("a redirect", "302 Found", place, "", broken.clone()),
        ("401", "401 Unauthorized", JSON, &good, broken.clone()),
        ("403", "403 Forbidden", JSON, unknown, broken.clone()),
        ("410", "410 Gone", JSON, unknown, broken.clone()),
        (
            "429",
            "429 Too Many Requests",
            JSON,
            &good,
            unreachable.clone(),
        ),
        (
            "500",
            "500 Internal Server Error",
            JSON,
            &good,
            unreachable.clone(),
        ),
        (
            "503",
            "503 Service Unavailable",
            JSON,
            unknown,
            unreachable.clone(),
        ),
        (
            "404 of the service",
            "404 Not Found",
            JSON,
            unknown,
            Ok(None),
        ),
        (
            "404 of a proxy",
            "404 Not Found",
            "Content-Type: text/html\r\n",
            "<p>",
            broken.clone(),
        ),
        (
            "404 of another kind",
            "404 Not Found",
            JSON,
            r#"{"code":"no-route"}"#,
            broken,
        ),
    ];
    for (why, status, headers, body, expected) in rows {
        house.service.says(status, headers, body);
        assert_eq!(find(&directory).await, *expected, "{why}");
    }
    let heads = house.service.heads();
    assert!(
        !heads.iter().any(|head| head.contains("/other")),
        "nothing is followed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_or_breaks_off_is_unknown() {
    let house = House::new();
    let directory = house.open("breaker = { failures = 1000 }");
    let good = record("alice").to_string();
    let cut = format!("HTTP/1.1 200 OK\r\n{JSON}Content-Length: 9999\r\n\r\n{good}");
    let open_end = format!(
        "HTTP/1.1 200 OK\r\n{JSON}\r\n{}",
        good.strip_suffix('}').unwrap()
    );
    let huge_head = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(200_000));
    let (broken, unreachable) = (LookupError::Malformed, LookupError::Unreachable);
    let rows = [
        ("garbage", "\u{0}\u{1}\u{2} garbage\r\n\r\n", broken),
        ("another protocol", "SSH-2.0-OpenSSH_9.6\r\n", broken),
        ("a head without end", &huge_head, broken),
        ("hung up at once", "", unreachable),
        (
            "hung up in the head",
            "HTTP/1.1 200 OK\r\nConte",
            unreachable,
        ),
        ("hung up in the body", &cut, unreachable),
        ("cut where only the end tells", &open_end, broken),
    ];
    for (why, bytes, expected) in rows {
        house.service.act(&[Act::Raw(bytes.as_bytes().to_vec())]);
        assert_eq!(find(&directory).await, Err(expected), "{why}");
    }
    let hasty = house.open("timeout = \"200ms\"");
    house.service.act(&[Act::Hang]);
    assert_eq!(find(&hasty).await, Err(LookupError::TimedOut), "silence");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_404_is_believed_as_the_configuration_says() {
    let house = House::new();
    let mut settings = house.settings("");
    settings.absent = None;
    if let Subjects::Asked(asked) = &mut settings.subjects {
        asked.absent = None;
    }
    let lenient = HttpDirectory::open(&settings, Handle::current()).unwrap();
    house
        .service
        .says("404 Not Found", "Content-Type: text/html\r\n", "<p>");
    assert_eq!(find(&lenient).await, Ok(None), "any 404 is a stranger");
    let standing = lenient.find_subject("owners", "bob").await;
    assert_eq!(standing, Err(LookupError::Malformed), "and absolves nobody");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_is_known_by_its_name_issuer_and_standing() {
    let house = House::new();
    let directory = house.open("");
    let suspended = |suspended| Ok(SubjectFacts { suspended });
    let broken = Err(LookupError::Malformed);
    let rows = [
        (
            r#"{"sub":"bob","iss":"owners","blocked":true}"#,
            suspended(true),
        ),
        (
            r#"{"sub":"bob","iss":"owners","blocked":false}"#,
            suspended(false),
        ),
        (r#"{"sub":"bo","iss":"owners","blocked":false}"#, broken),
        (r#"{"sub":"bob","iss":"dealers","blocked":false}"#, broken),
        (r#"{"sub":"bob","blocked":false}"#, broken),
        (r#"{"iss":"owners","blocked":false}"#, broken),
        (r#"{"sub":"bob","iss":"owners"}"#, broken),
        (r#"{"sub":"bob","iss":"owners","blocked":null}"#, broken),
        (r#"{"sub":"bob","iss":"owners","blocked":"no"}"#, broken),
        (
            r#"{"sub":"bob","iss":"owners","blocked":true,"blocked":false}"#,
            broken,
        ),
    ];
    for (body, expected) in rows {
        house.service.says("200 OK", JSON, body);
        let standing = directory.find_subject("owners", "bob").await;
        assert_eq!(standing, expected, "{body}");
    }
}

/// A cache or a proxy that mixes people, aliases or cases up must not lead anybody to a car.
#[tokio::test(flavor = "multi_thread")]
async fn a_look_up_answered_about_another_one_is_no_answer() {
    let house = House::new();
    let directory = house.open("");
    let alias = Alias {
        client: "charger".to_owned(),
        alias: "a".to_owned(),
    };
    let case = IndexKey::Case("K1".to_owned());
    let alice = IndexKey::Subject(PrincipalKind::User, "alice".to_owned());
    let of_alias = "/v1/partners/charger/cars/a";
    for (path, answer) in [
        ("/v1/people/alice/cars", r#"{"sub":"bob","cars":["@"]}"#),
        ("/v1/people/alice/cars", r#"{"sub":"alice","cars":["x"]}"#),
        ("/v1/people/alice/cars", r#"{"sub":"alice","cars":"@"}"#),
        ("/v1/people/alice/cars", r#"{"sub":"alice"}"#),
        (of_alias, r#"{"app":"tracker","name":"a","car":"@"}"#),
        (of_alias, r#"{"app":"charger","name":"b","car":"@"}"#),
        (of_alias, r#"{"app":"charger","name":"a","car":null}"#),
        ("/v1/cases/K1", r#"{"no":"K2","car":"@"}"#),
        ("/v1/cases/K1", r#"{"no":"K1"}"#),
    ] {
        house.service.put(path, &answer.replace('@', VIN));
        let found = if path == of_alias {
            directory.find_alias(&alias).await.map(drop)
        } else if path.contains("cases") {
            directory.find_by(&case, 1).await.map(drop)
        } else {
            directory.find_by(&alice, 1).await.map(drop)
        };
        assert_eq!(found, Err(LookupError::Malformed), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_configuration_names_no_url_for_is_unknown() {
    let house = House::new();
    let mut settings = house.settings("");
    settings.lookups = crate::config::file::OwnershipLookups::default();
    let directory = HttpDirectory::open(&settings, Handle::current()).unwrap();
    let case = IndexKey::Case("K1".to_owned());
    let found = directory.find_by(&case, 1).await;
    assert_eq!(found, Err(LookupError::Unreachable));
    assert!(house.service.heads().is_empty(), "nobody was asked");
}
