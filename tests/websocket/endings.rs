//! What else ends a WebSocket?

use tungstenite::protocol::frame::coding::CloseCode;

use crate::support::provider::Provider;
use crate::support::signing::TokenKey;
use crate::support::{Gateway, Tokens};
use crate::{House, MORE, ROUTES, close_code, is_alive, peer};

#[test]
fn it_ends_with_its_token() {
    let house = House::echoing();
    let mut claims = Tokens::claims("owner");
    claims["exp"] = (claims["iat"].as_u64().unwrap() + 2).into();
    let bearer = format!("Bearer {}", house.tokens.sign(&claims));
    let mut brief = house
        .try_open("/live", &[("authorization", &bearer)])
        .unwrap();
    let mut lasting = house.open("/live");
    assert!(is_alive(&mut brief));
    assert_eq!(close_code(&mut brief), Some(CloseCode::Policy));
    assert!(is_alive(&mut lasting));
    assert!(brief.read().is_err());
    let record = &house.gateway.records(1)[0];
    assert_eq!(
        (&record["outcome"], &record["reason"]),
        (&"aborted".into(), &"expired".into())
    );
}

#[test]
fn it_ends_when_its_token_is_taken_back() {
    let house = House::echoing();
    let mut taken = house.open("/live");
    let mut claims = Tokens::claims("owner");
    claims["jti"] = "another".into();
    let bearer = format!("Bearer {}", house.tokens.sign(&claims));
    let mut other = house
        .try_open("/live", &[("authorization", &bearer)])
        .unwrap();
    let words = [
        "token",
        "revoke",
        "--issuer",
        "owners",
        "--reason",
        "stolen",
        "--token",
        "test-owner",
    ];
    let output = house.gateway.operate(&words);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(close_code(&mut taken), Some(CloseCode::Policy));
    assert!(is_alive(&mut other));
    let record = &house.gateway.records(1)[0];
    assert_eq!(
        (&record["outcome"], &record["reason"]),
        (&"aborted".into(), &"revoked".into())
    );
}

#[test]
fn it_ends_when_nobody_says_anything() {
    let house = House::before(peer::echo(), &["limits.websocket_idle=1s"]);
    let mut socket = house.open("/live");
    assert_eq!(close_code(&mut socket), Some(CloseCode::Away));
    assert!(socket.read().is_err());
    assert_eq!(house.gateway.records(1)[0]["code"], "request-timeout");
}

#[test]
fn it_outlives_the_time_outs_of_requests() {
    let times = [
        "limits.body_timeout=200ms",
        "limits.header_timeout=200ms",
        "upstreams.telematics.read_timeout=200ms",
        "upstreams.telematics.connect_timeout=200ms",
    ];
    let house = House::before(peer::echo(), &times);
    let mut socket = house.open("/live");
    let mut pause = std::time::Duration::from_millis(100);
    for _ in 0..4 {
        std::thread::park_timeout(pause);
        assert!(is_alive(&mut socket));
        pause *= 2;
    }
}

#[test]
fn it_is_judged_anew_when_the_rules_change() {
    let house = House::echoing();
    let mut socket = house.open("/live");
    house.gateway.signal("HUP");
    let reloaded = |_: &Gateway| house.gateway.stderr().contains("reloaded").then_some(());
    house.gateway.until("the reload", reloaded);
    assert!(is_alive(&mut socket), "nothing has changed");
    let routes = house.gateway.folder.path().join("routes.toml");
    std::fs::write(&routes, ROUTES.replace("\"/live\"", "\"/news\"")).unwrap();
    house.gateway.signal("HUP");
    assert_eq!(close_code(&mut socket), Some(CloseCode::Restart));
    assert_eq!(house.try_open("/live", &[]).unwrap_err(), 404);
    assert!(is_alive(&mut house.open("/news")));
}

#[test]
fn it_ends_when_a_key_of_its_issuer_is_withdrawn() {
    let folder = tempfile::tempdir().unwrap();
    let key = |id| TokenKey::generate(id).unwrap();
    let (first, second) = (key("k1"), key("k2"));
    let provider = Provider::start(folder.path(), &[&first]);
    let config = format!("{MORE}{}", provider.config("people"));
    let both = ["surfaces.mobile.issuers=[\"owners\",\"people\"]"];
    let house = House::with(peer::echo(), &config, &both);
    let bearer = |key: &TokenKey| {
        let token = key.sign(&provider.claims("owner")).unwrap();
        format!("Bearer {token}")
    };
    let open = |key: &TokenKey| house.try_open("/live", &[("authorization", &bearer(key))]);
    let mut socket = open(&first).unwrap();
    let mut other = house.open("/live");
    assert!(is_alive(&mut socket));
    provider.publish(&[&second]);
    assert_eq!(open(&second).unwrap_err(), 401, "it isn't known yet");
    assert_eq!(close_code(&mut socket), Some(CloseCode::Restart));
    assert_eq!(open(&first).unwrap_err(), 401);
    assert!(is_alive(&mut open(&second).unwrap()));
    assert!(is_alive(&mut other), "another issuer's");
}

#[test]
fn it_is_told_when_the_gateway_stops() {
    let house = House::before(peer::echo(), &["limits.drain_timeout=8s"]);
    let mut sockets: Vec<_> = (0..3).map(|_| house.open("/live")).collect();
    house.gateway.signal("TERM");
    for socket in &mut sockets {
        assert_eq!(close_code(socket), Some(CloseCode::Away));
        assert!(socket.read().is_err());
    }
    let records = house.gateway.records(3);
    assert!(
        records.iter().all(|it| it["outcome"] == "forwarded"),
        "{records:?}"
    );
    let (status, _) = house.gateway.stop();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn it_ends_with_the_word_of_an_issuer_that_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let key = TokenKey::generate("k1").unwrap();
    let provider = Provider::start(folder.path(), &[&key]);
    provider.grant("opaque", "owner");
    let config = format!("{MORE}{}", provider.asked("people", "1s"));
    let both = ["surfaces.mobile.issuers=[\"owners\",\"people\"]"];
    let house = House::with(peer::echo(), &config, &both);
    let open = || house.try_open("/live", &[("authorization", "Bearer opaque")]);
    let mut socket = open().unwrap();
    let mut other = house.open("/live");
    assert!(is_alive(&mut socket));
    provider.withdraw("opaque");
    assert_eq!(close_code(&mut socket), Some(CloseCode::Restart));
    assert_eq!(open().unwrap_err(), 401);
    assert!(is_alive(&mut other), "another issuer's");
}
