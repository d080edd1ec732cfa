//! Is an import into Redis whole, and is what it writes younger than what stood there?

use std::io::{self, BufRead, BufReader, Read};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::filled::{directory, fill, terms};
use super::*;
use crate::adapters::facts::import::{ImportError, ImportReport};
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

/// Its result, and the words about its progress.
fn import(
    directory: &Arc<RedisDirectory>,
    lines: &mut dyn BufRead,
    (others, resume): (Others, Resume),
) -> (Result<ImportReport, ImportError>, Vec<Progress>) {
    let terms = terms();
    let mut words = Vec::new();
    let mut told = |progress| words.push(progress);
    let runtime = tokio::runtime::Handle::current();
    let imported = tokio::task::block_in_place(|| {
        let mut intake = Intake {
            lines,
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
    let (imported, words) = import(&directory, &mut lines.as_bytes(), PLAIN);
    assert_eq!(imported.unwrap().imported, 5_000);
    let last = Progress::Written {
        records: 8_192,
        of: 10_000, // with those of the index
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
    fill(&office, &line(1, "alice"));
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
    fill(&office, &line(1, "carol"));
    assert_eq!(owner(&gateway, 1).await.as_deref(), Some("carol"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_can_not_do_is_refused_before_anything_is_written() {
    let server = Server::start();
    let directory = directory(&settings(&single(&server)));
    fill(&directory, &line(1, "alice"));
    let keys = server.command(&["DBSIZE"]);
    let many: String = (1..2_000).map(|number| line(number, "bob")).collect();
    let (good, twice) = (line(1, "bob"), many + &line(1_999, "carol"));
    let rows = [
        ("nothing to go on from", &*good, (Others::Stay, Resume::Now)),
        ("no snapshot", "\n", (Others::Go, Resume::Never)),
        ("garbage", "garbage\n", (Others::Go, Resume::Never)),
        ("a vehicle twice", &twice, (Others::Go, Resume::Never)),
        ("a vehicle twice", &twice, PLAIN),
    ];
    for (why, lines, how) in rows {
        let (imported, _) = import(&directory, &mut lines.as_bytes(), how);
        let is_refused = |error| matches!(error, ImportError::Refused(_) | ImportError::Bad(..));
        assert!(imported.is_err_and(is_refused), "{why}");
        assert_eq!(
            owner(&directory, 1).await.as_deref(),
            Some("alice"),
            "{why}"
        );
        assert_eq!(server.command(&["DBSIZE"]), keys, "{why}");
    }
}

/// Lines that stop coming.
struct Cut<'a>(&'a [u8]);

impl Read for Cut<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::Error::other("cable"));
        }
        self.0.read(out)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_interrupted_is_gone_on_with() {
    let server = Server::start();
    let directory = directory(&settings(&single(&server)));
    let lines: String = (0..2_000).map(|number| line(number, "alice")).collect();
    for others in [Others::Stay, Others::Go] {
        let (cut, _) = lines.as_bytes().split_at(lines.len() - 1_000);
        let mut broken = BufReader::new(Cut(cut));
        let (imported, _) = import(&directory, &mut broken, (others, Resume::Later));
        assert!(imported.unwrap_err().to_string().contains("cable"));
        assert!(directory.interrupted().is_some_and(|read| read > 1_000));
        let (imported, words) = import(&directory, &mut lines.as_bytes(), (others, Resume::Now));
        assert_eq!(imported.unwrap().imported, 2_000, "{words:?}");
        assert_eq!(directory.interrupted(), None);
        assert_eq!(owner(&directory, 1_999).await.as_deref(), Some("alice"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_broke_off_while_it_was_written_reads_no_line_again() {
    let server = Server::start();
    let directory = directory(&settings(&single(&server)));
    let lines: String = (0..100).map(|number| line(number, "alice")).collect();
    let full = ["CONFIG", "SET", "maxmemory", "1"];
    server.command(&full);
    for others in [Others::Stay, Others::Go] {
        let how = (others, Resume::Later);
        let (imported, _) = import(&directory, &mut lines.as_bytes(), how);
        assert!(matches!(imported, Err(ImportError::Store(_))), "{others:?}");
    }
    server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    let (imported, _) = import(&directory, &mut lines.as_bytes(), PLAIN);
    imported.unwrap();
    server.command(&["SET", "{vingate:vingate}:change", "x"]); // telling fails
    let (imported, _) = import(
        &directory,
        &mut lines.as_bytes(),
        (Others::Stay, Resume::Later),
    );
    assert!(imported.is_err());
    server.command(&["DEL", "{vingate:vingate}:change"]);
    assert_eq!(directory.interrupted(), Some(100));
    let (imported, words) = import(
        &directory,
        &mut lines.as_bytes(),
        (Others::Stay, Resume::Now),
    );
    assert_eq!((imported.unwrap().imported, words), (100, vec![]));
    assert_eq!(directory.interrupted(), None);
}
