//! Does the API do what its calls say, over a real socket, with the command line's own client?

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::*;
use crate::admin::client::Client;
use crate::cli::{End, Failure};
use crate::switchboard::Place;

const SWITCHES: &str = "/v1/switches";
const IMPORT: &str = "/v1/ownership/import";

/// A serving API; it ends with this.
pub(crate) struct Served {
    folder: tempfile::TempDir,
    switchboard: Arc<Switchboard>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<Result<(), String>>>,
}

impl Served {
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("admin.sock")
    }

    fn client(&self) -> Client {
        Client::connect(&self.socket()).unwrap().unwrap()
    }

    fn call(&self, method: Method, path: &str, body: &str) -> Result<(StatusCode, Value), Failure> {
        let body = Bytes::from(body.to_owned());
        let (status, bytes) = self.client().send(method, path, body)?;
        Ok((status, serde_json::from_slice(&bytes).unwrap()))
    }

    pub(crate) fn is_closed(&self, surface: &str) -> bool {
        let place = Place {
            surface,
            ..Place::default()
        };
        self.switchboard.current().find(place).is_some()
    }

    pub(crate) fn closed_vehicles(&self) -> usize {
        let board = self.switchboard.board();
        board
            .closures()
            .map(|closure| closure.scope.vehicles.len())
            .sum()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().unwrap().join().unwrap();
        assert_eq!(ended, Ok(()));
        assert!(!self.socket().exists());
    }
}

/// Serves these users, or whom a gateway serves.
pub(crate) fn serve(callers: Option<BTreeSet<u32>>) -> Served {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("switches");
    let (switchboard, _) = Switchboard::open(&directory, &["mobile-v1".to_owned()]).unwrap();
    let switchboard = Arc::new(switchboard);
    let file = folder.path().join("vehicles.redb");
    let operated = Operated {
        switchboard: Arc::clone(&switchboard),
        directory: Arc::new(EmbeddedDirectory::open(&file).unwrap()),
        names: Arc::new(|| Names {
            surfaces: [("mobile-v1".to_owned(), false), ("portal".to_owned(), true)].into(),
            ..Names::default()
        }),
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let (ready, is_ready) = std::sync::mpsc::channel();
    let socket = folder.path().join("admin.sock");
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let bound = api::bind(&socket)?;
            ready.send(()).unwrap();
            let shutdown = async { drop(stopped.await) };
            match callers {
                Some(callers) => api::serve_for(callers, bound, operated, shutdown).await,
                None => api::serve_on(bound, operated, shutdown).await,
            }
        })
    });
    is_ready.recv().unwrap();
    Served {
        folder,
        switchboard,
        stop: Some(stop),
        thread: Some(thread),
    }
}

fn close(scope: &Value) -> String {
    json!({"scope": scope, "reason": "a leak", "message": "back soon"}).to_string()
}

#[test]
fn what_is_closed_is_listed_with_who_and_why() {
    let served = serve(None);
    let body = json!({
        "scope": {"surfaces": ["portal"]}, "reason": "a leak", "message": "back soon",
        "retry_after": 45, "confirm": "portal"
    });
    let (status, done) = served
        .call(Method::POST, SWITCHES, &body.to_string())
        .unwrap();
    assert_eq!(status, StatusCode::CREATED);
    let id = done["id"].clone();
    assert_eq!(done, json!({"id": id, "revision": 1, "durable": true}));
    assert!(served.is_closed("portal"));

    let (_, listed) = served.call(Method::GET, SWITCHES, "").unwrap();
    assert_eq!(listed["revision"], json!(1));
    let closures = listed["closures"].as_array().unwrap();
    let closure = closures.iter().find(|one| one["id"] == id).unwrap();
    let who = socket::Peer(Some(socket_user())).name();
    let expected = json!({
        "id": id, "scope": {"surfaces": ["portal"]}, "reason": "a leak", "message": "back soon",
        "closed_by": who, "closed_at": closure["closed_at"], "retry_after": 45
    });
    assert_eq!(*closure, expected);
    assert!(closure["closed_at"].as_u64().unwrap() > 1_700_000_000);
}

#[test]
fn what_is_opened_is_open_for_the_next_request() {
    let served = serve(None);
    let path = "/v1/switches/cold-start-mobile-v1";
    assert!(served.is_closed("mobile-v1"));
    let (status, done) = served.call(Method::DELETE, path, "").unwrap();
    assert_eq!((status, &done["revision"]), (StatusCode::OK, &json!(1)));
    assert!(!served.is_closed("mobile-v1"));
    let again = served.call(Method::DELETE, path, "").unwrap_err();
    assert_eq!(again.end, End::Failed);
    assert!(again.message.contains("nothing to open"), "{again}");
}

fn socket_user() -> u32 {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async { socket::own_user().unwrap() })
}

#[test]
fn every_closure_has_an_id_of_its_own() {
    let served = serve(None);
    let body = close(&json!({"surfaces": ["mobile-v1"]}));
    let ids: BTreeSet<String> = (0..20)
        .map(|_| served.call(Method::POST, SWITCHES, &body).unwrap().1["id"].to_string())
        .collect();
    assert_eq!(ids.len(), 20);
}

/// Asks for what can't be done, and sees that it wasn't.
fn refuse(served: &Served, (method, path): (Method, &str), body: &str, end: End, expected: &str) {
    let shown: String = body.chars().take(80).collect();
    let failure = served.call(method, path, body).unwrap_err();
    assert_eq!(failure.end, end, "{shown}: {failure}");
    let message = failure.message.to_lowercase();
    assert!(message.contains(expected), "{shown}: {failure}");
    assert_eq!(served.switchboard.board().revision(), 0);
}

#[test]
fn a_closure_that_can_not_be_meant_changes_nothing() {
    let served = serve(None);
    let oversized = close(&json!({"surfaces": ["x".repeat(9 * 1024 * 1024)]}));
    let unreasoned = json!({"scope": {"surfaces": ["mobile-v1"]}}).to_string();
    let typo = close(&json!({"surfaces": ["mobil-v1"]}));
    let wrong_member = close(&json!({"surface": ["mobile-v1"]}));
    let nothing = close(&json!({}));
    let table = [
        (&*typo, "did you mean `mobile-v1`"),
        (&*nothing, "name what to close"),
        (&*wrong_member, "unknown field"),
        (&*unreasoned, "reason"),
        ("{\"scope\":", "json"),
        ("\0\x01", "json"),
        ("", "json"),
        (&*oversized, "limit"),
    ];
    for (body, expected) in table {
        let call = (Method::POST, SWITCHES);
        refuse(&served, call, body, End::InvalidInput, expected);
    }
    let protected = close(&json!({"surfaces": ["portal"]}));
    let call = (Method::POST, SWITCHES);
    refuse(
        &served,
        call,
        &protected,
        End::Refused,
        "--confirm-name portal",
    );
}

#[test]
fn an_oversized_body_is_refused_by_the_server_too() {
    let served = serve(None);
    let mut stream = std::os::unix::net::UnixStream::connect(served.socket()).unwrap();
    let limit = std::time::Duration::from_secs(20); // fails instead of hanging
    stream.set_read_timeout(Some(limit)).unwrap();
    let length = api::CLOSURE_BYTES + 1; // no more, so that nothing is left unread
    let head = format!(
        "POST /v1/switches HTTP/1.1\r\nHost: vingate\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&vec![b' '; length]).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[test]
fn a_call_that_is_not_there_is_refused() {
    let served = serve(None);
    let table = [
        ((Method::PUT, SWITCHES), "another method"),
        ((Method::GET, IMPORT), "another method"),
        ((Method::DELETE, SWITCHES), "another method"),
        ((Method::GET, "/v2"), "no such call"),
        ((Method::DELETE, "/v1/switches/c-9"), "nothing to open"),
    ];
    for (call, expected) in table {
        refuse(&served, call, "", End::Failed, expected);
    }
}

#[test]
fn a_dry_run_says_the_same_and_changes_nothing() {
    let served = serve(None);
    let body = json!({"scope": {"surfaces": ["portal"]}, "reason": "drill", "dry_run": true});
    let refused = served
        .call(Method::POST, SWITCHES, &body.to_string())
        .unwrap_err();
    assert_eq!(refused.end, End::Refused);
    let body = body
        .to_string()
        .replace("\"dry_run\"", "\"confirm\":\"portal\",\"dry_run\"");
    let (status, done) = served.call(Method::POST, SWITCHES, &body).unwrap();
    assert_eq!((status, &done["revision"]), (StatusCode::OK, &json!(0)));
    assert!(!served.is_closed("portal"));
}

#[test]
fn without_a_disk_closing_is_in_force_and_says_so() {
    let served = serve(None);
    std::fs::remove_dir_all(served.folder.path().join("switches")).unwrap();
    let body = json!({
        "scope": {"surfaces": ["portal"]}, "reason": "a leak", "confirm": "portal"
    });
    let (status, done) = served
        .call(Method::POST, SWITCHES, &body.to_string())
        .unwrap();
    assert_eq!(
        (status, &done["durable"]),
        (StatusCode::CREATED, &json!(false))
    );
    assert!(
        done["warning"]
            .as_str()
            .unwrap()
            .contains("can't be written")
    );
    assert!(served.is_closed("portal"));
    let path = format!("{SWITCHES}/{}", done["id"].as_str().unwrap());
    let refused = served.call(Method::DELETE, &path, "").unwrap_err();
    assert!(refused.message.contains("still closed"), "{refused}");
    assert!(served.is_closed("portal"));
}

#[test]
fn another_user_is_refused_whatever_it_asks() {
    let served = serve(Some(BTreeSet::from([u32::MAX])));
    let body = close(&json!({"surfaces": ["portal"]}));
    let table = [
        (Method::GET, SWITCHES, ""),
        (Method::POST, SWITCHES, &*body),
        (Method::DELETE, "/v1/switches/cold-start-mobile-v1", ""),
        (Method::POST, IMPORT, "{}\n"),
        (Method::GET, "/v2", ""),
    ];
    for (method, path, body) in table {
        let refused = served.call(method, path, body).unwrap_err();
        assert_eq!(refused.end, End::Refused, "{path}");
        assert!(refused.message.contains("may not operate"), "{refused}");
    }
    assert_eq!(served.switchboard.board().revision(), 0);
    assert!(served.is_closed("mobile-v1"));
}

#[test]
fn an_import_names_its_bad_lines() {
    let served = serve(None);
    let good = r#"{"vin":"SJNFAAZE0U6012345","owner":"sub-1","drivers":[],"fleet":null,"region":"NE","trim":"SV","capabilities":["climate"],"telematics":true}"#;
    let lines = format!("{good}\nnot json\n");
    let refused = served.call(Method::POST, IMPORT, &lines).unwrap_err();
    assert_eq!(refused.end, End::InvalidInput);
    assert!(
        refused.message.contains("nothing was imported"),
        "{refused}"
    );
    assert!(refused.message.contains("\nline 2: "), "{refused}");
    let path = format!("{IMPORT}?skip_bad=true");
    let (status, report) = served.call(Method::POST, &path, &lines).unwrap();
    assert_eq!((status, &report["imported"]), (StatusCode::OK, &json!(1)));
    assert_eq!(report["skipped"][0]["line"], json!(2));
    let path = format!("{IMPORT}?skip=true");
    assert_eq!(
        served.call(Method::POST, &path, good).unwrap_err().end,
        End::InvalidInput
    );
}

#[test]
fn nobody_at_a_socket_is_no_client() {
    let folder = tempfile::tempdir().unwrap();
    assert!(
        Client::connect(&folder.path().join("absent.sock"))
            .unwrap()
            .is_none()
    );
    let stale = folder.path().join("stale.sock");
    drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
    assert!(Client::connect(&stale).unwrap().is_none());
    let nonsense: &Path = folder.path();
    let found = Client::connect(nonsense);
    assert!(!matches!(found, Ok(Some(_))));
}
