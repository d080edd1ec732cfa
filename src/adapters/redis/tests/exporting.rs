//! Is what comes out of Redis all that stands there, as of one moment, as an embedded store has it?

use std::sync::atomic::{AtomicBool, Ordering};

use super::filled::{VIN, cluster, directory, fill, key, sell, take, terms};
use super::replacing::{ONE, OTHER, car, many, replace};
use super::*;
use crate::adapters::directory_contract::{Whole, hold_whole};
use crate::adapters::embedded::EmbeddedDirectory;
use crate::adapters::facts::intake::Others;
use crate::switchboard::seal::Kind;

fn export(directory: &Arc<RedisDirectory>) -> Result<String, String> {
    let runtime = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| {
        let mut text = String::new();
        let written = directory.snapshot(&runtime)?.write(&mut |line| {
            text = std::mem::take(&mut text) + line + "\n";
            Ok(())
        });
        let count = written.map_err(|broken| broken.to_string())?;
        assert_eq!(count, u64::try_from(text.lines().count()).unwrap());
        Ok(text)
    })
}

async fn it_keeps_what_is_promised_of_snapshots(settings: &Redis) {
    let store = directory(settings);
    let (filled, replaced, exported) = (Arc::clone(&store), Arc::clone(&store), Arc::clone(&store));
    let whole = Whole {
        directory: store,
        fill: &|lines| fill(&filled, lines),
        replace: &|lines| take(&replaced, lines, Others::Go).is_ok(),
        export: &|| export(&exported).unwrap(),
    };
    hold_whole(whole).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_of_snapshots_holds_over_one_server() {
    let server = Server::start();
    it_keeps_what_is_promised_of_snapshots(&settings(&single(&server))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_of_snapshots_holds_over_a_cluster() {
    let nodes = Server::cluster();
    it_keeps_what_is_promised_of_snapshots(&cluster(&nodes)).await;
}

/// What an embedded store makes of the same lines.
fn embedded(lines: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let directory = EmbeddedDirectory::open(&folder.path().join("facts")).unwrap();
    directory.import(&mut lines.as_bytes(), &terms()).unwrap();
    let mut text = String::new();
    let written = directory.snapshot().unwrap().write(&mut |line| {
        text = std::mem::take(&mut text) + line + "\n";
        Ok(())
    });
    written.unwrap();
    text
}

fn everything() -> String {
    let subject = |issuer: &str, name: &str, suspended| {
        serde_json::json!({"issuer": issuer, "subject": name, "suspended": suspended}).to_string()
    };
    let alias = |client: &str, alias: &str, vin: Option<&str>| {
        serde_json::json!({"alias": alias, "client": client, "vin": vin}).to_string()
    };
    let whole = r#"{"vin":"JN1AZ0CP5BT000082","owner":null,"drivers":[{"subject":"zoë \"q\"","entitlements":["StartClimate"],"until":"2027-01-01T00:00:00.5Z"}],"fleet":"post","region":"NML","trim":"S","capabilities":["climate"],"telematics":false,"consents":[{"client":"c","scopes":["s"],"until":null}],"cases":[{"case":"K1","agent":"gil","until":"2027-01-01T00:00:00Z"}],"suspended":true}"#;
    let rest = [
        alias("charger", "b", Some(ONE)),
        alias("charger", "a", Some(OTHER)),
        alias("char", "gone", None),
        alias("char", "z", Some(ONE)),
        subject("owners", "zoë", true),
        subject("owners", "bob", true),
        subject("owner", "sbob", true),
        subject("dealers", "tom", false),
        whole.to_owned(),
    ];
    many("alice") + &rest.join("\n") + "\n" + &car(ONE, "alice")
}

fn what_comes_out_is_what_came_in(settings: &Redis) {
    let (first, second) = (directory(settings), directory(settings));
    let lines = everything();
    let expected = embedded(&lines);
    assert_eq!(expected.lines().count(), 5_008);
    fill(&first, &lines);
    assert!(export(&first) == Ok(expected.clone()), "of an import");
    replace(&first, &(car(ONE, "mallory") + &car(OTHER, "mallory")));
    replace(&second, &expected);
    assert!(export(&second) == Ok(expected), "of a snapshot");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_out_is_what_came_in_over_one_server() {
    let server = Server::start();
    what_comes_out_is_what_came_in(&settings(&single(&server)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_out_is_what_came_in_over_a_cluster() {
    let nodes = Server::cluster();
    what_comes_out_is_what_came_in(&cluster(&nodes));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_not_believed_ends_it() {
    let server = Server::start();
    let directory = directory(&settings(&single(&server)));
    fill(&directory, &(car(ONE, "alice") + &car(OTHER, "bob")));
    let name = |what: &str| format!("{{vingate:vingate:{what}}}");
    let (one, other) = (name(&format!("v:{ONE}")), name(&format!("v:{OTHER}")));
    let of_other = server.command(&["GET", &other]);
    let of_one = server.command(&["GET", &one]);
    let sealed = |about: &str| {
        let record = serde_json::json!({"about": about, "revision": 1, "record": "eA=="});
        key().seal(Kind::Fact, &record).unwrap()
    };
    let rows = [
        (&*one, of_other.as_str(), "of another vehicle"),
        (&one, "garbage", "without a seal"),
        (
            &one,
            &sealed(&format!("v:{ONE}")),
            "older than what was seen",
        ),
        (&name("v:x"), &sealed("v:x"), "under a key that is no VIN"),
        (
            &name("v:JN1AZ0CP5BT000082"),
            &sealed("v:JN1AZ0CP5BT000082"),
            "with no facts",
        ),
        (&name("s:b3duZXJz:Ym9i"), "garbage", "of a subject"),
    ];
    for (at, text, why) in rows {
        server.command(&["SET", at, text]);
        assert!(export(&directory).is_err(), "{why}");
        server.command(&["DEL", at]);
        server.command(&["SET", &one, &of_one]);
        assert_eq!(export(&directory).unwrap().lines().count(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_shows_one_moment_while_vehicles_change() {
    let server = Server::start();
    let settings = settings(&single(&server));
    let (directory, office) = (directory(&settings), directory(&settings));
    fill(&directory, &many("alice"));
    let ended = Arc::new(AtomicBool::new(false));
    let seller = Arc::clone(&ended);
    let selling = tokio::spawn(async move {
        let mut number = 1_000;
        while !seller.load(Ordering::Acquire) {
            number += 1;
            sell(&office, VIN, &number.to_string()).await;
            sell(&office, OTHER, &number.to_string()).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        number
    });
    let owned = |text: &str, vin: &str| {
        let line = text.lines().find(|line| line.contains(vin))?;
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["owner"].as_str().unwrap().parse::<u64>().ok()
    };
    for _ in 0..10 {
        let text = export(&directory).unwrap();
        let (first, second) = (owned(&text, VIN), owned(&text, OTHER));
        let is_moment = first == second || first == second.map_or(Some(1_001), |n| Some(n + 1));
        assert!(
            is_moment,
            "{first:?} is sold first, and {second:?} once that is told"
        );
    }
    ended.store(true, Ordering::Release);
    assert!(selling.await.unwrap() > 1_010);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_of_one_snapshot_or_none() {
    let server = Server::start();
    let settings = settings(&single(&server));
    let (directory, office) = (directory(&settings), directory(&settings));
    let [before, after] = ["alice", "bob"].map(many);
    replace(&office, &before);
    let ended = Arc::new(AtomicBool::new(false));
    let (seller, texts) = (Arc::clone(&ended), [after.clone(), before.clone()]);
    let replacing = tokio::spawn(async move {
        for text in texts.iter().cycle() {
            if seller.load(Ordering::Acquire) {
                break;
            }
            replace(&office, text);
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
    });
    let [before, after] = [before, after].map(|lines| embedded(&lines));
    let mut whole = 0;
    while whole < 3 {
        if let Ok(text) = export(&directory) {
            assert!(
                text == before || text == after,
                "{} lines",
                text.lines().count()
            );
            whole += 1;
        }
    }
    ended.store(true, Ordering::Release);
    replacing.await.unwrap();
    assert!(export(&directory).is_ok());
    let word = ["SET", "{vingate:vingate}:importing", "add:x", "PX", "60000"];
    server.command(&word);
    let half = export(&directory).unwrap_err();
    assert!(half.contains("imported into"), "{half}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_slots_move_nothing_comes_out() {
    let nodes = Server::cluster();
    let directory = directory(&cluster(&nodes));
    fill(&directory, &car(ONE, "alice"));
    let other = nodes[1].command(&["CLUSTER", "MYID"]);
    for (how, expected) in [
        (["MIGRATING", &other].as_slice(), false),
        (&["STABLE"], true),
    ] {
        nodes[0].command(&[&["CLUSTER", "SETSLOT", "1"], how].concat());
        let exported = export(&directory);
        assert_eq!(exported.is_ok(), expected, "{exported:?}");
    }
}
