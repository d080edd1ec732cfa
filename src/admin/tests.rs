//! Does the API do what its calls say, over a real socket, with the command line's own client?

mod callers;
mod fuzz;
mod house;
mod conditions;
mod openapi;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::*;
use crate::admin::client::Client;
use crate::cli::{End, Failure};
use crate::config::file::Roles;
use crate::revocations::Revocations;
use crate::switchboard::Place;
use crate::switchboard::store::ColdStart;

pub(super) use fuzz::viewer;
pub(super) use house::operated;

const SWITCHES: &str = "/v1/switches";
const IMPORT: &str = "/v1/ownership/import";

/// A serving API; it ends with this.
pub(crate) struct Served {
    folder: tempfile::TempDir,
    switchboard: Arc<Switchboard>,
    access: Arc<ArcSwap<Access>>,
    history: Arc<History>,
    pub(in crate::admin) revocations: Arc<Revocations>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<Result<(), String>>>,
}

impl Served {
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("admin.sock")
    }

    /// The switch log.
    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    pub(in crate::admin) fn client(&self) -> Client {
        Client::connect(&self.socket()).unwrap().unwrap()
    }

    pub(in crate::admin) fn call(
        &self,
        method: Method,
        path: &str,
        body: &str,
    ) -> Result<(StatusCode, Value), Failure> {
        let (status, _, value) = self.call_if("*", method, path, body)?;
        Ok((status, value))
    }

    /// A call about what has this tag; answers the tag that it has now, too.
    pub(in crate::admin) fn call_if(
        &self,
        tag: &str,
        method: Method,
        path: &str,
        body: &str,
    ) -> Result<(StatusCode, String, Value), Failure> {
        let body = Bytes::from(body.to_owned());
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_MATCH, tag.parse().unwrap());
        let (status, headers, bytes) = self.client().send_with(method, path, headers, body)?;
        let tag = headers
            .get(header::ETAG)
            .map(|tag| tag.to_str().unwrap().to_owned());
        let value = serde_json::from_slice(&bytes).unwrap();
        Ok((status, tag.unwrap_or_default(), value))
    }

    pub(crate) fn is_closed(&self, surface: &str) -> bool {
        let place = Place {
            surface,
            ..Place::default()
        };
        self.switchboard.current().judge(place).is_some()
    }

    /// Somebody writes into the switch log by hand.
    pub(crate) fn alter_history(&self) {
        let file = self.folder.path().join("history.jsonl");
        self.history.append(refusal("x", "Open", "NoRole"));
        let written = (0..2_000).any(|_| {
            std::thread::park_timeout(std::time::Duration::from_millis(10));
            std::fs::read_to_string(&file).is_ok_and(|text| text.ends_with('\n'))
        });
        assert!(written);
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("Open", "View")).unwrap();
    }

    pub(crate) fn newest(&self) -> crate::switchboard::Closure {
        let board = self.switchboard.board();
        let newest = board.closures().max_by_key(|closure| closure.revision);
        crate::switchboard::Closure::clone(newest.unwrap())
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

fn terms() -> crate::pipeline::identity::issuer::Terms {
    crate::pipeline::identity::issuer::Terms {
        issuer: "https://id.example".to_owned(),
        longest: std::time::Duration::from_secs(3_605),
        clock_skew: std::time::Duration::from_secs(5),
    }
}

/// Serves with these users having every role, or those of a gateway.
pub(crate) fn serve(always: Option<BTreeSet<u32>>) -> Served {
    serve_with(always, Roles::default())
}

/// The same, with roles.
pub(crate) fn serve_with(always: Option<BTreeSet<u32>>, roles: Roles) -> Served {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("switches");
    let cold_start = ColdStart {
        baseline: None,
        closed: vec!["mobile-v1".to_owned()],
    };
    let (switchboard, _) = Switchboard::open(&directory, &cold_start).unwrap();
    let switchboard = Arc::new(switchboard);
    let names = Names {
        surfaces: [("mobile-v1".to_owned(), false), ("portal".to_owned(), true)].into(),
        issuers: ["owners".to_owned()].into(),
        terms: [("owners".to_owned(), terms())].into(),
        ..Names::default()
    };
    let operated = operated(folder.path(), &switchboard, (names, roles));
    let history = Arc::clone(&operated.history);
    let access = Arc::clone(&operated.access);
    let revocations = Arc::clone(&operated.revocations);
    let (stop, stopped) = oneshot::channel::<()>();
    let (ready, is_ready) = std::sync::mpsc::channel();
    let socket = folder.path().join("admin.sock");
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let bound = api::bind(&socket, None)?;
            ready.send(()).unwrap();
            let shutdown = async { drop(stopped.await) };
            match always {
                Some(always) => {
                    api::serve_for(always, bound, operated, shutdown).await;
                    Ok(())
                }
                None => api::serve_on(bound, operated, shutdown).await,
            }
        })
    });
    is_ready.recv().unwrap();
    Served {
        folder,
        switchboard,
        access,
        history,
        revocations,
        stop: Some(stop),
        thread: Some(thread),
    }
}

fn close(scope: &Value) -> String {
    json!({"scope": scope, "state": "closed", "reason": "a leak"}).to_string()
}

#[test]
fn what_is_closed_is_listed_with_who_and_why() {
    let served = serve(None);
    let body = json!({
        "scope": {"surfaces": ["portal"]}, "state": "closed", "reason": "a leak",
        "texts": {"en": "back soon", "de": "gleich wieder da"}, "ticket": "INC-7",
        "seconds": 60, "confirm": "portal", "break_glass": true
    });
    let (status, done) = served
        .call(Method::POST, SWITCHES, &body.to_string())
        .unwrap();
    assert_eq!(
        (status, &done["durable"]),
        (StatusCode::CREATED, &json!(true))
    );
    assert!(served.is_closed("portal"));
    let id = done["closure"]["id"].clone();
    let (_, tag, listed) = served.call_if("*", Method::GET, SWITCHES, "").unwrap();
    assert_eq!((&listed["revision"], &*tag), (&json!(1), "\"1\""));
    let closures = listed["closures"].as_array().unwrap();
    let closure = closures.iter().find(|one| one["id"] == id).unwrap();
    let who = accounts::Accounts::read().user(socket_user());
    let expected = json!({
        "scope": {"surfaces": ["portal"]}, "state": {"is": "closed"}, "reason": "a leak",
        "texts": {"en": "back soon", "de": "gleich wieder da"}, "ticket": "INC-7",
        "closed_by": who, "revision": 1
    });
    for (member, value) in expected.as_object().unwrap() {
        assert_eq!(&closure[member], value, "{member}");
    }
    assert_eq!(
        closure["change"]["break_glass"], true,
        "one person, where two were needed"
    );
    let (start, end) = (&closure["closed_at"], &closure["expires_at"]);
    assert_eq!(end.as_u64().unwrap(), start.as_u64().unwrap() + 60);
    let path = format!("{SWITCHES}/{}", id.as_str().unwrap());
    assert_eq!(served.call(Method::GET, &path, "").unwrap().1, *closure);
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
        .map(|_| served.call(Method::POST, SWITCHES, &body).unwrap().1["closure"]["id"].to_string())
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
    let unreasoned = json!({"scope": {"surfaces": ["mobile-v1"]}, "state": "closed"}).to_string();
    let stateless = json!({"scope": {"surfaces": ["mobile-v1"]}, "reason": "r"}).to_string();
    let typo = close(&json!({"surfaces": ["mobil-v1"]}));
    let wrong_member = close(&json!({"surface": ["mobile-v1"]}));
    let nothing = close(&json!({}));
    let more_than_all = close(&json!({"all": true, "surfaces": ["mobile-v1"]}));
    let table = [
        (&*typo, "did you mean `mobile-v1`"),
        (&*nothing, "name what to close"),
        (&*more_than_all, "beside `all`"),
        (&*wrong_member, "unknown field"),
        (&*unreasoned, "reason"),
        (&*stateless, "state"),
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
        "POST /v1/switches HTTP/1.1\r\nHost: vingate\r\nIf-Match: *\r\n\
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
    let open = |id: &str| format!("{SWITCHES}/{id}:open");
    let (missing, file, verb) = (open("c-9"), open("file-x"), format!("{SWITCHES}/c-9:shut"));
    let table = [
        ((Method::PUT, SWITCHES), End::Failed, "another method"),
        ((Method::GET, IMPORT), End::Failed, "another method"),
        ((Method::DELETE, SWITCHES), End::Failed, "another method"),
        ((Method::GET, "/v2"), End::Failed, "no such call"),
        (
            (Method::POST, &*missing),
            End::Failed,
            "no closure has the id `c-9`",
        ),
        ((Method::POST, &*file), End::Conflict, "take the file away"),
        ((Method::POST, &*verb), End::Failed, ":restore, :open"),
    ];
    for (call, end, expected) in table {
        refuse(&served, call, "", end, expected);
    }
}

#[test]
fn a_dry_run_says_the_same_and_changes_nothing() {
    let served = serve(None);
    let mut body = json!({
        "scope": {"surfaces": ["portal"]}, "state": "closed", "reason": "drill", "dry_run": true
    });
    let refused = served
        .call(Method::POST, SWITCHES, &body.to_string())
        .unwrap_err();
    assert_eq!(refused.end, End::Refused);
    body["confirm"] = json!("portal");
    let (status, done) = served
        .call(Method::POST, SWITCHES, &body.to_string())
        .unwrap();
    assert_eq!((status, &done["dry_run"]), (StatusCode::OK, &json!(true)));
    assert!(
        done["closure"]["pending"].is_object(),
        "it would wait for a second person"
    );
    assert!(!served.is_closed("portal"));
    assert_eq!(served.switchboard.board().revision(), 0);
}

#[test]
fn without_a_disk_closing_is_in_force_and_says_so() {
    let served = serve(None);
    std::fs::remove_dir_all(served.folder.path().join("switches")).unwrap();
    let body = close(&json!({"clients": ["app"]}));
    let (status, done) = served.call(Method::POST, SWITCHES, &body).unwrap();
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
    assert_eq!(served.switchboard.board().in_force().count(), 2);
    let path = format!(
        "{SWITCHES}/{}:undo",
        done["closure"]["id"].as_str().unwrap()
    );
    let refused = served.call(Method::POST, &path, "").unwrap_err();
    assert!(refused.message.contains("still closed"), "{refused}");
    assert_eq!(served.switchboard.board().in_force().count(), 2);
}
