//! Does an index in Redis lead to what the records say, and can it do more than that?

use super::filled::{VIN, directory, fill, key, sell, vin};
use super::*;
use crate::config::file::PrincipalKind;
use crate::pipeline::ownership::{Alias, Hints, IndexKey};
use crate::pipeline::ports::{LookupError, OwnershipDirectory};
use crate::switchboard::seal::{FleetKey, Kind};

const FOREIGN: &str = "SJNFAAZE0U6012399";

fn user(name: &str) -> IndexKey {
    IndexKey::Subject(PrincipalKind::User, name.to_owned())
}

/// `alice`, as a key holds it.
const OF_ALICE: &str = "{vingate:vingate:i:u:YWxpY2U}";

async fn cars(directory: &dyn OwnershipDirectory, name: &str) -> Vec<String> {
    let hints = directory.find_by(&user(name), 10).await.unwrap();
    let vins = hints.vins.iter();
    vins.map(|vin| vin.as_str().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_moves_a_car_from_one_to_the_other() {
    let server = Server::start();
    let directory = directory(&settings(&single(&server)));
    sell(&directory, VIN, "alice").await;
    assert_eq!(cars(&*directory, "alice").await, [VIN]);
    sell(&directory, VIN, "bob").await;
    assert!(cars(&*directory, "alice").await.is_empty());
    assert_eq!(cars(&*directory, "bob").await, [VIN]);
    let nobody = directory.change(vin(VIN), |_| Ok::<_, String>(None));
    nobody.await.unwrap();
    assert!(cars(&*directory, "bob").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_forgets_late_forgets_nothing_that_came_after() {
    let server = Server::start();
    let directory = directory(&settings(&single(&server)));
    sell(&directory, VIN, "alice").await;
    let later = "9000000000000000"; // as if alice had got it back meanwhile
    server.command(&["ZADD", OF_ALICE, later, VIN]);
    sell(&directory, VIN, "bob").await;
    assert_eq!(cars(&*directory, "alice").await, [VIN]);
    server.command(&["ZADD", OF_ALICE, "1", VIN]);
    sell(&directory, VIN, "alice").await;
    let score = server.command(&["ZSCORE", OF_ALICE, VIN]);
    assert_ne!(score.trim_end(), "1", "the newest record counts");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_lost_a_car_has_it_back_with_its_next_change() {
    let server = Server::start();
    let directory = directory(&settings(&single(&server)));
    sell(&directory, VIN, "alice").await;
    server.command(&["DEL", OF_ALICE]);
    assert!(cars(&*directory, "alice").await.is_empty());
    sell(&directory, VIN, "alice").await;
    assert_eq!(cars(&*directory, "alice").await, [VIN]);
}

/// What somebody else wrote is at most a hint, and never large.
#[tokio::test(flavor = "multi_thread")]
async fn junk_in_an_index_leads_nowhere() {
    let server = Server::start();
    let directory = directory(&settings(&single(&server)));
    sell(&directory, VIN, "alice").await;
    let huge = "x".repeat(100_000);
    for (score, junk) in [
        ("9e15", FOREIGN),
        ("9e15", &huge),
        ("9e15", "iiiiiiiiiiiiiiiii"),
    ] {
        server.command(&["ZADD", OF_ALICE, score, junk]);
    }
    let found = cars(&*directory, "alice").await;
    assert_eq!(
        found,
        [FOREIGN, VIN],
        "hints, in the order of their revisions"
    );
    let cut = directory.find_by(&user("alice"), 2).await.unwrap();
    assert!(cut.more);
    server.command(&["DEL", OF_ALICE]);
    server.command(&["SET", OF_ALICE, "text"]);
    let found = directory.find_by(&user("alice"), 10).await;
    assert!(found.is_err(), "what can't be read is unknown: {found:?}");
    let nobody = directory.find_by(&user("nobody"), 10).await;
    assert_eq!(nobody, Ok(Hints::default()));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_only_writes_to_redis_makes_no_alias() {
    let server = Server::start();
    let directory = directory(&settings(&single(&server)));
    let line = |alias: &str, vin: &str| {
        format!(r#"{{"alias":"{alias}","client":"charger","vin":"{vin}"}}"#)
    };
    fill(&directory, &line("a", VIN));
    fill(&directory, &line("b", FOREIGN));
    let [of_a, of_b] = ["YQ", "Yg"].map(|name| format!("{{vingate:vingate:a:Y2hhcmdlcg:{name}}}"));
    let text = |key: &str| server.command(&["GET", key]).trim_end().to_owned();
    let (old, other) = (text(&of_a), text(&of_b));
    fill(&directory, &line("a", FOREIGN));
    let alias = Alias {
        client: "charger".to_owned(),
        alias: "a".to_owned(),
    };
    assert_eq!(directory.find_alias(&alias).await, Ok(Some(vin(FOREIGN))));
    let about = "a:Y2hhcmdlcg:YQ";
    let forged = serde_json::json!({"about": about, "revision": u64::MAX, "record": null});
    let of_another_fleet = FleetKey::new(&[8; 32]).unwrap();
    let of_another_fleet = of_another_fleet.seal(Kind::Fact, &forged).unwrap();
    let vinless = serde_json::json!({"about": about, "revision": u64::MAX, "record": "eA=="});
    let vinless = key().seal(Kind::Fact, &vinless).unwrap();
    for (why, text) in [
        ("of another alias", other.as_str()),
        ("older than what was seen", &old),
        ("sealed by another fleet", &of_another_fleet),
        ("without a seal", FOREIGN),
        ("without a VIN", &vinless),
    ] {
        server.command(&["SET", &of_a, text]);
        let found = directory.find_alias(&alias).await;
        assert_eq!(found, Err(LookupError::Malformed), "{why}");
    }
}
