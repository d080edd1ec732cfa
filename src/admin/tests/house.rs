//! What the API works on in a test.

use super::*;
use crate::adapters::audit_log::AuditLog;
use crate::adapters::embedded::EmbeddedDirectory;
use crate::adapters::local_fleet::LocalFleet;
use crate::config::file::Admin;
use crate::pipeline::policy::files::Files;
use crate::pipeline::rehearsal::Rehearsals;
use crate::prober::LoopbackProber;
use crate::revocations::Revocations;
use crate::switchboard::spread::Me;
use crate::switchboard::timekeeping::{Timekeeping, Witness};
use crate::traffic::LiveCensus;

/// All that the API works on, over a board, in a folder.
pub(in crate::admin) fn operated(
    folder: &Path,
    switchboard: &Arc<Switchboard>,
    (names, roles): (Names, Roles),
) -> Operated {
    let (audit, history) = (folder.join("audit.jsonl"), folder.join("history.jsonl"));
    drop(AuditLog::open(&audit, 8, ChainKey::new(&[7; 32])).unwrap()); // a log without a line
    let fleet_key = FleetKey::new(&[7; 32]).unwrap();
    let chain = || ChainKey::new(&[7; 32]);
    let me = Me {
        name: "here".to_owned(),
        url: None,
        fleet: Witness::Itself,
    };
    let store = Arc::new(LocalFleet::new());
    let time = Arc::new(Timekeeping::start());
    let board = || Arc::clone(switchboard);
    let spread = Spread::new(me, board(), store, fleet_key.clone(), time);
    let revocations = Revocations::open(folder, false, BTreeSet::new());
    let revocations = Arc::new(revocations.unwrap().0);
    let newest = Arc::clone(&revocations);
    spread.set_revoked(Box::new(move || newest.put_last()));
    let traffic = Arc::new(Traffic::new(clock::unix_time()));
    let census = LiveCensus::new(Arc::clone(&traffic), board());
    spread.set_census(Arc::new(census));
    let (tickets, policies) = (Arc::new(Rehearsals::new().unwrap()), access(roles));
    let prober = LoopbackProber::new(Vec::new(), rules(folder), board(), tickets);
    Operated {
        switchboard: board(),
        revocations,
        directory: Directory::embedded(
            EmbeddedDirectory::open(&folder.join("vehicles.redb")).unwrap(),
        ),
        access: Arc::new(ArcSwap::from_pointee(policies)),
        names: Arc::new(move || names.clone()),
        pseudonyms: Arc::new(|| Pseudonyms::new(&[7; 32]).unwrap()),
        fleet_key: Some(fleet_key),
        spread: Arc::new(spread),
        traffic,
        drill: Arc::new(Drill::open(folder, Arc::new(prober), board())),
        history: Arc::new(History::open(&history, chain()).unwrap()),
        logs: Arc::new(Logs([
            ("audit", audit, chain()),
            ("switches", history, chain()),
        ])),
        policies: Arc::default(),
        wishes: mpsc::channel(1).0, // nobody loads any
        running: Arc::new(Running::default),
    }
}

/// Rules of an estate of one route.
fn rules(folder: &Path) -> Arc<ArcSwap<crate::rules::Rules>> {
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    std::fs::write(folder.join("pseudonym.key"), [7; 32]).unwrap();
    let routes = "[[route]]\nid = \"login\"\nsurface = \"mobile-v1\"\nmethods = [\"POST\"]\n\
                  path = \"/login\"\naction = \"Login\"\nvehicle = \"none\"\n\
                  identity = \"none\"\nbecause = \"a test\"\nupstream = \"telematics\"\n";
    std::fs::write(folder.join("routes.toml"), routes).unwrap();
    let config = format!(
        r#"routes = ["routes.toml"]
policies = "{}"
listeners.edge.address = "127.0.0.1:0"
admin.socket = "admin.sock"
surfaces.mobile-v1.on_cold_start = "open"
upstreams.telematics.addresses = ["127.0.0.1:1"]
vehicles = {{ wmis = [], check_digit = [] }}
ownership = {{ store = "embedded", file = "o.redb" }}
switches.directory = "switches"
audit = {{ file = "a", pseudonym_key_file = "pseudonym.key", when_unavailable = "deny" }}
"#,
        policies.display()
    );
    let file = folder.join("vingate.toml");
    std::fs::write(&file, config).unwrap();
    let loaded = crate::config::load(&file, &[]).unwrap();
    Arc::new(ArcSwap::from_pointee(crate::rules::build(&loaded).unwrap()))
}

/// The shipped policies, with these roles.
pub(super) fn access(roles: Roles) -> Access {
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let admin = Admin {
        socket: PathBuf::new(),
        group: None,
        single_person: false,
        tls: None,
        roles,
    };
    Access::read(&admin, &Files::folder(&policies), &|key| key.to_owned()).unwrap()
}
