//! How do ownership facts come in?
//!
//! JSON Lines, passed on while they arrive: an import is never whole in memory. One that breaks off
//! is an error to its reader, never a short file.

use std::io::{self, BufReader, Read};

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::{Extension, Json};
use bytes::{Buf, Bytes};
use http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::adapters::embedded::{BadLine, BadLines, ImportError, ImportReport, Terms};
use crate::adapters::facts::intake::{Intake, Others};
use crate::admin::Operated;
use crate::admin::authority::{Act, Circumstances};
use crate::admin::changing::on_a_thread;
use crate::admin::conditions::IfMatch;
use crate::admin::granting::entry::{Begun, Entry};
use crate::admin::person::Person;
use crate::admin::problem::Problem;

/// Bytes of one import: some 1.5 million vehicles.
pub(crate) const IMPORT_BYTES: usize = 256 * 1024 * 1024;
/// Pieces that wait for the store.
const PIECES: usize = 16;

pub(super) async fn import(
    State(operated): State<Operated>,
    Extension(person): Extension<Person>,
    _: IfMatch,
    RawQuery(query): RawQuery,
    body: Body,
) -> Result<Json<ImportReport>, Problem> {
    operated.permit(&person, Act::ImportOwnership, Circumstances::default())?;
    let names = (operated.names)();
    let (bad, others) = manner(query.as_deref())?;
    let terms = Terms {
        bad,
        regions: names.regions,
        issuers: names.issuers,
    };
    let mut entry = Entry::new(&operated, &person, "import");
    entry.add("lines", words(bad, others));
    // Facts give access: it is on record before a line is read.
    let begun = on_a_thread(move || entry.begin()).await?;
    let (sender, receiver) = mpsc::channel(PIECES);
    let store = tokio::task::spawn_blocking(move || {
        let mut lines = BufReader::new(Lines::new(receiver));
        let mut intake = Intake::whole(&mut lines, &terms, others);
        let imported = operated.directory.import(&mut intake);
        conclude(begun, &imported);
        imported
    });
    let arrived = pass_on(body, sender).await;
    let ended = store.await;
    arrived?;
    match ended {
        Ok(Ok(report)) => Ok(told(report)),
        Ok(Err(ImportError::Bad(lines, more))) => Err(refused(lines, more)),
        Ok(Err(ImportError::Store(flaw))) => Err(Problem::failed(flaw)),
        Ok(Err(ImportError::Refused(why))) => Err(Problem::store_refuses(why)),
        Err(_) => Err(Problem::failed("the import broke off")),
    }
}

/// What becomes of bad lines, and of records that the lines don't name.
fn manner(query: Option<&str>) -> Result<(BadLines, Others), Problem> {
    match query.unwrap_or("skip_bad=false") {
        "skip_bad=true" => Ok((BadLines::Skip, Others::Stay)),
        "skip_bad=false" | "" => Ok((BadLines::Refuse, Others::Stay)),
        "replace=true" => Ok((BadLines::Refuse, Others::Go)),
        _ => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "malformed-request",
            "the query is `skip_bad=true`, `skip_bad=false` or `replace=true`",
        )),
    }
}

/// The same for a record.
pub(crate) fn words(bad: BadLines, others: Others) -> &'static str {
    match (bad, others) {
        (_, Others::Go) => "replace",
        (BadLines::Skip, Others::Stay) => "skip bad",
        (BadLines::Refuse, Others::Stay) => "add",
    }
}

/// What came of an import, and how much, for its record.
pub(crate) fn outcome(imported: &Result<ImportReport, ImportError>) -> (&'static str, Value) {
    match imported {
        Ok(report) => {
            let changed = json!({
                "records": report.imported,
                "skipped": skipped(&report.skipped, report.more),
                "sha256": report.sha256,
            });
            ("done", changed)
        }
        Err(ImportError::Bad(bad, more)) => {
            ("import-refused", json!({ "bad": skipped(bad, *more) }))
        }
        // a store that fails says nothing of what it did last
        Err(ImportError::Store(_)) => ("failed", json!({})),
        Err(ImportError::Refused(_)) => ("store-refuses", json!({})),
    }
}

fn skipped(told: &[BadLine], more: u64) -> u64 {
    more.saturating_add(told.iter().map(|_| 1).sum())
}

fn conclude(begun: Begun, imported: &Result<ImportReport, ImportError>) {
    let (outcome, changed) = outcome(imported);
    begun.conclude(outcome, changed);
}

fn told(report: ImportReport) -> Json<ImportReport> {
    tracing::info!(
        target: "vingate::admin",
        imported = report.imported,
        skipped = skipped(&report.skipped, report.more),
        "ownership facts imported"
    );
    Json(report)
}

fn refused(lines: Vec<BadLine>, more: u64) -> Problem {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    let detail = "nothing was imported: some lines are wrong";
    let mut problem = Problem::new(status, "import-refused", detail);
    problem.bad = lines;
    problem.more = more;
    problem
}

/// A part of a body on its way to the store, or from it.
pub(super) enum Piece {
    Bytes(Bytes),
    /// The body is whole. Without this the reader fails, whatever became of the sender.
    End,
}

/// Passes the body on. If the store stops reading, its own answer says why; the rest is read all
/// the same, since a client that is still sending would miss that answer.
async fn pass_on(body: Body, sender: mpsc::Sender<Piece>) -> Result<(), Problem> {
    let mut body = Limited::new(body, IMPORT_BYTES);
    let mut reads = true;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            if error.is::<LengthLimitError>() {
                let detail = format!("an import has at most {IMPORT_BYTES} bytes: split it");
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", detail)
            } else {
                let detail = "the import broke off";
                Problem::new(StatusCode::BAD_REQUEST, "malformed-request", detail)
            }
        })?;
        if let Ok(bytes) = frame.into_data() {
            reads &= sender.send(Piece::Bytes(bytes)).await.is_ok();
        }
    }
    reads &= sender.send(Piece::End).await.is_ok();
    if !reads {
        tracing::debug!(target: "vingate::admin", "the store stopped reading an import early");
    }
    Ok(())
}

/// The body as the store reads it, on a blocking thread.
struct Lines {
    pieces: mpsc::Receiver<Piece>,
    rest: Bytes,
    ended: bool,
}

impl Lines {
    fn new(pieces: mpsc::Receiver<Piece>) -> Self {
        Self {
            pieces,
            rest: Bytes::new(),
            ended: false,
        }
    }
}

impl Read for Lines {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() && !self.ended {
            match self.pieces.blocking_recv() {
                Some(Piece::Bytes(bytes)) => self.rest = bytes,
                Some(Piece::End) => self.ended = true,
                None => return Err(io::Error::other("the import broke off")),
            }
        }
        let count = self.rest.len().min(out.len());
        let (filled, _) = out.split_at_mut(count);
        self.rest.copy_to_slice(filled);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: Vec<Piece>) -> io::Result<String> {
        let (sender, receiver) = mpsc::channel(PIECES);
        for piece in pieces {
            assert!(sender.try_send(piece).is_ok());
        }
        drop(sender);
        let mut text = String::new();
        Lines::new(receiver).read_to_string(&mut text).map(|_| text)
    }

    #[test]
    fn a_whole_body_is_read_and_one_that_broke_off_is_an_error() {
        let bytes = |text: &'static str| Piece::Bytes(Bytes::from_static(text.as_bytes()));
        let whole = vec![bytes("one\nt"), bytes(""), bytes("wo\n"), Piece::End];
        assert_eq!(read(whole).unwrap(), "one\ntwo\n");
        assert_eq!(read(vec![Piece::End]).unwrap(), "");
        assert!(read(vec![bytes("one\n"), bytes("two\n")]).is_err());
        assert!(read(Vec::new()).is_err());
    }

    #[test]
    fn only_these_queries_are_known() {
        for plain in [None, Some(""), Some("skip_bad=false")] {
            assert!(matches!(
                manner(plain),
                Ok((BadLines::Refuse, Others::Stay))
            ));
        }
        let skipping = manner(Some("skip_bad=true"));
        assert!(matches!(skipping, Ok((BadLines::Skip, Others::Stay))));
        let whole = manner(Some("replace=true"));
        assert!(matches!(whole, Ok((BadLines::Refuse, Others::Go))));
        for unknown in [
            "skip_bad=yes",
            "skipbad=true",
            "skip_bad=true&x=1",
            "replace=true&skip_bad=true",
            "replace",
        ] {
            assert!(manner(Some(unknown)).is_err(), "{unknown}");
        }
    }
}
