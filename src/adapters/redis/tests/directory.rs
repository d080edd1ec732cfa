//! Does a directory in Redis say what was put there by the fleet, and nothing else?

use super::filled::{VIN, cluster, directory, fill, key, owner, sell, vin};
use super::*;
use crate::adapters::contact::Contact;
use crate::adapters::directory::Unchanged;
use crate::adapters::directory_contract;
use crate::adapters::kept::{Changes, Keeping, KeptDirectory};
use crate::adapters::redis::directory::changed::Follower;
use crate::pipeline::ownership::VehicleFacts;
use crate::pipeline::ports::{LookupError, OwnershipDirectory};
use crate::switchboard::seal::{FleetKey, Kind};

const NEIGHBOUR: &str = "SJNFAAZE0U6012346";

fn text_key(car: &str) -> String {
    format!("{{vingate:vingate:v:{car}}}")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_of_directories_holds_over_one_server() {
    let server = Server::start();
    let directory = directory(&settings(&single(&server)));
    let filled = Arc::clone(&directory);
    directory_contract::hold(directory, &|lines| fill(&filled, lines)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_of_directories_holds_over_a_cluster() {
    let nodes = Server::cluster();
    let directory = directory(&cluster(&nodes));
    let filled = Arc::clone(&directory);
    directory_contract::hold(directory, &|lines| fill(&filled, lines)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_only_writes_to_redis_owns_nothing() {
    let server = Server::start();
    let directory = directory(&settings(&single(&server)));
    sell(&directory, VIN, "alice").await;
    sell(&directory, NEIGHBOUR, "mallory").await;
    let texts = [VIN, NEIGHBOUR].map(|car| server.command(&["GET", &text_key(car)]));
    let [of_alice, of_mallory] = texts.each_ref().map(|text| text.trim_end());
    sell(&directory, VIN, "bob").await;
    let stolen = FleetKey::new(&[8; 32]).unwrap();
    let about = format!("v:{VIN}");
    let facts = serde_json::json!({"about": about, "revision": u64::MAX, "record": null});
    let forged = stolen.seal(Kind::Fact, &facts).unwrap();
    let of_another_kind = key().seal(Kind::Replica, &facts).unwrap();
    let rows = [
        ("sealed by another fleet", forged.as_str()),
        ("sealed as something else", of_another_kind.as_str()),
        ("of another vehicle", of_mallory),
        ("older than what was seen", of_alice),
        ("garbage", "garbage"),
    ];
    for (why, text) in rows {
        server.command(&["SET", &text_key(VIN), text]);
        let found = owner(&*directory, VIN).await;
        assert_eq!(found, Err(LookupError::Malformed), "{why}");
    }
    server.command(&["DEL", &text_key(VIN)]);
    assert_eq!(
        owner(&*directory, VIN).await,
        Ok(None),
        "absent is nobody's"
    );
    server.command(&["SADD", &text_key(NEIGHBOUR), "x"]); // of another type: refused by Redis
    server.command(&["DEL", &text_key(NEIGHBOUR)]);
    server.command(&["SADD", &text_key(NEIGHBOUR), "x"]);
    assert_eq!(
        owner(&*directory, NEIGHBOUR).await,
        Err(LookupError::Malformed)
    );
    // who may import says what is true again
    server.command(&["SET", &text_key(VIN), "garbage"]);
    fill(
        &directory,
        &format!(
            r#"{{"vin":"{VIN}","owner":"bob","drivers":[],"fleet":null,"region":"NE","trim":"SV","capabilities":[],"telematics":true}}"#
        ),
    );
    assert_eq!(owner(&*directory, VIN).await, Ok(Some("bob".to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspension_that_is_removed_behind_the_fleets_back_lets_nobody_in() {
    let server = Server::start();
    let directory = directory(&settings(&single(&server)));
    let suspend = |suspended: bool| {
        let line =
            serde_json::json!({"issuer": "owners", "subject": "bob", "suspended": suspended});
        fill(&directory, &line.to_string());
    };
    let bob = async || {
        let found = directory.find_subject("owners", "bob").await;
        found.map(|facts| facts.suspended)
    };
    assert_eq!(bob().await, Ok(false), "nobody is suspended at first");
    suspend(true);
    assert_eq!(bob().await, Ok(true));
    server.command(&["FLUSHALL"]);
    assert_eq!(
        bob().await,
        Err(LookupError::Malformed),
        "gone is not taken back"
    );
    suspend(true);
    assert_eq!(bob().await, Ok(true));
    suspend(false);
    assert_eq!(bob().await, Ok(false), "taken back");
}

/// A gateway's view: what it keeps, and the task that hears what changes.
struct Replica {
    directory: KeptDirectory,
    changes: Arc<Changes>,
    following: tokio::task::JoinHandle<()>,
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.following.abort();
    }
}

const LONG: Duration = Duration::from_secs(3600);

fn replica(settings: &Redis) -> Replica {
    let store = directory(settings);
    let changes = Arc::new(Changes::told());
    let keeping = Keeping {
        entries: 100,
        max_age: LONG,
        absent_max_age: LONG,
    };
    let kept = Arc::<RedisDirectory>::clone(&store);
    let directory = KeptDirectory::new(kept, keeping, Arc::clone(&changes));
    let told = Arc::clone(&changes);
    let following = tokio::spawn(async move { store.follow(&told, &Contact::default()).await });
    Replica {
        directory,
        changes,
        following,
    }
}

impl Replica {
    async fn until_in_touch(&self) {
        until("in touch", async || {
            format!("{:?}", self.changes).contains("true")
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_after_a_sale_no_gateway_knows_the_old_owner() {
    let server = Server::start();
    let settings = settings(&single(&server));
    let office = directory(&settings);
    let replicas = [(); 3].map(|()| replica(&settings));
    for one in &replicas {
        one.until_in_touch().await;
    }
    for (owner_now, car) in [
        ("alice", VIN),
        ("bob", VIN),
        ("carol", NEIGHBOUR),
        ("dave", VIN),
    ] {
        sell(&office, car, owner_now).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        for one in &replicas {
            let found = owner(&one.directory, car).await;
            assert_eq!(found, Ok(Some(owner_now.to_owned())));
        }
    }
    // and what is told is not only waited for: nothing else was asked meanwhile
    let asked = server.command(&["INFO", "commandstats"]);
    for one in &replicas {
        owner(&one.directory, VIN).await.unwrap();
    }
    let again = server.command(&["INFO", "commandstats"]);
    let reads = |stats: &str| {
        let line = stats.lines().find(|line| line.contains("cmdstat_getrange"));
        line.map(|line| line.split(',').next().unwrap().to_owned())
    };
    assert_eq!(reads(&asked), reads(&again), "kept answers are used");
}

/// What happens to the log of changes: in words, and as a script.
const LOSSES: [(&str, &str); 5] = [
    ("nothing", ""),
    ("the whole log", "redis.call('DEL', KEYS[1], KEYS[2])"),
    ("its entries", "redis.call('XTRIM', KEYS[1], 'MAXLEN', 0)"),
    ("the newest id", "redis.call('SET', KEYS[2], '5')"),
    // what a failover leaves: entries that nobody read stand before and after the one that was read
    (
        "the end, and others came",
        "local id = function(more) return string.format('%.0f', ARGV[1] + more) end \
         redis.call('DEL', KEYS[1]) \
         redis.call('XADD', KEYS[1], id(-1) .. '-0', 'before', '3', 'what', ARGV[2]) \
         redis.call('XADD', KEYS[1], id(1) .. '-0', 'before', id(-1), 'what', ARGV[3]) \
         redis.call('SET', KEYS[2], id(1))",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn changes_that_were_lost_leave_nothing_kept() {
    let server = Server::start();
    let settings = settings(&single(&server));
    let store = directory(&settings);
    let changes = Arc::new(Changes::told());
    changes.heard(LONG);
    let keeping = Keeping {
        entries: 100,
        max_age: LONG,
        absent_max_age: LONG,
    };
    let kept = Arc::<RedisDirectory>::clone(&store);
    let kept = KeptDirectory::new(kept, keeping, Arc::clone(&changes));
    let (log, last) = ("{vingate:vingate}:changed", "{vingate:vingate}:change");
    let mut follower = Follower::default();
    for (what, script) in LOSSES {
        for sold_to in ["alice", "bob"] {
            sell(&store, VIN, sold_to).await;
            if let (Some(read), "bob") = (&follower.last, sold_to) {
                server.command(&[
                    "EVAL",
                    script,
                    "2",
                    log,
                    last,
                    read,
                    &format!("v:{VIN}"),
                    &format!("v:{NEIGHBOUR}"),
                ]);
            }
            follower.look(&store, &changes).await.unwrap();
            let found = owner(&kept, VIN).await;
            assert_eq!(found, Ok(Some(sold_to.to_owned())), "{what} is lost");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_hangs_or_flaps_allows_nobody() {
    let mut server = Server::start();
    let (office, one) = {
        let hasty = hasty(&single(&server));
        (directory(&hasty), replica(&hasty))
    };
    until("there", async || {
        let sold = office.change(vin(VIN), |_| Ok::<_, String>(Some(VehicleFacts::default())));
        sold.await.is_ok()
    })
    .await;
    sell(&office, VIN, "alice").await;
    one.until_in_touch().await;
    owner(&one.directory, VIN).await.unwrap();
    server.stop();
    tokio::time::sleep(Duration::from_secs(1)).await; // the lease is over
    assert_eq!(owner(&one.directory, VIN).await, Err(LookupError::TimedOut));
    server.go_on();
    until("back", async || {
        owner(&one.directory, VIN).await == Ok(Some("alice".to_owned()))
    })
    .await;
    for _ in 0..3 {
        server.kill();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let found = owner(&one.directory, VIN).await;
        assert_eq!(
            found,
            Err(LookupError::Unreachable),
            "unknown is not absent"
        );
        server.restart(Restart::Empty);
        until("empty", async || {
            owner(&one.directory, VIN).await == Ok(None)
        })
        .await;
    }
    sell(&office, VIN, "bob").await;
    until("sold", async || {
        owner(&one.directory, VIN).await == Ok(Some("bob".to_owned()))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_comes_back_empty_is_not_the_one_that_was_empty_before() {
    let mut server = Server::start();
    let settings = settings(&single(&server));
    let store = directory(&settings);
    let changes = Arc::new(Changes::told());
    let keeping = Keeping {
        entries: 100,
        max_age: LONG,
        absent_max_age: LONG,
    };
    let kept = Arc::<RedisDirectory>::clone(&store);
    let kept = KeptDirectory::new(kept, keeping, Arc::clone(&changes));
    let mut follower = Follower::default();
    until("connected", async || store.find(&vin(VIN)).await.is_ok()).await;
    follower.look(&store, &changes).await.unwrap();
    // sold, kept and lost before anybody looks again
    sell(&store, VIN, "alice").await;
    changes.heard(LONG);
    assert_eq!(owner(&kept, VIN).await, Ok(Some("alice".to_owned())));
    server.kill();
    assert!(follower.look(&store, &changes).await.is_err());
    server.restart(Restart::Empty);
    while follower.look(&store, &changes).await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(owner(&kept, VIN).await, Ok(None));
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_at_once_are_all_made_or_say_that_they_are_not() {
    let server = Server::start();
    let directory = directory(&settings(&single(&server)));
    sell(&directory, VIN, "alice").await;
    let changing = (0..6).map(|number| {
        let directory = Arc::clone(&directory);
        tokio::spawn(async move {
            let add = |facts: Option<VehicleFacts>| {
                let mut facts = facts.ok_or("no vehicle")?;
                facts.capabilities.push(format!("c{number}"));
                Ok::<_, &str>(Some(facts))
            };
            directory.change(vin(VIN), add).await
        })
    });
    let changing: Vec<_> = changing.collect();
    let mut made = 0;
    for change in changing {
        made += usize::from(change.await.unwrap().is_ok());
    }
    let found = directory.find(&vin(VIN)).await.unwrap().unwrap();
    assert_eq!(found.capabilities.len(), made, "none is lost");
    assert!(made > 0);
    let senseless = directory.change(vin(VIN), |_| Err("no"));
    assert_eq!(senseless.await, Err(Unchanged::Senseless("no")));
}
