//! Is an import into Redis whole, and is what it writes younger than what stood there?

use std::collections::BTreeSet;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::*;
use crate::adapters::facts::import::{BadLines, ImportError, ImportReport, Terms};
use crate::adapters::facts::intake::{Intake, Others, Resume};
use crate::adapters::facts::progress::Progress;
use crate::pipeline::ports::OwnershipDirectory;
use crate::pipeline::vehicle::Vin;
use crate::switchboard::seal::{FleetKey, Kind};

fn vin(number: u32) -> Vin {
    Vin::read(&format!("SJNFAAZE0U6{number:06}")).unwrap()
}

fn line(number: u32, owner: &str) -> String {
    let vin = vin(number);
    let vin = vin.as_str();
    format!(
        r#"{{"vin":"{vin}","owner":"{owner}","region":"NE","trim":"SV","capabilities":[],"telematics":true}}"#
    ) + "\n"
}

fn directory(settings: &Redis) -> RedisDirectory {
    RedisDirectory::open(settings, FleetKey::new(&[7; 32]).unwrap()).unwrap()
}

/// Its result, and the words about its progress.
fn import(
    directory: &RedisDirectory,
    lines: &str,
    (others, resume): (Others, Resume),
) -> (Result<ImportReport, ImportError>, Vec<Progress>) {
    let terms = Terms {
        bad: BadLines::Refuse,
        regions: BTreeSet::new(),
        issuers: BTreeSet::new(),
    };
    let mut words = Vec::new();
    let mut told = |progress| words.push(progress);
    let runtime = tokio::runtime::Handle::current();
    let imported = tokio::task::block_in_place(|| {
        let mut intake = Intake {
            lines: &mut lines.as_bytes(),
            terms: &terms,
            others,
            resume,
            told: Some(&mut told),
        };
        directory.import(&mut intake, &runtime)
    });
    (imported, words)
}

const PLAIN: (Others, Resume) = (Others::Stay, Resume::Never);

async fn owner(directory: &RedisDirectory, number: u32) -> Option<String> {
    let found = directory.find(&vin(number)).await.unwrap();
    found.and_then(|facts| facts.owner.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_records_are_all_there_and_their_progress_is_told() {
    let server = Server::start();
    let directory = directory(&settings(&single(&server)));
    let lines: String = (0..5_000).map(|number| line(number, "alice")).collect();
    let (imported, words) = import(&directory, &lines, PLAIN);
    assert_eq!(imported.unwrap().imported, 5_000);
    let last = Progress::Written {
        records: 4_096,
        of: 5_000,
    };
    assert!(words.contains(&last), "{words:?}");
    for number in [0, 4_095, 4_096, 4_999] {
        assert_eq!(owner(&directory, number).await.as_deref(), Some("alice"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_imported_is_younger_than_what_a_faster_clock_wrote() {
    let server = Server::start();
    let settings = settings(&single(&server));
    let [office, gateway] = [(); 2].map(|()| directory(&settings));
    import(&office, &line(1, "alice"), PLAIN).0.unwrap();
    // as by a master whose clock was ahead, before a failover
    let facts = crate::pipeline::ownership::VehicleFacts {
        owner: Some("bob".to_owned()),
        ..Default::default()
    };
    let record = crate::adapters::facts::record::encode(&facts).unwrap();
    let sealed = serde_json::json!({
        "about": format!("v:{}", vin(1).as_str()),
        "revision": u64::MAX / 2,
        "record": BASE64_STANDARD.encode(record),
    });
    let key = FleetKey::new(&[7; 32]).unwrap();
    let text = key.seal(Kind::Fact, &sealed).unwrap();
    let name = format!("{{vingate:vingate:v:{}}}", vin(1).as_str());
    server.command(&["SET", &name, &text]);
    assert_eq!(owner(&gateway, 1).await.as_deref(), Some("bob"));
    import(&office, &line(1, "carol"), PLAIN).0.unwrap();
    assert_eq!(owner(&gateway, 1).await.as_deref(), Some("carol"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_can_not_do_is_refused_before_a_line_is_read() {
    let server = Server::start();
    let directory = directory(&settings(&single(&server)));
    for how in [(Others::Go, Resume::Never), (Others::Stay, Resume::Now)] {
        let (imported, words) = import(&directory, &line(1, "alice"), how);
        assert!(matches!(imported, Err(ImportError::Refused(_))), "{how:?}");
        assert_eq!(words, []);
    }
    assert_eq!(owner(&directory, 1).await, None);
}
