//! What goes upstream of a request, and what doesn't?

use std::net::IpAddr;

use http::Method;
use uuid::Uuid;

use super::*;
use crate::config::file::PrincipalKind;
use crate::pipeline::identity::credential::Credential;
use crate::pipeline::identity::sign_in::SignIn;
use crate::pipeline::parameters::Parameters;

fn head(fields: &[(&str, &str)]) -> RequestHead {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name = HeaderName::try_from(*name).unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    RequestHead {
        id: Uuid::from_u128(7),
        received_at: Duration::from_secs(1_800_000_000),
        listener: Arc::from("edge"),
        tls: true,
        certificate: None,
        address: IpAddr::from([192, 0, 2, 7]),
        method: Method::GET,
        host: "mobile.example".to_owned(),
        port: None,
        path: "/a".to_owned(),
        query: Some("b=c".to_owned()),
        parameters: Parameters::default(),
        headers,
        switchable: false,
    }
}

fn judged(effect: Effect) -> Judged<'static> {
    Judged {
        upstream: "telematics",
        action: "ReadBatteryStatus",
        effect,
        principal: None,
        vin: None,
        is_guarded: false,
        body_digest: None,
        policy_revision: "abc",
        now: Duration::from_secs(1_800_000_020),
    }
}

fn set<'a>(changes: &'a HeaderChanges, name: &str) -> Option<&'a str> {
    let mut found = changes.set.iter().filter(|(set, _)| set == name);
    let value = found.next().map(|(_, value)| value.to_str().unwrap());
    assert!(found.next().is_none(), "{name} is set once");
    value
}

fn signer() -> Signer {
    use crate::pipeline::identity::minting::Pair;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let body = STANDARD.encode(Pair::es256("x").pkcs8);
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.pem");
    std::fs::write(&file, pem).unwrap();
    Signer::load(&file, "https://gate.example").unwrap()
}

fn payload(assertion: &str) -> serde_json::Value {
    use crate::pipeline::identity::members::decode;
    let part = assertion.split('.').nth(1).unwrap();
    serde_json::from_slice(&decode(part).unwrap()).unwrap()
}

#[test]
fn identity_is_removed_and_all_else_stays() {
    let head = head(&[
        ("Authorization", "Bearer x"),
        ("X_User", "victim"),
        ("x.user", "victim"),
        ("X-USER", "victim"),
        ("Vingate-Assertion", "forged"),
        ("vingate_assertion", "forged"),
        ("Forwarded", "for=evil"),
        ("X-Forwarded-For", "203.0.113.9"),
        ("X-Request-Id", "forged"),
        ("Cookie", "a=b"),
        ("User-Agent", ""),
        ("X-VIN", "SJNFAAZE0U6012345"),
        ("Accept-Encoding", "gzip"),
        ("X-Requested-With", "XMLHttpRequest"),
    ]);
    let changes = changes(&head, &judged(Effect::Read), None).unwrap();
    let removed: Vec<_> = changes.remove.iter().map(HeaderName::as_str).collect();
    let expected = [
        "authorization",
        "x_user",
        "x.user",
        "x-user",
        "vingate-assertion",
        "vingate_assertion",
        "forwarded",
        "x-forwarded-for",
        "x-request-id",
    ];
    assert_eq!(removed, expected);
    assert_eq!(set(&changes, "vingate-assertion"), None);
}

#[test]
fn an_answer_about_a_vehicle_comes_in_plain_bytes() {
    let vehicle = Judged {
        vin: Some("SJNFAAZE0U6012345"),
        is_guarded: true,
        ..judged(Effect::Read)
    };
    for (judged, removed) in [(vehicle, true), (judged(Effect::Read), false)] {
        let asked = head(&[("Accept-Encoding", "gzip")]);
        let changes = changes(&asked, &judged, None).unwrap();
        assert_eq!(changes.remove.contains(&ACCEPT_ENCODING), removed);
    }
}

#[test]
fn forwarding_is_told_anew() {
    let table = [
        ("192.0.2.7", "for=\"192.0.2.7\"", "192.0.2.7"),
        ("2001:db8::7", "for=\"[2001:db8::7]\"", "2001:db8::7"),
        ("::ffff:192.0.2.7", "for=\"192.0.2.7\"", "192.0.2.7"),
    ];
    for (address, node, plain) in table {
        let mut head = head(&[]);
        head.address = address.parse().unwrap();
        head.tls = address != "2001:db8::7";
        let proto = if head.tls { "https" } else { "http" };
        let changes = changes(&head, &judged(Effect::Read), None).unwrap();
        let element = format!("{node};proto={proto};host=\"mobile.example\";by=_vingate");
        assert_eq!(set(&changes, "forwarded"), Some(element.as_str()));
        assert_eq!(set(&changes, "x-forwarded-for"), Some(plain));
        assert_eq!(set(&changes, "x-forwarded-proto"), Some(proto));
        assert_eq!(set(&changes, "x-forwarded-host"), Some("mobile.example"));
        let id = "00000000-0000-0000-0000-000000000007";
        assert_eq!(set(&changes, "x-request-id"), Some(id));
    }
}

#[test]
fn a_host_can_not_end_its_quotes() {
    let address = IpAddr::from([192, 0, 2, 7]);
    let element = forwarded(address, "https", "a\";for=\"evil\\");
    let expected = r#"for="192.0.2.7";proto=https;host="a\";for=\"evil\\";by=_vingate"#;
    assert_eq!(element, expected);
}

#[test]
fn the_assertion_names_who_and_what_at_the_time_of_forwarding() {
    let signer = signer();
    let principal = Principal {
        kind: PrincipalKind::User,
        issuer: Arc::from("owners"),
        subject: "user-1".to_owned(),
        client: Some("app".to_owned()),
        scopes: Vec::new(),
        fleet: None,
        tenant: None,
        roles: Vec::new(),
        sign_in: SignIn::default(),
        credential: Credential {
            expires_at: Duration::MAX,
            ..Credential::default()
        },
        pseudonym: String::new(),
    };
    let judged = Judged {
        principal: Some(&principal),
        vin: Some("SJNFAAZE0U6012345"),
        is_guarded: true,
        ..judged(Effect::Command)
    };
    let changes = changes(&head(&[]), &judged, Some(&signer)).unwrap();
    let claims = payload(set(&changes, "vingate-assertion").unwrap());
    let wanted = [
        ("aud", "telematics"),
        ("jti", "00000000-0000-0000-0000-000000000007"),
        ("sub", "user-1"),
        ("sub_issuer", "owners"),
        ("client_id", "app"),
        ("action", "ReadBatteryStatus"),
        ("htm", "GET"),
        ("htu", "/a?b=c"),
        ("vin", "SJNFAAZE0U6012345"),
        ("policy_revision", "abc"),
    ];
    for (name, value) in wanted {
        assert_eq!(claims[name], value, "{name}");
    }
    assert_eq!(claims["iat"], 1_800_000_020);
}

#[test]
fn only_reads_share_an_assertion() {
    let signer = signer();
    for (effect, shared) in [(Effect::Read, true), (Effect::Command, false)] {
        let assertion = |id: u128| {
            let mut head = head(&[]);
            head.id = Uuid::from_u128(id);
            let changes = changes(&head, &judged(effect), Some(&signer)).unwrap();
            set(&changes, "vingate-assertion").unwrap().to_owned()
        };
        assert_eq!(assertion(1) == assertion(2), shared, "{effect:?}");
    }
}
