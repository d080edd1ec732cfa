//! Do replicas share who was given which result key, and does Redis only carry it?

use super::filled::key;
use super::*;
use crate::adapters::result_keys::{LocalResultKeys, SharedResultKeys};
use crate::adapters::result_keys_contract::{hold, person, vin};
use crate::clock;
use crate::pipeline::ports::{LookupError, ResultKeys};
use crate::pipeline::result_key::GivenOut;
use crate::switchboard::seal::FleetKey;

fn keys(settings: &Redis) -> RedisResultKeys {
    RedisResultKeys::open(settings, key()).unwrap()
}

fn shared(settings: &Redis) -> SharedResultKeys {
    SharedResultKeys::new(LocalResultKeys::new().unwrap(), keys(settings))
}

/// The one key of a server that has one, and what stands there.
fn only_entry(server: &Server) -> (String, String) {
    let name = server.command(&["KEYS", "*"]);
    let text = server.command(&["GET", &name]);
    (name, text)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_over_redis() {
    let server = Server::start();
    let settings = settings(&single(&server));
    hold(&keys(&settings), &keys(&settings)).await;
    server.command(&["FLUSHALL"]);
    hold(&shared(&settings), &shared(&settings)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_over_a_cluster_of_redis() {
    let nodes = Server::cluster();
    let urls: Vec<_> = nodes.iter().map(Server::url).collect();
    let settings = settings(&format!("cluster = {urls:?}"));
    hold(&shared(&settings), &shared(&settings)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_redis_tells_nothing_ends_by_itself_and_can_t_be_made() {
    let server = Server::start();
    let settings = settings(&single(&server));
    let (owner, thief, vin) = (person("owners", "owner"), person("owners", "thief"), vin(1));
    let now = clock::unix_time();
    let until = now.saturating_add(Duration::from_secs(600));
    let given = GivenOut {
        upstream: "telematics",
        principal: &owner,
        vin: &vin,
        key: "0f9a8b7c6d",
    };
    let stolen = GivenOut {
        principal: &thief,
        ..given
    };
    let (one, other) = (keys(&settings), keys(&settings));
    one.keep(given, until).await.unwrap();
    let (name, text) = only_entry(&server);
    for secret in ["owner", vin.as_str(), "0f9a8b7c6d"] {
        assert!(
            !name.contains(secret) && !text.contains(secret),
            "{name} {text}"
        );
    }
    let left: i64 = server.command(&["PTTL", &name]).parse().unwrap();
    assert!((1..=600_000).contains(&left), "{left}");

    // who writes to Redis: copies what stands there, makes it last, makes something up
    let (stem, _) = name.rsplit_once(':').unwrap();
    let about = crate::digest::hex(&key().stand_in(&stolen.bytes()));
    let thiefs = format!("{stem}:{about}}}");
    server.command(&["SET", &thiefs, &text]);
    assert_eq!(other.knows(stolen, now).await, Err(LookupError::Malformed));
    server.command(&["SET", &thiefs, "1"]);
    assert_eq!(other.knows(stolen, now).await, Err(LookupError::Malformed));
    let foreign = FleetKey::new(&[8; 32]).unwrap();
    let sealed = foreign
        .seal(crate::switchboard::seal::Kind::ResultKey, &text)
        .unwrap();
    server.command(&["SET", &thiefs, &sealed]);
    assert_eq!(other.knows(stolen, now).await, Err(LookupError::Malformed));
    server.command(&["PERSIST", &name]);
    assert_eq!(
        other.knows(given, until).await,
        Ok(false),
        "its end is sealed"
    );
    let later = text.replace(&until.as_millis().to_string(), "99999999999999");
    assert_ne!(later, text);
    server.command(&["SET", &name, &later]);
    assert_eq!(other.knows(given, until).await, Err(LookupError::Malformed));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_a_replica_knows_its_own_and_not_that_others_gave_none() {
    let mut server = Server::start();
    let settings = hasty(&single(&server));
    let (one, other) = (shared(&settings), shared(&settings));
    let (owner, vin) = (person("owners", "owner"), vin(1));
    let now = clock::unix_time();
    let until = now.saturating_add(Duration::from_secs(600));
    let given = |key| GivenOut {
        upstream: "telematics",
        principal: &owner,
        vin: &vin,
        key,
    };
    one.keep(given("before"), until).await.unwrap();
    assert_eq!(other.knows(given("before"), now).await, Ok(true));
    server.kill();
    assert!(one.keep(given("meanwhile"), until).await.is_err());
    for key in ["before", "meanwhile"] {
        assert_eq!(one.knows(given(key), now).await, Ok(true), "{key}");
        assert!(other.knows(given(key), now).await.is_err(), "{key}");
    }
}
