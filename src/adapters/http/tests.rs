//! Does a directory behind HTTP say what the service said, and nothing else?

mod answers;
#[path = "../../../tests/support/certificates.rs"]
#[allow(dead_code, reason = "shared with the tests over sockets")]
pub(in crate::adapters) mod certificates;
mod outages;
pub(in crate::adapters) mod service;
mod tls;

use std::sync::Mutex;
use std::time::Duration;

use super::*;
use crate::adapters::directory::{Directory, Unchanged};
use crate::adapters::directory_contract;
use crate::adapters::facts::import::{BadLines, ImportError, Terms};
use crate::adapters::facts::intake::{Intake, Others};
use crate::clock;
use crate::config::ConfigFile;
use service::{Act, House, MAP, Service, VIN, vin};

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_of_directories_holds_over_tls() {
    let house = House::new();
    let directory = house.open("");
    directory_contract::hold(directory, &|lines| house.service.fill(lines)).await;
    let heads = house.service.heads();
    assert!(
        heads
            .iter()
            .all(|head| head.contains("\r\naccept: application/json\r\n"))
    );
    assert!(
        heads
            .iter()
            .all(|head| head.contains("\r\ncache-control: no-cache\r\n"))
    );
    assert_eq!(house.service.connections(), 1, "one connection serves all");
}

#[tokio::test(flavor = "multi_thread")]
async fn subjects_that_are_not_asked_for_are_in_good_standing() {
    let house = House::new();
    let mut settings = house.settings("");
    settings.subjects =
        toml::from_str::<std::collections::BTreeMap<String, Subjects>>("subjects = \"not-asked\"")
            .unwrap()
            .remove("subjects")
            .unwrap();
    let directory = HttpDirectory::open(&settings, Handle::current()).unwrap();
    house
        .service
        .fill(r#"{"issuer":"owners","subject":"bob","suspended":true}"#);
    let standing = directory.find_subject("owners", "bob").await;
    assert_eq!(standing, Ok(SubjectFacts::default()));
    assert!(house.service.heads().is_empty(), "nobody was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_that_leads_elsewhere_is_not_asked_for() {
    let house = House::new();
    let directory = house.open("");
    for subject in ["..", ".", ""] {
        let standing = directory.find_subject("owners", subject).await;
        assert_eq!(standing, Err(LookupError::Malformed), "{subject:?}");
    }
    assert!(house.service.heads().is_empty(), "nobody was asked");
    let answer = r#"{"sub":"../x","iss":"owners","blocked":true}"#;
    house.service.put("/v1/subjects/owners/..%2Fx", answer);
    let standing = directory.find_subject("owners", "../x").await;
    assert_eq!(standing, Ok(SubjectFacts { suspended: true }));
}

/// Through the configuration, without TLS on this machine, and nothing is written.
#[test]
fn what_is_asked_there_is_not_changed_here() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let service = runtime.block_on(async { Service::start(None).await });
    service.fill(&service::line("alice"));
    let url = format!("http://{}/v1", service.address);
    let text = format!(
        r#"
        routes = []
        policies = "p"
        listeners.edge.address = "127.0.0.1:0"
        admin.socket = "s"
        surfaces = {{}}
        upstreams = {{}}
        vehicles = {{ wmis = [], check_digit = [] }}
        audit = {{ file = "a", pseudonym_key_file = "k", when_unavailable = "deny" }}
        switches.directory = "d"
        [ownership]
        store = "http"
        keep = {{ max_age = "60s", absent_max_age = "10s" }}
        [ownership.http]
        vehicle_url = "{url}/vehicles/{{vin}}"
        timeout = "5s"
        subjects = "not-asked"
        {MAP}
        "#
    );
    let config: ConfigFile = toml::from_str(&text).unwrap();
    let directory = Directory::open(&config, runtime.handle()).unwrap();
    let found = directory.get(&vin()).unwrap().unwrap();
    assert_eq!(found.owner.as_deref(), Some("alice"));
    let asked = service.heads().len();
    let changed = directory.change(vin(), |_| Ok::<_, String>(None));
    let told = matches!(&changed, Err(Unchanged::Elsewhere(why)) if why.contains("kept by"));
    assert!(told, "{changed:?}");
    let terms = Terms {
        bad: BadLines::Refuse,
        regions: std::collections::BTreeSet::new(),
        issuers: std::collections::BTreeSet::new(),
    };
    let line = service::line("bob");
    let lines = &mut line.as_bytes();
    let imported = directory.import(&mut Intake::whole(lines, &terms, Others::Stay));
    let told = matches!(&imported, Err(ImportError::Refused(why)) if why.contains("kept by"));
    assert!(told, "{imported:?}");
    assert_eq!(
        service.heads().len(),
        asked,
        "the service hears nothing of it"
    );
    assert_eq!(format!("{directory:?}"), "Directory(http)");
    drop(runtime);
}
