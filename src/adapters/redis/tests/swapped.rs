//! Can whoever only writes to Redis bring a former snapshot back, and who goes by it after a swap?

use super::filled::{directory, fill, key, owner, sell, vin};
use super::replacing::{ONE, OTHER, car, replace};
use super::*;
use crate::adapters::directory::Unchanged;
use crate::adapters::kept::{Changes, Keeping, KeptDirectory};
use crate::config::file::PrincipalKind;
use crate::pipeline::ownership::{Alias, IndexKey};
use crate::pipeline::ports::{LookupError, OwnershipDirectory};
use crate::switchboard::seal::{FleetKey, Kind};

const POINTER: &str = "{vingate:vingate}:generation";

/// A pointer to the first generation, as nobody of the fleet makes one.
fn forged(key: &FleetKey, about: &str) -> String {
    let pointer = serde_json::json!({
        "about": about, "revision": u64::MAX, "generation": "0000000000000000", "before": null,
    });
    key.seal(Kind::Fact, &pointer).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_only_writes_to_redis_brings_no_snapshot_back() {
    let server = Server::start();
    let settings = settings(&single(&server));
    let (gateway, office) = (directory(&settings), directory(&settings));
    let alias = Alias {
        client: "charger".to_owned(),
        alias: "a".to_owned(),
    };
    let named = format!(r#"{{"alias":"a","client":"charger","vin":"{ONE}"}}"#);
    replace(&office, &(car(ONE, "alice") + &named));
    let old = server.command(&["GET", POINTER]);
    replace(&office, &(car(ONE, "bob") + &named));
    let newest = server.command(&["GET", POINTER]);
    let is_bobs = async || {
        assert_eq!(owner(&*gateway, ONE).await, Ok(Some("bob".to_owned())));
    };
    is_bobs().await;
    let record = server.command(&["KEYS", &format!("*{ONE}}}")]);
    let record = server.command(&["GET", record.lines().next().unwrap()]);
    let stolen = FleetKey::new(&[8; 32]).unwrap();
    let key = key();
    let rows = [
        ("older than what was seen", old.as_str()),
        ("sealed by another fleet", &forged(&stolen, "generation")),
        ("about something else", &forged(&key, "v:generation")),
        ("a vehicle's record", &record),
        ("garbage", "garbage"),
        ("gone", ""),
    ];
    for (why, text) in rows {
        if text.is_empty() {
            server.command(&["DEL", POINTER]);
        } else {
            server.command(&["SET", POINTER, text]);
        }
        let malformed = LookupError::Malformed;
        let found = gateway.find(&vin(ONE)).await;
        assert_eq!(found, Err(malformed), "{why}");
        assert_eq!(gateway.find(&vin(OTHER)).await, Err(malformed), "{why}");
        assert_eq!(gateway.find_alias(&alias).await, Err(malformed), "{why}");
        let alices = IndexKey::Subject(PrincipalKind::User, "alice".to_owned());
        let hints = gateway.find_by(&alices, 10).await;
        assert_eq!(hints, Err(malformed), "{why}");
        let change = gateway.change(vin(ONE), |_| Ok::<_, String>(None)).await;
        assert!(matches!(change, Err(Unchanged::Store(_))), "{why}");
        server.command(&["SET", POINTER, &newest]);
        is_bobs().await;
    }
    // who may import says what is true again
    server.command(&["SET", POINTER, "garbage"]);
    replace(&gateway, &car(ONE, "carol"));
    assert_eq!(owner(&*office, ONE).await, Ok(Some("carol".to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_another_snapshot_is_not_taken_for_one_of_this() {
    let server = Server::start();
    let directory = directory(&settings(&single(&server)));
    let key_of = |server: &Server| {
        let keys = server.command(&["KEYS", &format!("*:g:*{ONE}}}")]);
        keys.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    fill(&directory, &car(ONE, "mallory"));
    let first = server.command(&["GET", &format!("{{vingate:vingate:v:{ONE}}}")]);
    replace(&directory, &car(ONE, "alice"));
    let here = key_of(&server).remove(0);
    let formerly = server.command(&["GET", &here]);
    replace(&directory, &car(ONE, "bob"));
    let now = key_of(&server)
        .into_iter()
        .find(|key| *key != here)
        .unwrap();
    for text in [first, formerly] {
        server.command(&["SET", &now, &text]);
        let found = owner(&*directory, ONE).await;
        assert_eq!(found, Err(LookupError::Malformed));
    }
}

/// Kept for an hour; nothing but a swap that a look-up saw makes it void here.
#[tokio::test(flavor = "multi_thread")]
async fn no_answer_of_the_former_snapshot_is_given_once_one_of_the_new_was() {
    let server = Server::start();
    let settings = settings(&single(&server));
    let (office, store) = (directory(&settings), directory(&settings));
    fill(&office, &(car(ONE, "alice") + &car(OTHER, "alice")));
    let long = Duration::from_secs(3600);
    let keeping = Keeping {
        entries: 100,
        max_age: long,
        absent_max_age: long,
    };
    let changes = Arc::new(Changes::told());
    store.voids(Arc::clone(&changes));
    changes.heard(long);
    let kept = KeptDirectory::new(Arc::<RedisDirectory>::clone(&store), keeping, changes);
    assert_eq!(owner(&kept, ONE).await, Ok(Some("alice".to_owned())));
    replace(&office, &(car(ONE, "bob") + &car(OTHER, "bob")));
    assert_eq!(
        owner(&kept, ONE).await,
        Ok(Some("alice".to_owned())),
        "kept"
    );
    let fresh = kept.find_fresh(&vin(OTHER)).await.unwrap().unwrap();
    assert_eq!(fresh.owner.as_deref(), Some("bob"));
    assert_eq!(owner(&kept, ONE).await, Ok(Some("bob".to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_hears_of_a_swap() {
    let server = Server::start();
    let settings = settings(&single(&server));
    let directory = directory(&settings);
    sell(&directory, ONE, "alice").await;
    let log = "{vingate:vingate}:changed";
    let said = |server: &Server| server.command(&["XREVRANGE", log, "+", "-"]);
    assert!(!said(&server).contains('*'));
    replace(&directory, &car(ONE, "bob"));
    let words = said(&server);
    let last = words.lines().skip_while(|word| *word != "what").nth(1);
    assert_eq!(last, Some("*"));
}
